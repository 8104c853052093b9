"""Values told apart without being told: what a server says of a configuration that may hold secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from pinecall_run.wire.codec import to_json


def digest(value: Any) -> str:
    """16 hex digits, the same for values that are the same JSON, whatever the order of their keys."""
    plain = msgspec.json.decode(to_json(value))
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()[:16]


_OF_PARTS = ("config", "media")


def parts(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration, with each of its raw ``config`` and its ``media`` by itself: ``config.vad``."""
    found: dict[str, Any] = {}
    for key, value in configuration.items():
        if key in _OF_PARTS and isinstance(value, Mapping):
            found |= {f"{key}.{name}": part for name, part in value.items()}
        else:
            found[key] = value
    return found

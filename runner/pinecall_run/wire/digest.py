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


def parts(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration, with each of its raw ``config`` by itself: ``config.vad``."""
    raw = configuration.get("config")
    if not isinstance(raw, Mapping):
        return dict(configuration)
    others = {key: value for key, value in configuration.items() if key != "config"}
    return others | {f"config.{key}": value for key, value in raw.items()}

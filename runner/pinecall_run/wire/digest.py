"""Values told apart without being told: what a server says of a configuration that may hold secrets."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from pinecall_run.wire.codec import to_json


def digest(value: Any) -> str:
    """16 hex digits, the same for values that are the same JSON, whatever the order of their keys."""
    plain = msgspec.json.decode(to_json(value))
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()[:16]

"""When a change of each key of an agent takes effect, as the schema says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = {"live": "live", "next-call": "next call", "reregister": "re-register", "restart": "restart"}
"""What people are told, by the schema's ``x-reload``."""


def effects(schema: Mapping[str, Any]) -> dict[str, str]:
    """One of :data:`WORDS` for each key of an agent."""
    properties = schema["$defs"]["agent"]["properties"]
    return {key: WORDS[_resolved(schema, part)["x-reload"]] for key, part in properties.items()}


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    while "x-reload" not in part:
        part = schema["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part

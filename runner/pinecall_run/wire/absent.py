"""The value of a field that is not on the wire: "leave as it is", where ``None`` is ``null``."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "UnsetType"]

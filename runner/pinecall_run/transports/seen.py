"""Which deliveries were here before, in bounded memory."""

from __future__ import annotations

from collections.abc import Hashable


class Seen:
    """The last ``most`` keys; of older ones nothing is known any more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Hashable) -> bool:
        """Take note of a key; whether it is new."""
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]
        return True

    def forget(self, key: Hashable) -> None:
        """The key was not dealt with after all: it is new when it comes again."""
        self._keys.pop(key, None)

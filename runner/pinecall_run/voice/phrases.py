"""The sound of what agents say word for word, again and again: greetings, fillers, apologies; in memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from pinecall_run.providers.contracts import Audio, Spoken

MOST_BYTES = 8_000_000
"""Some three minutes of sound at 24 kHz."""

Key = tuple[str, str]
"""A voice with all of its options, and what it said."""


class Phrases:
    """What was said to its end, the least wanted forgotten first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Sequence[Spoken]] = OrderedDict()

    def find(self, key: Key) -> Sequence[Spoken] | None:
        """The pieces of a phrase, where they are known."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: Key, pieces: Sequence[Spoken]) -> None:
        """Remember a phrase that was spoken to its end. One that is longer than all room is not kept."""
        size = _bytes(pieces)
        if key in self._kept or not size or size > self._most:
            return
        self._kept[key] = pieces
        self._bytes += size
        while self._bytes > self._most:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= _bytes(dropped)


def _bytes(pieces: Sequence[Spoken]) -> int:
    return sum(piece.samples.nbytes for piece in pieces if isinstance(piece, Audio))

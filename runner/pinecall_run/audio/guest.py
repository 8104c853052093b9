"""The voice of somebody who speaks into a call beside the agent: it comes over a network, and is heard evenly."""

from __future__ import annotations

from collections import deque

from pinecall_run.audio.chunk import CHUNK_SECONDS, Chunker, Samples

AHEAD = round(0.1 / CHUNK_SECONDS)
"""Chunks that are kept before the first is heard, so that a late one leaves no gap."""

MOST = round(1.0 / CHUNK_SECONDS)
"""Chunks that may wait. Of more the oldest are dropped: what was said long ago is in nobody's way."""


class Guest:
    """What a guest says, in chunks of 16 kHz."""

    def __init__(self) -> None:
        self._chunker = Chunker()
        self._chunks: deque[Samples] = deque()
        self._is_heard = False

    def add(self, samples: Samples) -> None:
        """More of their voice, of any length."""
        self._chunks.extend(self._chunker.feed(samples))
        if len(self._chunks) > MOST:
            while len(self._chunks) > AHEAD:
                self._chunks.popleft()

    def take(self) -> Samples | None:
        """The next 20 ms; ``None`` while there is nothing of them."""
        if not self._is_heard and len(self._chunks) < AHEAD:
            return None
        self._is_heard = bool(self._chunks)
        return self._chunks.popleft() if self._chunks else self._chunker.flush()

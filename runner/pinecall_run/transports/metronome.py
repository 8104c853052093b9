"""One beat each 20 ms for every call of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pinecall_run.audio.chunk import CHUNK_SECONDS

MAX_AT_ONCE = 5
"""Beats that are made up for when the event loop was late; the rest is left out."""

Beat = Callable[[float], None]
"""Called with the loop's time at which the beat was due."""


class Metronome:
    """Beats for whoever joined, without drift, and not at all when nobody did. A beat must not raise."""

    def __init__(self) -> None:
        self._beats: dict[Beat, None] = {}
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, beat: Beat) -> None:
        """From now on. Needs a running event loop, always the same."""
        self._beats[beat] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + CHUNK_SECONDS
            self._timer = loop.call_at(self._due, self._wake, loop)

    def leave(self, beat: Beat) -> None:
        """No more. Leaving twice does no harm."""
        self._beats.pop(beat, None)
        if not self._beats and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(MAX_AT_ONCE):
            for beat in list(self._beats):
                if beat in self._beats:
                    beat(self._due)
            self._due += CHUNK_SECONDS
            if self._due > loop.time():
                break
        else:
            self._due = loop.time() + CHUNK_SECONDS
        if self._beats:
            self._timer = loop.call_at(self._due, self._wake, loop)
        else:
            self._timer = None

"""What a runner tells, for any number of readers at their own pace."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque

from pinecall_run.live.notices import Missed, Notice

BUFFER = 1000
"""Notices that wait for one reader. A reader that is slower than that loses the oldest, and is told how many: nothing
waits for it."""


class Events:
    """One reader's notices, from the moment that it was made: ``async for notice in events``. It ends with the runner.

    One task reads it.
    """

    def __init__(self, limit: int = BUFFER) -> None:
        self._limit = limit
        self._waiting: deque[Notice] = deque()
        self._missed = 0
        self._is_over = False
        self._news = asyncio.Event()

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Notice:
        while not self._waiting:
            if self._is_over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        if self._missed:
            missed, self._missed = self._missed, 0
            return Missed(missed)
        return self._waiting.popleft()

    def waiting(self) -> list[Notice]:
        """Those that are there already; none of them is read by this."""
        return list(self._waiting)

    def put(self, notice: Notice) -> None:
        """One more; the oldest is dropped when too many wait."""
        if len(self._waiting) == self._limit:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(notice)
        self._news.set()

    def end(self) -> None:
        """There will be no more."""
        self._is_over = True
        self._news.set()


class Broadcast:
    """Tells every reader everything. A reader that nobody holds any more is forgotten."""

    def __init__(self) -> None:
        self._readers: weakref.WeakSet[Events] = weakref.WeakSet()
        self._is_over = False

    def reader(self, limit: int = BUFFER) -> Events:
        """A new reader."""
        events = Events(limit)
        self._readers.add(events)
        if self._is_over:
            events.end()
        return events

    def tell(self, notice: Notice) -> None:
        """Tell all readers; never blocks."""
        for events in list(self._readers):
            events.put(notice)

    def end(self) -> None:
        """Tell all readers that this was all."""
        self._is_over = True
        for events in list(self._readers):
            events.end()

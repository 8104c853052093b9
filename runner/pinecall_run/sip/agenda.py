"""What is to be done later, by time: the one place where a user agent's timers run."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

Action = Callable[[float], None]
"""Is given the time at which it is done."""


@dataclass(order=True, slots=True)
class Entry:
    """One thing to do."""

    at: float
    order: int
    action: Action | None = field(compare=False)

    def cancel(self) -> None:
        """It is not to be done any more; nothing happens if it was."""
        self.action = None


class Agenda:
    """Things to do, the next first."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._count = 0

    def add(self, at: float, action: Action) -> Entry:
        """Do it at a time."""
        self._count += 1
        entry = Entry(at, self._count, action)
        heapq.heappush(self._entries, entry)
        return entry

    def deadline(self) -> float | None:
        """When the next is due."""
        while self._entries and self._entries[0].action is None:
            heapq.heappop(self._entries)
        return self._entries[0].at if self._entries else None

    def tick(self, now: float) -> None:
        """Do what is due, in its order; what that adds is done too if it is due."""
        while (at := self.deadline()) is not None and at <= now:
            entry = heapq.heappop(self._entries)
            if entry.action is not None:
                entry.action(now)

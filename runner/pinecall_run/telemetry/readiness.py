"""Whether new calls reach this process, by what its runner told."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pinecall_run.live import notices

SHOWN = 3
"""Agents that a sentence names; there may be thousands."""


class Readiness:
    """Fed with notices. ``wanted`` gives the agents that should be registered, which a reload may change."""

    def __init__(self, wanted: Callable[[], Collection[str]]) -> None:
        self._wanted = wanted
        self._is_connected = False
        self._is_draining = False
        self._registered: set[str] = set()
        self._standing_by: set[str] = set()

    def __call__(self, notice: notices.Notice) -> None:
        """Take note."""
        match notice:
            case notices.Connected():
                self._is_connected = True
                self._registered.clear()  # every connection registers them anew
            case notices.Disconnected():
                self._is_connected = False
                self._registered.clear()
                self._standing_by.clear()
            case notices.AgentUp(agent):
                self._standing_by.discard(agent)
                self._registered.add(agent)
            case notices.StandingBy(agent):
                self._standing_by.add(agent)
            case notices.AgentRefused(agent):
                self._registered.discard(agent)
                self._standing_by.discard(agent)
            case notices.Draining():
                self._is_draining = True

    def count(self) -> int:
        """How many of the wanted agents the server has taken."""
        return len(self._registered.intersection(self._wanted()))

    def missing(self) -> str | None:
        """What keeps new calls away, as one sentence; ``None`` when nothing does.

        A process that stands by for another one that has its agents is as ready as it can be: a rollout waits for it
        before it ends the other.
        """
        if self._is_draining:
            return "draining: no new calls are taken"
        if not self._is_connected:
            return "the voice server is not connected"
        absent = sorted(set(self._wanted()) - self._registered - self._standing_by)
        if not absent:
            return None
        more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
        return f"not registered: {', '.join(absent[:SHOWN])}{more}"

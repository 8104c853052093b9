"""How long callers waited for the first sound of each answer. No effects here; time is the call's."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from pinecall_run.cli._captions import Caption

AUDIBLE = 0.001
"""Root mean square of full scale: −60 dB."""

NEAR_LOUDEST = 10 ** (-25 / 20)
"""A voice's part of its loudest; what is below is the room."""


class Answered:
    """Follows the levels of both sides and the events of one call."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._loudest = 0.0
        self._voice_until = 0.0
        self._asked_at: float | None = None
        self._is_answering = False

    def sound(self, caller: float, agent: float, since: float, until: float) -> None:
        """Levels of a chunk that lasted from ``since`` to ``until``."""
        self._loudest = max(self._loudest, caller)
        if caller > max(AUDIBLE, self._loudest * NEAR_LOUDEST):
            self._voice_until = until
        if self._is_answering and self._asked_at is not None and agent > AUDIBLE:
            self.seconds.append(max(since - self._asked_at, 0.0))
            self._asked_at = None

    def event(self, frame: Mapping[str, Any]) -> None:
        """``speech.ended``: the caller's last loud moment is what an answer is measured from."""
        match frame.get("event"):
            case "speech.ended":
                self._asked_at, self._is_answering = self._voice_until, False
            case "bot.speaking":
                self._is_answering = True

    def caption(self, now: float) -> Caption:
        """The whole call's."""
        each = [round(seconds, 2) for seconds in self.seconds]
        return Caption(now, "latency", {"seconds": each, "median": round(median(each), 2) if each else None})

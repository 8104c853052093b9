"""What the agent still owes its caller, from events and sound. No effects here; time is the call's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANSWER_SECONDS = 30.0
"""How long an answer may take, and be silent in the middle."""

VOICE_SECONDS = 5.0
"""How long a voice that ended is expected to have said something."""

GREETING_SECONDS = 2.0
TOOL_SECONDS = 120.0

BREATH_SECONDS = 0.2
"""Silence that belongs to speech."""


class Owed:
    """Debts by name, each until when it is expected to be paid."""

    def __init__(self) -> None:
        self._debts: dict[str, float] = {}
        self._sounded = 0.0
        self._last = 0.0

    def event(self, frame: Mapping[str, Any], now: float) -> None:
        """Something happened."""
        name = str(frame.get("event"))
        for debt in _PAYS.get(name, ()):
            self._debts.pop(debt, None)
        if name in _OWES:
            debt, seconds = _OWES[name]
            self._debts[debt] = now + seconds
        if name == "llm.tool_call":
            for call in frame.get("tool_calls") or ():
                self._debts[f"tool {call.get('id')}"] = now + TOOL_SECONDS
        elif name == "llm.tool_result":
            for result in frame.get("results") or ():
                self._debts.pop(f"tool {result.get('tool_call_id')}", None)
        if name in _PAYS or name in _OWES:
            self._last = now

    def sounded(self, now: float) -> None:
        """The agent was audible."""
        self._sounded = self._last = now

    def is_awaited(self, now: float) -> bool:
        """Whether models and tools are at work that take the time that they take."""
        return now - self._sounded > BREATH_SECONDS and self._has_debts(now)

    def is_settled(self, now: float, *, quiet: float, since: float) -> bool:
        """Whether nothing is owed, and nothing was heard or happened for ``quiet`` seconds after ``since``."""
        return now - max(self._last, since) >= quiet and not self._has_debts(now)

    def _has_debts(self, now: float) -> bool:
        return any(until > now for until in self._debts.values())


_OWES = {
    "call.started": ("greeting", GREETING_SECONDS),
    "speech.ended": ("voice", VOICE_SECONDS),
    "user.message": ("answer", ANSWER_SECONDS),
    "turn.end": ("answer", ANSWER_SECONDS),
    "llm.before": ("answer", ANSWER_SECONDS),
    "llm.tool_result": ("answer", ANSWER_SECONDS),
    "bot.speaking": ("answer", ANSWER_SECONDS),
    "bot.word": ("answer", ANSWER_SECONDS),
}
_PAYS = {
    "bot.speaking": ("greeting", "voice"),
    "speech.started": ("voice",),
    "user.message": ("voice",),
    "turn.end": ("voice",),
    "bot.finished": ("answer",),
    "bot.interrupted": ("answer",),
    "message.aborted": ("answer",),
    "llm.error": ("answer",),
}

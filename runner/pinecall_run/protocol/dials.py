"""Calls that are being placed: which event says what became of which (protocol 7.7).

Nothing on the wire says which answer belongs to which dial. What does: the number that was dialled, the call id once
``call.dialing`` told it, and otherwise the order in which an agent's calls were placed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pinecall_run.protocol.registry import normal_ref
from pinecall_run.wire import events, speech_events

NEVER_BEGAN = frozenset(("busy", "no-answer", "failed", "canceled"))
"""Reasons with which a placed call ends that never was a call."""


@dataclass(eq=False, slots=True)
class Dial:
    """One call that is being placed. ``call_id`` is known once it rings over there."""

    agent: str
    to: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody took the call."""

    dial: Dial
    call_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The call did not come about; ``code`` is the server's, if it gave one."""

    dial: Dial
    reason: str
    code: str = ""


@dataclass(slots=True)
class Dials:
    """The dials of one connection, the oldest first."""

    _open: list[Dial] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._open)

    def place(self, agent: str, to: str) -> Dial:
        """A call is being placed."""
        dial = Dial(agent, to)
        self._open.append(dial)
        return dial

    def withdraw(self, dial: Dial) -> None:
        """Nobody waits for it any more."""
        if dial in self._open:
            self._open.remove(dial)

    def lose(self) -> list[Dial]:
        """The connection is gone; returns the dials whose outcome will never be heard."""
        lost, self._open = self._open, []
        return lost

    def hear(self, event: events.Event, *, is_live: bool) -> Answered | Failed | None:
        """What an event says of a dial. ``is_live`` tells whether its call was live before it."""
        match event:
            case speech_events.CallDialing():
                dial = self._ringing(event.call_id) or self._next(event.agent_id, event.to)
                if dial is not None:
                    dial.call_id = event.call_id
            case events.CallStarted() if not is_live:
                dial = self._ringing(event.call_id) or self._taken(event)
                if dial is not None:
                    self.withdraw(dial)
                    return Answered(dial, event.call_id)
            case speech_events.CallError():
                dial = self._ringing(_text(event.call_id)) or self._next(event.agent_id, _text(event.to))
                return self._failed(dial, event.error, _text(event.code))
            case events.CallEnded() if not is_live:
                dial = self._ringing(event.call_id)
                if dial is None and event.reason in NEVER_BEGAN:
                    dial = self._next(event.agent_id)
                return self._failed(dial, event.reason)
        return None

    def _ringing(self, call_id: str) -> Dial | None:
        return next((dial for dial in self._open if call_id and dial.call_id == call_id), None)

    def _next(self, agent: str, to: str = "") -> Dial | None:
        """The oldest dial of an agent that does not ring yet, to a number if one is named."""
        fitting = (dial for dial in self._open if dial.agent == agent and not dial.call_id)
        return next((dial for dial in fitting if not to or _same(dial.to, to)), None)

    def _taken(self, event: events.CallStarted) -> Dial | None:
        """The dial that a call answers which never was said to ring. Without a number, its direction must say that we
        placed it. With one it need not: not every server gives the direction."""
        to = _text(event.to)
        return self._next(event.agent_id, to) if to or event.direction == "outbound" else None

    def _failed(self, dial: Dial | None, reason: str, code: str = "") -> Failed | None:
        if dial is None:
            return None
        self.withdraw(dial)
        return Failed(dial, reason or "the server gave no reason", code)


def _same(one: str, other: str) -> bool:
    return normal_ref("phone", one) == normal_ref("phone", other)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

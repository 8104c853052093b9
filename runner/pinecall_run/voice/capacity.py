"""How much of an agent people get at a time, and how often one of them. What goes on is never touched by it.

The numbers are the agent's ``limits`` (the raw ``config`` of the wire), a channel's ``maxCalls`` and the server's own.
They are read when somebody comes, so that a change counts from the next one on.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.protocol.registry import Agent, Key, normal_ref
from pinecall_run.transports.rates import Rate, Rates
from pinecall_run.transports.refusals import Tally
from pinecall_run.voice.configured import greeting_in, raw
from pinecall_run.wire import events

AT_CAPACITY, RATE_LIMITED = "AT_CAPACITY", "RATE_LIMITED"
"""Codes of what a runner is told."""

HOUR, MINUTE = 3600.0, 60.0

DIALING_SECONDS = 60.0
"""How long a call that we place has a place before it is answered."""

TOLD = Rate(5, 0.1)
"""How often a runner hears of an agent that somebody was turned away from."""

WITHHELD = frozenset(("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"))
"""What Twilio writes for numbers that are withheld: words on the keys of a telephone. All who do so share them."""

BUSY = "all lines are busy; try again later"

_DIGITS = re.compile(r"\d{3}")


@dataclass(frozen=True, slots=True)
class Full:
    """A limit that is reached: whose it is (``agent``, ``channel``, ``server``), and what the person is told."""

    whose: str
    limit: int
    words: str

    @property
    def sentence(self) -> str:
        """For somebody who reads."""
        return self.words or BUSY


class Capacity:
    """The places of one server, of which ``max_calls`` spoken ones are taken at a time at most. ``tell`` sends an
    event to whoever holds an agent; ``clock`` gives seconds."""

    def __init__(
        self,
        tell: Callable[[str, events.Event], object],
        clock: Callable[[], float],
        max_calls: int | None = None,
        refused: Counter[str] | None = None,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._max_calls = max_calls
        self._refused: Counter[str] = Tally("calls") if refused is None else refused
        self._places: dict[str, tuple[object, ...]] = {}
        self._taken: Counter[object] = Counter()
        self._dialing: dict[object, deque[float]] = {}
        self._rates, self._telling = Rates(), Rates()

    # places

    def take(self, call_id: str, agent_id: str, channel: tuple[str, str], *, is_spoken: bool) -> None:
        """A conversation begins."""
        places: list[object] = [(agent_id, _key(channel))]
        if is_spoken:
            places += [agent_id, None]
        self._places[call_id] = tuple(places)
        self._taken.update(places)

    def leave(self, call_id: str) -> None:
        """A conversation is over; nothing where it had no place."""
        for place in self._places.pop(call_id, ()):
            self._taken[place] -= 1
            if not self._taken[place]:
                del self._taken[place]

    def full(
        self, agent: Agent, channel: tuple[str, str], *, is_spoken: bool, language: str | None = None
    ) -> Full | None:
        """The limit that leaves no room for one more, if there is one; nobody is told. ``language`` is the caller's,
        where they said it."""
        own = agent.channels.get(_key(channel))
        limits: list[tuple[str, object, int | None]] = [
            ("channel", (agent.agent_id, _key(channel)), _number(own.options.get("max_calls")) if own else None)
        ]
        if is_spoken:
            limits.append(("agent", agent.agent_id, _limit(agent, "max_calls")))
            limits.append(("server", None, self._max_calls))
        for whose, place, limit in limits:
            if limit is not None and self._taken[place] + self._dials(place) >= limit:
                return Full(whose, limit, _words(agent, channel, language))
        return None

    def turned_away(self, agent: Agent, full: Full) -> None:
        """Somebody was, by a limit: count it, and tell the runner."""
        said = f"of {full.limit} at a time" if full.limit > 1 else "of one at a time"
        noun = "conversation" if full.whose == "channel" else "call"
        sentence = f"a {noun} with {agent.agent_id} was turned away: its {full.whose}'s limit {said} is reached"
        self._count(agent, f"{full.whose} full", AT_CAPACITY, sentence)

    # how often

    def may_call(self, agent: Agent, from_: str) -> bool:
        """Whether a number may call once more; one that is withheld may."""
        number = normal_ref("phone", from_)
        limit = _limit(agent, "caller_calls_per_hour")
        if limit is None or number in WITHHELD or (not _DIGITS.search(number) and not number.startswith("sip")):
            return True
        sentence = f"a number calls {agent.agent_id} more than {limit} times an hour, and was turned away"
        return self._may(agent, ("caller rate", number), Rate.within(limit, HOUR), sentence)

    def may_write(self, agent: Agent, contact: str) -> bool:
        """Whether somebody may write one more message."""
        limit = _limit(agent, "caller_messages_per_minute")
        if limit is None:
            return True
        sentence = f"a number writes to {agent.agent_id} more than {limit} times a minute: the rest is passed over"
        return self._may(agent, ("message rate", contact), Rate.within(limit, MINUTE), sentence)

    def may_dial(self, agent: Agent, channel: tuple[str, str], to: str) -> tuple[str, str]:
        """Whether an agent may call a number: the sentence and the code of what keeps it from it, both empty if
        nothing does."""
        full = self.full(agent, channel, is_spoken=True)
        if full is not None:
            return f"{full.limit} calls are the most that the {full.whose} has at a time", AT_CAPACITY
        limit = _limit(agent, "number_dials_per_hour")
        key = (agent.agent_id, "dial rate", normal_ref("phone", to))
        if limit is not None and self._rates.take(key, Rate.within(limit, HOUR), self._clock()):
            self._refused["dial rate"] += 1
            return f"one number is called {limit} times an hour at most", RATE_LIMITED
        for place in ((agent.agent_id, _key(channel)), agent.agent_id, None):
            self._dialing.setdefault(place, deque()).append(self._clock() + DIALING_SECONDS)
        return "", ""

    def dial_is_over(self, agent_id: str, channel: tuple[str, str]) -> None:
        """A call that we placed has become a conversation, or never will."""
        for place in ((agent_id, _key(channel)), agent_id, None):
            if self._dialing.get(place):
                self._dialing[place].popleft()

    def _dials(self, place: object) -> int:
        waiting = self._dialing.get(place)
        if waiting is None:
            return 0
        while waiting and waiting[0] <= self._clock():
            waiting.popleft()
        if not waiting:
            del self._dialing[place]
        return len(waiting)

    def _may(self, agent: Agent, what: tuple[str, str], rate: Rate, sentence: str) -> bool:
        if not self._rates.take((agent.agent_id, *what), rate, self._clock()):
            return True
        self._count(agent, what[0], RATE_LIMITED, sentence)
        return False

    def _count(self, agent: Agent, kind: str, code: str, sentence: str) -> None:
        self._refused[kind] += 1
        if not self._telling.take((agent.agent_id, kind), TOLD, self._clock()):
            # Without the agent's name: an error that has it is about its registration.
            self._tell(agent.agent_id, events.Error(code=code, error=sentence))


def _words(agent: Agent, channel: tuple[str, str], language: str | None) -> str:
    """What somebody hears for whom there is no room; empty where nothing is written."""
    spoken = language or agent.configured(*channel).get("language")
    return greeting_in(_limits(agent).get("overflow"), spoken if isinstance(spoken, str) else "")


def _limits(agent: Agent) -> Mapping[str, Any]:
    written = raw(agent.configuration, "limits")
    return written if isinstance(written, dict) else {}


def _limit(agent: Agent, key: str) -> int | None:
    return _number(_limits(agent).get(key))


def _number(written: Any) -> int | None:
    """A limit as it is written; what is none sets none."""
    return written if isinstance(written, int) and not isinstance(written, bool) and written > 0 else None


def _key(channel: tuple[str, str]) -> Key:
    return channel[0], normal_ref(*channel)

"""Scripts that read like a trace: ``>>`` is what happens in a call, ``<<`` what must come of it, in order.

    assert call() >> voice(0.4) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("Hello.") << …

``voice`` and ``quiet`` are sound, window by window; ``after`` is time without any. What is expected is an action, a
class of actions, or one with some of its values (``like``). ``assert`` makes the end check that nothing else came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pinecall_run.turns.actions import (
    Action,
    EagerTurn,
    FinishTranscript,
    SpeechEnded,
    SpeechStarted,
    TurnEnded,
    UserMessage,
    UserSpeaking,
)
from pinecall_run.turns.inputs import WINDOW, AgentBegan, AgentPlayed, Final, Input, Voice
from pinecall_run.turns.machine import TurnMachine
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.transitions import State


@dataclass(frozen=True)
class sound:
    """Windows of the caller's sound, one after another."""

    seconds: float
    probability: float
    volume: float


def voice(seconds: float, probability: float = 0.9, volume: float = 0.6) -> sound:
    """The caller talks."""
    return sound(seconds, probability, volume)


def quiet(seconds: float) -> sound:
    """The caller is silent, and the line is open."""
    return sound(seconds, 0.02, 0.1)


class after(float):
    """Seconds that pass without any sound."""


@dataclass(frozen=True)
class change:
    """Other rules hold."""

    rules: TurnRules


@dataclass
class like:
    """An action of this class with these values, whatever the others are."""

    kind: type[Action]
    values: dict[str, Any] = field(default_factory=dict)

    def __init__(self, kind: type[Action], **values: Any) -> None:
        self.kind, self.values = kind, values

    def matches(self, action: Action) -> bool:
        return isinstance(action, self.kind) and all(
            getattr(action, name) == value for name, value in self.values.items()
        )


class Trace:
    """A machine, a clock, and what came out so far, with its time."""

    def __init__(self, rules: TurnRules, *, language: str = "en", now: float = 1000.0) -> None:
        self.began = self.now = now
        self.machine = TurnMachine(rules, now, language=language)
        self.seen: list[tuple[float, Action]] = []
        self.all: list[tuple[float, Action]] = []
        self.muted: tuple[type[Action], ...] = (UserSpeaking,)

    @property
    def time(self) -> float:
        """Seconds since the beginning."""
        return self.now - self.began

    def __rshift__(self, happens: Input | sound | after | change) -> Trace:
        self._nothing_is_left()
        if isinstance(happens, sound):
            end = self.now + happens.seconds
            while self.now + WINDOW <= end + 1e-9:
                self.wait(WINDOW)
                self.put(Voice(happens.probability, happens.volume))
        elif isinstance(happens, after):
            self.wait(happens)
        elif isinstance(happens, change):
            self.machine.change(happens.rules, self.now)
            self.wait(0)
        else:
            self.put(happens)
        return self

    def put(self, happened: Input) -> None:
        """Something happens now."""
        self._saw(self.machine.handle(happened, self.now))

    def wait(self, seconds: float) -> None:
        """Time passes; the driver's timer goes off in time."""
        end = self.now + seconds
        while (due := self.machine.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self._saw(self.machine.tick(self.now))
        self.now = end

    def __lshift__(self, expected: Action | type[Action] | like | State) -> Trace:
        if isinstance(expected, State):
            assert self.machine.state is expected
            return self
        assert self.seen, f"nothing came where this was expected: {expected}"
        _, found = self.seen.pop(0)
        if isinstance(expected, type):
            assert isinstance(found, expected), f"{found} came instead of {expected}"
        elif isinstance(expected, like):
            assert expected.matches(found), f"{found} came instead of {expected}"
        else:
            assert found == expected, f"{found} came instead of {expected}"
        return self

    def __bool__(self) -> bool:
        self._nothing_is_left()
        return True

    def at(self, kind: type[Action]) -> float:
        """When the last action of a class came, since the beginning."""
        return next(time for time, action in reversed(self.all) if isinstance(action, kind)) - self.began

    def _saw(self, actions: Any) -> None:
        came = [(self.now, action) for action in actions]
        self.all += came
        self.seen += [(time, action) for time, action in came if not isinstance(action, self.muted)]

    def _nothing_is_left(self) -> None:
        assert not self.seen, f"{len(self.seen)} more came, first {self.seen[0][1]}"


def call(language: str = "en", **rules: Any) -> Trace:
    """A call in which nothing has been said."""
    return Trace(TurnRules(**rules), language=language)


def asked(text: str = "Where is my order?", **rules: Any) -> Trace:
    """A call in which the caller has just finished a first turn, its message 1, and no answer is heard yet."""
    trace = call(**rules) >> voice(1.0) << SpeechStarted(1, 0.9) >> quiet(0.2) << FinishTranscript()
    trace = trace >> Final(text, 0.9) << like(UserMessage, message=1) << like(EagerTurn, message=1) >> quiet(0.3)
    return trace << SpeechEnded << like(TurnEnded, turn_id=1, text=text, is_continuation=False) << State.PENDING


def answered(seconds: float, **rules: Any) -> Trace:
    """The same, and the answer has been heard for some seconds."""
    return asked(**rules) >> AgentBegan(1) << State.SPEAKING >> AgentPlayed(seconds)

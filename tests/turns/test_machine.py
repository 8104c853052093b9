"""The scripts hold, they take every way of the table, and some things are so whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.turns._scripts import SCRIPTS
from tests.turns._trace import Trace, after, answered, asked, call, change, like, quiet, sound, voice

from pinecall_run.turns import actions as act
from pinecall_run.turns import floor
from pinecall_run.turns.inputs import (
    AgentBegan,
    AgentEnded,
    AgentPending,
    AgentPlayed,
    EndOfTurn,
    Final,
    Held,
    Muted,
    NativeTurn,
    Partial,
    Typed,
    Unheld,
    Unmuted,
    Voice,
)
from pinecall_run.turns.machine import TurnMachine
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.transitions import TABLE, Row, State, Trigger
from pinecall_run.turns.words import words

Way = tuple[State, Trigger]
PLACES: dict[State, Callable[[], Trace]] = {
    State.IDLE: lambda: call() >> after(0.01),
    State.LISTENING: lambda: call() >> voice(0.5) << act.SpeechStarted,
    State.ANALYZING: lambda: call() >> Partial("hello") >> after(0.01),
    State.PAUSED: lambda: (
        call(mode="smart_turn") >> Partial("hi") >> after(0.3) << act.AskEndOfTurn() >> EndOfTurn(0) << act.TurnPaused
    ),
    State.PENDING: asked,
    State.SPEAKING: lambda: answered(1.0),
}  # fmt: skip
ANYWHERE = {"FinishTranscript", "AskEndOfTurn", "UserSpeaking", "UserMessage", "EagerTurn", "SpeechEnded"}
"""What may come along without being what the way is about."""


class Recorded(dict[Way, Row]):
    """The table, and which ways of it were taken."""

    def __init__(self) -> None:
        super().__init__(TABLE)
        self.taken: list[Way] = []

    def __getitem__(self, way: Way) -> Row:
        self.taken.append(way)
        return super().__getitem__(way)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    table = Recorded()
    monkeypatch.setattr(floor, "TABLE", table)
    return table


@pytest.mark.parametrize("write", SCRIPTS, ids=lambda write: write.__name__)
def test_the_script_holds(write: Callable[[], Trace]) -> None:
    assert write()


@pytest.mark.parametrize("state", PLACES, ids=lambda state: state.value)
def test_a_limit_ends_every_state(state: State) -> None:
    trace = PLACES[state]() << state >> change(TurnRules(max_duration_seconds=0.001))
    assert trace << act.LimitReached("max_duration") << State.OVER >> voice(1.0) >> after(100)
    assert trace.machine.deadline() is None


def test_the_scripts_take_every_way_of_the_table(recorded: Recorded) -> None:
    for write in SCRIPTS:
        write()
    for place in PLACES.values():
        assert place() >> change(TurnRules(max_duration_seconds=0.001)) << act.LimitReached
    assert set(recorded.taken) == set(TABLE)


def test_each_way_tells_what_the_table_says(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[Way, set[str]] = {way: set() for way in TABLE}

    def saw(trace: Trace, actions: list[act.Action]) -> None:
        names = {type(action).__name__ for action in actions}
        said = {frame for way in recorded.taken for frame in TABLE[way].frames}
        if recorded.taken and recorded.taken[0][0] is not State.SPEAKING:
            assert names - said <= ANYWHERE, recorded.taken
        for way in recorded.taken:
            told[way] |= names
        recorded.taken.clear()
        keep(trace, actions)

    keep = Trace._saw
    monkeypatch.setattr(Trace, "_saw", saw)
    for write in SCRIPTS:
        write()
    silent = {way: set(TABLE[way].frames) - names for way, names in told.items() if way[1] is not Trigger.LIMIT}
    assert {way: frames for way, frames in silent.items() if frames} == {}


def test_the_last_word_is_answered_within_the_silence_that_is_asked_for() -> None:
    trace = asked()
    last = trace.at(act.SpeechStarted) - 0.256 + 0.992
    assert trace.at(act.FinishTranscript) - last == pytest.approx(0.15, abs=0.001)
    assert trace.at(act.EagerTurn) - last == pytest.approx(0.19, abs=0.02)
    assert trace.at(act.TurnEnded) - last == pytest.approx(0.35, abs=0.001)


def test_barging_in_takes_no_longer_than_the_gate() -> None:
    trace = answered(3.0)
    began = trace.time
    trace.muted = (act.SpeechStarted, act.TurnContinued)
    assert trace >> voice(0.5) << act.Interrupt("user_spoke")
    assert trace.at(act.Interrupt) - began <= 0.3 + 0.01


def test_other_rules_hold_in_mid_call() -> None:
    trace = answered(3.0, has_interruption=False) >> voice(0.6) << act.SpeechStarted << State.SPEAKING
    trace = trace >> change(TurnRules()) >> voice(0.4) << act.Interrupt("user_spoke") << act.TurnContinued(2)
    trace = trace >> change(TurnRules(min_silence_seconds=1.0)) >> quiet(0.9) << act.FinishTranscript()
    assert trace >> quiet(0.2) << act.SpeechEnded


def test_a_shorter_idle_time_hangs_up_on_nobody_unwarned() -> None:
    trace = call() >> after(40) >> change(TurnRules(idle_timeout_seconds=20)) << State.IDLE
    assert trace >> after(4.9) >> after(0.2) << act.IdleWarning(15, 20)


def test_a_window_of_silence_costs_no_action() -> None:
    machine = TurnMachine(TurnRules(), 0.0)
    assert machine.handle(Voice(0.1, 0.1), 0.03) == ()


def test_languages_differ_and_may_be_heard() -> None:
    for language, heard in (("es-MX", ""), ("en", "es")):
        trace = call(language) >> voice(0.96) << act.SpeechStarted >> quiet(0.2) << act.FinishTranscript()
        trace = trace >> Final("mi número es", 1.0, heard) << like(act.UserMessage, language=heard) >> quiet(0.4)
        assert trace << act.SpeechEnded << State.ANALYZING


# Whatever happens

TEXTS = st.sampled_from(
    ["", "yes", "okay", "uh-huh", "where is my order?", "no, wait", "my number is", "the", "Order 42.", "hola", "五"]
)
EVENTS = st.one_of(
    st.builds(sound, st.floats(0.03, 1.5), st.sampled_from([0.02, 0.4, 0.6, 0.95]), st.sampled_from([0.1, 0.3, 0.7])),
    st.builds(after, st.sampled_from([0.01, 0.1, 0.3, 0.5, 1.0, 4.0, 20.0])),
    st.builds(Partial, TEXTS),
    st.builds(Final, TEXTS),
    st.builds(NativeTurn, st.sampled_from(["started", "eager", "resumed", "ended"]), TEXTS),
    st.builds(EndOfTurn, st.sampled_from([0.1, 0.9])),
    st.builds(Typed, TEXTS),
    st.builds(AgentBegan, st.integers(0, 5)),
    st.builds(AgentPlayed, st.sampled_from([0.5, 1.9, 2.1, 9.0])),
    st.sampled_from([AgentPending(), AgentEnded(), AgentEnded(), Muted(), Unmuted(), Held(), Unheld()]),
)
MODES = st.sampled_from(["silence", "native", "smart_turn"])
RULES = st.builds(
    TurnRules,
    mode=MODES,
    has_interruption=st.booleans(),
    has_eager=st.booleans(),
    has_backchannel_filter=st.booleans(),
    min_silence_seconds=st.sampled_from([0.0, 0.1, 0.35, 1.0]),
    min_speech_seconds=st.sampled_from([0.0, 0.25]),
    resume_min_seconds=st.sampled_from([0.0, 0.2, 1.0]),
    interruption_min_seconds=st.sampled_from([0.0, 0.3]),
    interruption_min_words=st.integers(0, 3),
    max_silence_seconds=st.sampled_from([0.2, 3.0]),
    idle_timeout_seconds=st.sampled_from([0.0, 10.0, 60.0]),
    idle_warning_seconds=st.sampled_from([0.0, 9.0, 60.0, 90.0]),
    idle_grace_seconds=st.sampled_from([0.0, 10.0]),
    max_duration_seconds=st.sampled_from([0.0, 30.0, 600.0]),
)


class Story(Trace):
    """A call in which nothing in particular is expected."""

    def __rshift__(self, happens: Any) -> Story:
        self.seen.clear()
        super().__rshift__(happens)
        due = self.machine.deadline()
        assert due is None or due >= self.now - 1.0
        self.machine_is_not_behind()
        return self

    def machine_is_not_behind(self) -> None:
        self._saw(self.machine.tick(self.now))
        due = self.machine.deadline()
        assert due is None or due > self.now

    @property
    def actions(self) -> list[act.Action]:
        return [action for _, action in self.all]


@settings(max_examples=300, deadline=None)
@given(rules=RULES, story=st.lists(EVENTS, max_size=25))
def test_what_is_always_so(rules: TurnRules, story: list[Any]) -> None:
    trace = Story(rules)
    for happens in story:
        trace >> happens
    _speech_alternates(trace.actions)
    _messages_only_grow(trace.actions)
    _nothing_follows_a_limit(trace.actions)
    if not rules.has_eager:
        assert not any(isinstance(action, act.EagerTurn) for action in trace.actions)
    if not rules.idle_timeout_seconds:
        assert not any(isinstance(action, act.IdleWarning) for action in trace.actions)


def _speech_alternates(actions: list[act.Action]) -> None:
    speech = [action for action in actions if isinstance(action, act.SpeechStarted | act.SpeechEnded)]
    for at, action in enumerate(speech):
        assert isinstance(action, act.SpeechEnded) == bool(at % 2)
        if isinstance(action, act.SpeechEnded):
            assert action.duration >= 0
            assert action.turn_id == speech[at - 1].turn_id


def _messages_only_grow(actions: list[act.Action]) -> None:
    last, told, is_signalled = (0, 0), (0, ""), False
    for action in actions:
        if isinstance(action, act.UserMessage | act.EagerTurn | act.TurnEnded):
            assert (action.turn_id, action.message) >= last
            assert action.text
            last = (action.turn_id, action.message)
        if isinstance(action, act.UserMessage):
            assert (action.message, action.text) != told
            told = (action.message, action.text)
        if isinstance(action, act.EagerTurn | act.TurnEnded):
            assert (action.message, action.text) == told
            is_signalled = True
        if isinstance(action, act.TurnContinued):
            assert is_signalled
            is_signalled = False
        if isinstance(action, act.Interrupt) and action.reason == "user_spoke" and is_signalled:
            last = (last[0], last[1] + 1)  # a turn that nobody took for finished goes on as it is


def _nothing_follows_a_limit(actions: list[act.Action]) -> None:
    limits = [at for at, action in enumerate(actions) if isinstance(action, act.LimitReached)]
    assert limits in ([], [len(actions) - 1])


@settings(max_examples=200, deadline=None)
@given(
    story=st.lists(
        st.one_of(
            st.builds(sound, st.floats(0.03, 1.5), st.sampled_from([0.02, 0.95]), st.sampled_from([0.1, 0.7])),
            st.builds(after, st.sampled_from([0.1, 0.5, 4.0])),
            st.just("says"),
            st.sampled_from([AgentBegan(0), AgentPlayed(1.0), AgentPlayed(3.0), AgentEnded()]),
        ),
        max_size=25,
    ),
    has_interruption=st.booleans(),
)
def test_no_word_is_lost(story: list[Any], has_interruption: bool) -> None:
    """What is said for good, and is more than a sign of listening, is in a turn once all is quiet, and in one only."""
    trace, spoken = Story(TurnRules(has_interruption=has_interruption, idle_timeout_seconds=0)), []
    for happens in story:
        if happens == "says":
            spoken.append(f"word{len(spoken)}")
            happens = Final(spoken[-1])
        trace >> happens
    trace >> AgentEnded() >> after(4) >> AgentEnded() >> after(4)
    ended: dict[int, str] = {}
    for action in trace.actions:
        if isinstance(action, act.TurnEnded):
            ended[action.turn_id] = action.text
    assert [word for text in ended.values() for word in words(text)] == spoken

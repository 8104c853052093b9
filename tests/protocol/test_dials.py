"""Calls that are being placed: which event is whose answer, and which is nobody's."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.protocol.dials import Answered, Dial, Dials, Failed
from pinecall_run.wire import events, speech_events

ADA, GRACE = "+15550000001", "+15550000002"


def started(call_id: str = "c1", agent: str = "desk", **fields: Any) -> events.CallStarted:
    return events.CallStarted(agent_id=agent, call_id=call_id, **fields)


def ended(reason: str, call_id: str = "c1", agent: str = "desk") -> events.CallEnded:
    return events.CallEnded(agent_id=agent, call_id=call_id, reason=reason)


def dialing(to: str, call_id: str = "c1") -> speech_events.CallDialing:
    return speech_events.CallDialing(agent_id="desk", call_id=call_id, to=to)


def refused(error: str, **fields: Any) -> speech_events.CallError:
    return speech_events.CallError(agent_id="desk", error=error, **fields)


def outcome(dials: Dials, event: events.Event, *, is_live: bool = False) -> Any:
    heard = dials.hear(event, is_live=is_live)
    match heard:
        case Answered(dial, call_id):
            return dial.to, call_id
        case Failed(dial, reason, code):
            return dial.to, reason, code
    return heard


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (started(to=ADA, direction="outbound"), (ADA, "c1")),
        (started(to=ADA), (ADA, "c1")),  # not every server gives the direction
        (started(to="+1 (555) 000-0001", direction="outbound"), (ADA, "c1")),
        (started(direction="outbound"), (ADA, "c1")),
        (started(), None),  # somebody calls us meanwhile
        (started(to="+15551234567"), None),
        (started(to=GRACE, direction="outbound"), None),
        (started(to=ADA, agent="back"), None),
        (refused("no such number", code="BAD_NUMBER"), (ADA, "no such number", "BAD_NUMBER")),
        (refused(""), (ADA, "the server gave no reason", "")),
        (ended("busy"), (ADA, "busy", "")),
        (ended("no-answer"), (ADA, "no-answer", "")),
        (ended("hangup"), None),  # of a call that began when we were away
        (ended("busy", agent="back"), None),
    ],
)
def test_an_event_is_the_answer_or_is_not(event: events.Event, expected: object) -> None:
    dials = Dials()
    dials.place("desk", ADA)
    assert outcome(dials, event) == expected
    assert len(dials) == (1 if expected is None else 0)


def test_a_call_that_was_live_before_answers_nothing() -> None:
    dials = Dials()
    dials.place("desk", ADA)
    assert outcome(dials, started(to=ADA, direction="outbound"), is_live=True) is None
    assert outcome(dials, ended("busy"), is_live=True) is None


def test_two_numbers_are_told_apart_and_one_number_goes_by_order() -> None:
    dials = Dials()
    first = dials.place("desk", ADA)
    dials.place("desk", GRACE)
    dials.place("desk", ADA)
    assert outcome(dials, started("c2", to=GRACE, direction="outbound")) == (GRACE, "c2")
    heard = dials.hear(started("c1", to=ADA, direction="outbound"), is_live=False)
    assert isinstance(heard, Answered)
    assert heard.dial is first
    assert len(dials) == 1


def test_a_call_that_rings_is_known_by_its_id() -> None:
    dials = Dials()
    dials.place("desk", ADA)
    dials.place("desk", ADA)
    assert outcome(dials, dialing(ADA, "c1")) is None
    assert outcome(dials, dialing(ADA, "c2")) is None
    assert outcome(dials, dialing(ADA, "c3")) is None  # nobody's
    assert outcome(dials, refused("of whom?")) is None  # both ring: it is about neither for sure
    assert outcome(dials, ended("declined", "c2")) == (ADA, "declined", "")
    assert outcome(dials, started("c1")) == (ADA, "c1")


def test_an_error_that_names_a_call_is_about_that_call() -> None:
    dials = Dials()
    dials.place("desk", ADA)
    dials.place("desk", GRACE)
    outcome(dials, dialing(GRACE, "c2"))
    assert outcome(dials, refused("cut", call_id="c2")) == (GRACE, "cut", "")


def test_what_is_withdrawn_or_lost_is_answered_no_more() -> None:
    dials = Dials()
    first, second = dials.place("desk", ADA), dials.place("desk", GRACE)
    dials.withdraw(first)
    dials.withdraw(first)
    dials.withdraw(Dial("desk", ADA))
    assert outcome(dials, started(to=ADA, direction="outbound")) is None
    assert dials.lose() == [second]
    assert outcome(dials, started(to=GRACE, direction="outbound")) is None


def test_a_refusal_that_says_whom_it_is_about_is_of_that_dial() -> None:
    dials = Dials()
    dials.place("desk", ADA)
    dials.place("desk", GRACE)
    assert outcome(dials, refused("no room", to="+1 (555) 000-0002", code="AT_CAPACITY")) == (
        GRACE, "no room", "AT_CAPACITY",
    )  # fmt: skip
    assert outcome(dials, refused("no room", to=GRACE)) is None, "that one failed by now"
    assert outcome(dials, refused("no trunk")) == (ADA, "no trunk", "")

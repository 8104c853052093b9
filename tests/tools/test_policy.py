"""How long a try may take, when the next begins, what ends one, and in which words that is said."""

from __future__ import annotations

import pytest

from pinecall_run.tools import policy
from pinecall_run.tools.invoke import Answer, Failure
from pinecall_run.wire.events import CallEvent, ChatMessage
from pinecall_run.wire.speech_events import BotInterrupted, TurnContinued

FAILED = Answer.of(Failure("LookupError", "no", may_pass=True))
BAD_ARGUMENTS = Answer.of(Failure("bad arguments", "no"))


@pytest.mark.parametrize(
    ("left", "tries", "seconds"), [(None, 3, None), (6.0, 3, 2.0), (5.0, 2, 2.5), (4.0, 1, 4.0), (-1.0, 2, 0.0)]
)
def test_what_is_left_is_shared_by_the_tries_that_are_left(
    left: float | None, tries: int, seconds: float | None
) -> None:
    assert policy.share(left, tries) == seconds


@pytest.mark.parametrize(
    ("answer", "tried", "left", "pause"),
    [
        (FAILED, 1, None, 0.1),
        (FAILED, 2, None, 0.2),
        (FAILED, 3, 9.0, 0.4),
        (FAILED, 9, None, 1.0),
        (FAILED, 11, None, None),
        (FAILED, 2, 0.2, None),  # there would be no time
        (FAILED, 1, -3.0, None),
        (BAD_ARGUMENTS, 1, None, None),
        (Answer(b"1"), 1, None, None),
    ],
)
def test_who_is_tried_again_and_when(answer: Answer, tried: int, left: float | None, pause: float | None) -> None:
    assert policy.pause_before_next(answer, tried, retries=10, left=left) == pause


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (TurnContinued(call_id="1", agent_id="a"), True),
        (BotInterrupted(call_id="1", agent_id="a", reason="user_spoke"), True),
        (BotInterrupted(call_id="1", agent_id="a", reason="continuation"), True),
        (BotInterrupted(call_id="1", agent_id="a", reason="cancelled"), False),
        (ChatMessage(call_id="1", agent_id="a", text="x"), False),
    ],
)
def test_who_interrupts(event: CallEvent, expected: bool) -> None:
    assert policy.is_interruption(event) is expected


@pytest.mark.parametrize(
    ("answer", "kind", "words", "is_unknown"),
    [
        (policy.timed_out("book", 20.0, is_write=True), "timed out", "book did not answer within 20 s", True),
        (policy.timed_out("look", 1799.999, is_write=False), "timed out", "look did not answer within 1800 s", False),
        (policy.interrupted("book", is_write=True), "cancelled", "book was cancelled because the person spoke", True),
        (policy.interrupted("look", is_write=False), "cancelled", "look was cancelled because the", False),
        (policy.unknown("book"), "outcome unknown", "it was cut off by a restart", True),
        (policy.not_journaled("book", "no space"), "not journaled", "book was not run: no space", False),
    ],
)
def test_a_model_is_told_what_to_make_of_it(answer: Answer, kind: str, words: str, is_unknown: bool) -> None:
    assert answer.failure is not None
    assert answer.failure.kind == kind
    said = answer.result["error"]
    assert words in said
    assert said.startswith("it is not known whether") is is_unknown
    assert ("do not try it again" in said) is is_unknown

"""Labels have few values, whatever servers, models and tools come up with."""

from __future__ import annotations

import pytest

from pinecall_run.telemetry.labels import end_reason, outcome, tool_label
from pinecall_run.tools import policy
from pinecall_run.tools.invoke import Answer, Failure, unknown_tool


@pytest.mark.parametrize(("said", "told"), [("hangup", "hangup"), ("my card is 4111", "other"), ("", "other")])
def test_a_reason_nobody_knows_is_other(said: str, told: str) -> None:
    assert end_reason(said) == told


@pytest.mark.parametrize(
    ("kind", "told"), [("LookupError", "error"), ("failed before", "error"), ("result is too large", "bad_result")]
)
def test_an_outcome_is_the_kind_of_failure(kind: str, told: str) -> None:
    assert outcome(Failure(kind, "m")) == told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (policy.timed_out("look", 1.0, is_write=False), "timed_out"),
        (policy.interrupted("look", is_write=True), "cancelled"),
        (policy.not_journaled("look", "the disk is full"), "not_journaled"),
        (policy.unknown("look"), "outcome_unknown"),
        (unknown_tool("look"), "unknown_tool"),
    ],
)
def test_what_is_answered_in_place_of_a_tool_is_told_from_what_a_tool_raised(answer: Answer, told: str) -> None:
    assert outcome(answer.failure) == told


def test_a_tool_that_a_model_made_up_has_no_label_of_its_own() -> None:
    assert tool_label("drop_tables", Failure("unknown tool", "m")) == "other"
    assert tool_label("look", Failure("LookupError", "m")) == "look"
    assert (tool_label("look", None), outcome(None)) == ("look", "ok")

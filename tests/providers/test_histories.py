"""Histories of any making come to strict order, and nothing that was said is lost."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers._models import AGENT, ASKED, HISTORIES, LATE, USER, calling

from pinecall_run.providers.histories import BEGINNING, GOING_ON, NO_RESULT, Call, Step, arguments_of, arranged, text_of

SHIPS = Call("call_1", "lookup_order", {"id": "42"}, '{"ships":"Tuesday"}')
QUESTION = Step("user", ASKED[1]["content"])


@pytest.mark.parametrize(
    ("messages", "steps"),
    [
        ([], [Step("user", BEGINNING)]),
        (ASKED, [QUESTION]),
        ([AGENT, USER], [Step("user", BEGINNING), Step("assistant", "One moment."), Step("user", "Hello?")]),
        ([*ASKED, AGENT], [QUESTION, Step("assistant", "One moment."), Step("user", GOING_ON)]),
        ([*ASKED, USER], [Step("user", f"{QUESTION.text}\nHello?")]),
        ([*ASKED, *calling("call_1")], [QUESTION, Step("assistant", "", (SHIPS,))]),
        ([*ASKED, AGENT, *calling("call_1")], [QUESTION, Step("assistant", "One moment.", (SHIPS,))]),
        ([*ASKED, *calling("call_1"), AGENT],
         [QUESTION, Step("assistant", "", (SHIPS,)), Step("assistant", "One moment."), Step("user", GOING_ON)]),
        ([USER, LATE], [Step("user", f"Hello?\n<system>\n{LATE['content']}\n</system>")]),
        ([*ASKED, calling("call_1")[1]], [QUESTION]),
    ],
)  # fmt: skip
def test_roles_come_in_turn(messages: list[dict[str, Any]], steps: list[Step]) -> None:
    assert list(arranged(messages).steps) == steps


def test_the_prompt_goes_before_everything() -> None:
    late = [{"role": "developer", "content": "B"}, {"role": "system", "content": [{"type": "text", "text": "C"}]}]
    assert arranged([{"role": "system", "content": "A"}, *late, USER]).system == "A\n\nB\n\nC"
    assert arranged([USER]).system == ""


def test_a_call_has_a_result_and_arguments_whatever_there_was() -> None:
    assert arranged([USER, calling("call_1")[0], USER]).steps[1].calls[0].result == NO_RESULT
    broken = arranged([USER, *calling("call_1", "{ no json")]).steps[1].calls[0]
    assert (broken.arguments, broken.result) == ({}, '{"ships":"Tuesday"}')
    assert [arguments_of(one) for one in ({}, {"function": 3}, {"function": {"arguments": "[]"}})] == [{}] * 3


_TEXTS = st.sampled_from(["", " ", "Hello?", "x\ny"])
_MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "bot"]),
        "content": st.none() | _TEXTS | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": _TEXTS})),
    },
    optional={
        "tool_call_id": st.sampled_from(["a", "b"]),
        "tool_calls": st.none() | st.lists(st.sampled_from([calling("a")[0]["tool_calls"][0], {"id": "b"}, None])),
    },
)


@given(st.lists(_MESSAGES, max_size=8))
def test_order_is_strict_and_no_text_is_lost(messages: list[dict[str, Any]]) -> None:
    history = arranged(messages)
    steps = history.steps
    assert steps[0].role == "user"
    assert steps[-1].role == "user" or steps[-1].calls
    for one, following in itertools.pairwise(steps):
        assert one.role != following.role or one.calls
    assert all(step.text or step.calls for step in steps)
    whole = history.system + "".join(step.text for step in steps)
    for message in messages:
        assert message["role"] == "tool" or text_of(message) in whole


def test_what_was_given_is_not_changed() -> None:
    for history in HISTORIES.values():
        before = repr(history)
        arranged(history)
        assert repr(history) == before

"""One answer: the model is asked until it speaks, its tools run between, and it cannot call them for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.voice._fakes import Model, Say, tool

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.voice.conversation import Conversation, ToolOutcome
from pinecall_run.voice.thinking import MAX_ROUNDS, Mind, think
from pinecall_run.wire.events import ToolCall

TOOLS = [{"type": "function", "function": {"name": "look"}}]


class Thought:
    """What came of one answer."""

    def __init__(self, *answers: Sequence[Say], tools: Any = TOOLS, no_followup: Sequence[str] = ()) -> None:
        self.model = Model(*answers)
        self.shown: list[str] = []
        self.rounds: list[list[ToolCall]] = []
        self.conversation = Conversation("prompt")
        self.conversation.user_said("q")
        self._mind = Mind(self.model, tools, self._call_tools, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self._no_followup = no_followup

    async def result(self) -> str:
        return await think(self._mind, self.conversation, self.shown.append)

    async def _call_tools(self, calls: Sequence[ToolCall]) -> Sequence[ToolOutcome]:
        self.rounds.append(list(calls))
        return [ToolOutcome(call, {"of": call.name}, no_followup=call.name in self._no_followup) for call in calls]


async def test_an_answer_without_tools_is_its_pieces() -> None:
    thought = Thought(["Hel", "lo"])
    assert await thought.result() == "Hello"
    assert thought.shown == ["Hel", "lo"]
    assert thought.conversation.messages == [{"role": "user", "content": "q"}]
    assert thought.model.requests[0].tools == TOOLS


async def test_rounds_follow_each_other_and_the_model_sees_every_result() -> None:
    thought = Thought(
        ["Let me see.", tool("look", '{"a":1}'), tool("ask")],
        [tool("look", "", id="again")],
        ["Found ", "it."],
    )
    assert await thought.result() == "Found it."
    assert thought.shown == ["Let me see.", "Found ", "it."]
    assert [[call.name for call in calls] for calls in thought.rounds] == [["look", "ask"], ["look"]]
    assert thought.rounds[1][0].arguments == "{}"  # clients parse it; some endpoints send nothing
    assert thought.model.messages() == [
        ("user", "q"),
        ("assistant", "Let me see."),
        ("tool", '{"of":"look"}'),
        ("tool", '{"of":"ask"}'),
        ("assistant", None),
        ("tool", '{"of":"look"}'),
    ]


async def test_after_the_last_round_the_model_is_asked_without_tools() -> None:
    thought = Thought(*[[tool("look")]] * MAX_ROUNDS, ["Enough."])
    assert await thought.result() == "Enough."
    assert len(thought.rounds) == MAX_ROUNDS
    assert [bool(request.tools) for request in thought.model.requests] == [True] * MAX_ROUNDS + [False]


async def test_a_model_that_calls_tools_it_does_not_have_is_not_obeyed() -> None:
    thought = Thought(["Hm.", tool("look")], tools=[])
    assert await thought.result() == "Hm."
    assert thought.rounds == []


@pytest.mark.parametrize(
    ("no_followup", "answer", "questions"),
    [(["look", "ask"], "", 1), (["look"], "More.", 2), ([], "More.", 2)],
)
async def test_the_model_is_not_asked_again_only_if_no_result_wants_it(
    no_followup: list[str], answer: str, questions: int
) -> None:
    thought = Thought(["One moment.", tool("look"), tool("ask")], ["More."], no_followup=no_followup)
    assert await thought.result() == answer
    assert len(thought.model.requests) == questions
    assert thought.conversation.messages[1]["content"] == "One moment."


async def test_what_was_said_and_done_before_a_failure_stays() -> None:
    thought = Thought(["Wait.", tool("look")], ["It is", ProviderError("quota")])
    with pytest.raises(ProviderError, match="quota"):
        await thought.result()
    assert thought.shown == ["Wait.", "It is"]
    assert [message["role"] for message in thought.conversation.messages] == ["user", "assistant", "tool"]

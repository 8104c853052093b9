"""Answers that are begun early, given up, and seen through where tools run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.voice._fakes import Model, Owner, settle, tool

from pinecall_run.providers.contracts import Aloud, ProviderError, SpokenItem
from pinecall_run.voice.answering import Answering
from pinecall_run.voice.call_core import CallCore, Surroundings
from pinecall_run.voice.conversation import ToolOutcome
from pinecall_run.voice.health import Health
from pinecall_run.voice.utterance import Utterance
from pinecall_run.wire import commands, events

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {}}}]


class Answers:
    """An answering with everything it talks to."""

    def __init__(self, model: Model) -> None:
        self.log: list[Any] = []
        self.owner, self.model = Owner(), model
        numbers = itertools.count(1)
        around = Surroundings(
            self.owner.tell, lambda: f"id{next(numbers)}", lambda: 1000.0, 5.0, lambda _: None, Health(lambda: 0.0)
        )
        self.core = CallCore("call-1", "front", {"tools": TOOLS}, None, around)
        self.answering = Answering(self.core, self)
        self.utterances: list[Utterance] = []

    def begin(self, turn: int, said: str, *, is_final: bool = True) -> None:
        self.core.conversation.user_said(said)
        self.answering.begin(self.model, turn, is_final=is_final)

    def open_utterance(self, turn: int, item: SpokenItem | None = None) -> Utterance:
        record = self.core.conversation.begin("assistant")
        self.utterances.append(Utterance(f"m{len(self.utterances) + 1}", record=record, item=item))
        return self.utterances[-1]

    def first_token(self) -> None:
        self.log.append("token")

    def tools_answered(self, outcomes: Sequence[ToolOutcome]) -> None:
        self.log.append(("answered", [outcome.result for outcome in outcomes]))

    def answer_failed(self, sentence: str) -> None:
        self.log.append(("failed", sentence))

    def answer_over(self) -> None:
        self.log.append("over")

    async def answer_tools(self, value: Any) -> None:
        asked = self.owner.last(events.LlmToolCall)
        results = [commands.ToolResult(tool_call_id=call.id, result=value) for call in asked.tool_calls]
        self.core.handle(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=results))
        await settle()

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.core.conversation.messages]


async def test_an_answer_is_written_as_it_comes() -> None:
    answers = Answers(Model(["It is ", "here."]))
    answers.begin(1, "where?")
    assert answers.answering.is_busy
    await settle()
    assert [utterance.text for utterance in answers.utterances] == ["It is here."]
    assert answers.log == ["token", "over"]
    assert not answers.answering.is_busy


async def test_an_early_answer_calls_no_tool_before_the_turn_is_over() -> None:
    answers = Answers(Model(["Let me see.", tool("look")], ["Found."]))
    answers.begin(1, "look", is_final=False)
    await settle()
    assert answers.owner.named(events.LlmToolCall) == []
    assert answers.answering.confirm(1)
    await settle()
    await answers.answer_tools("here")
    assert [utterance.text for utterance in answers.utterances] == ["Let me see.", "Found."]
    assert answers.roles == ["user", "assistant", "assistant", "tool", "assistant"]


async def test_an_early_answer_that_is_made_before_the_turn_ends_is_taken_as_it_is() -> None:
    answers = Answers(Model([]))
    answers.begin(1, "hm", is_final=False)
    await settle()
    answers.log.clear()
    assert answers.answering.confirm(1)
    assert answers.log == ["over"], "nothing was said, and that is known now"
    assert not answers.answering.confirm(2)


async def test_an_early_answer_that_nobody_wants_is_stopped() -> None:
    answers = Answers(Model(["It"], ["Other."]))
    answers.begin(1, "where", is_final=False)
    answers.answering.abandon()
    answers.begin(1, "where is it")
    await settle()
    assert len(answers.model.requests) == 1
    assert answers.log == ["token", "over"]


async def test_tools_that_run_are_seen_through_and_the_next_answer_knows_of_them() -> None:
    answers = Answers(Model([tool("look")], ["As I found, 7."]))
    answers.begin(1, "look")
    await settle()
    answers.answering.abandon()
    answers.begin(2, "and now?")
    await settle()
    assert len(answers.model.requests) == 1, "it waits for the tool of the answer before"
    await answers.answer_tools(7)
    assert answers.roles == ["user", "assistant", "tool", "user", "assistant"], "each where it belongs"
    assert answers.model.messages(1)[-2:] == [("tool", "7"), ("user", "and now?")]
    assert len(answers.owner.named(events.LlmToolCall)) == 1, "and it was called once"


async def test_a_model_that_fails_is_told_of_after_what_it_had_said() -> None:
    answers = Answers(Model(["It is ", ProviderError("overloaded", "wait")]))
    answers.begin(1, "where?")
    await settle()
    assert answers.utterances[0].text == "It is "
    assert answers.log == ["token", ("failed", "overloaded (wait)"), "over"]


async def test_what_a_model_speaks_itself_is_an_utterance_of_its_own_for_each_item() -> None:
    first, second = SpokenItem("a"), SpokenItem("b")
    sound = np.ones(320, np.int16)
    pieces = [Aloud(first, "It is"), Aloud(first, samples=sound), Aloud(first, " here."), Aloud(second, "Bye.")]
    answers = Answers(Model(pieces))
    answers.begin(1, "where?")
    await settle()
    assert [(said.text, said.item, len(said.pieces)) for said in answers.utterances] == [
        ("It is here.", first, 1), ("Bye.", second, 0),
    ]  # fmt: skip
    assert all(said.is_made for said in answers.utterances)
    assert answers.log == ["token", "over"]


async def test_a_failure_of_ours_is_told_without_its_text() -> None:
    answers = Answers(Model([ValueError("what the caller said")]))
    answers.begin(1, "where?")
    await settle()
    assert answers.log == [("failed", "the voice server failed with ValueError"), "over"]


async def test_closing_stops_tools_too() -> None:
    answers = Answers(Model([tool("look")]))
    answers.begin(1, "look")
    await settle()
    await answers.answering.close()
    assert answers.roles == ["user"]

"""Every tool call gets an outcome in time, whatever the runner does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.voice._fakes import settle

from pinecall_run.voice.conversation import ToolOutcome
from pinecall_run.voice.tool_desk import ToolDesk
from pinecall_run.wire.commands import LlmToolResult, ToolResult
from pinecall_run.wire.events import LlmToolCall, ToolCall


class Desk:
    def __init__(self, timeout: float = 5.0, *, is_there: bool = True) -> None:
        self.sent: list[LlmToolCall] = []
        self.is_there = is_there
        self.desk = ToolDesk(self._send, timeout=timeout)

    def _send(self, request: LlmToolCall) -> bool:
        if self.is_there:
            self.sent.append(request)
        return self.is_there

    async def ask(self, *names: str, msg_id: str = "m1") -> asyncio.Task[Sequence[ToolOutcome]]:
        calls = [ToolCall(id=f"c_{name}", name=name, arguments="{}") for name in names]
        asked = asyncio.create_task(self.desk.ask(LlmToolCall(call_id="x", msg_id=msg_id, tool_calls=calls)))
        await settle()
        return asked

    def answer(self, *results: ToolResult, msg_id: str = "m1") -> bool:
        return self.desk.answer(LlmToolResult(call_id="x", msg_id=msg_id, results=list(results)))


async def test_results_go_to_their_calls_whatever_their_order() -> None:
    desk = Desk()
    asked = await desk.ask("a", "b")
    assert desk.answer(
        ToolResult(tool_call_id="c_b", result=[2], ephemeral=True),
        ToolResult(tool_call_id="c_unknown", result=0),
        ToolResult(tool_call_id="c_a", no_followup=True),  # no result: undefined on the other side
    )
    one, two = await asked
    assert (one.call.name, one.result, one.no_followup, one.ephemeral) == ("a", None, True, False)
    assert (two.call.name, two.result, two.no_followup, two.ephemeral) == ("b", [2], False, True)
    assert desk.sent[0].msg_id == "m1"


async def test_a_call_that_an_answer_leaves_out_is_an_error_at_once() -> None:
    desk = Desk()
    asked = await desk.ask("a", "b")
    desk.answer(ToolResult(tool_call_id="c_a", result=1))
    assert [outcome.result for outcome in await asked] == [1, {"error": "b gave no result"}]


async def test_a_tool_that_does_not_answer_in_time_is_an_error_and_a_late_answer_is_for_nobody() -> None:
    desk = Desk(timeout=0.01)
    asked = await desk.ask("slow")
    assert [outcome.result for outcome in await asked] == [{"error": "slow did not answer within 0.01 s"}]
    assert not desk.answer(ToolResult(tool_call_id="c_slow", result=1))


async def test_only_the_first_answer_counts_and_unknown_ids_are_nobodys() -> None:
    desk = Desk()
    asked = await desk.ask("a")
    assert not desk.answer(ToolResult(tool_call_id="c_a", result=0), msg_id="never")
    assert desk.answer(ToolResult(tool_call_id="c_a", result=1))
    assert not desk.answer(ToolResult(tool_call_id="c_a", result=2))
    assert (await asked)[0].result == 1
    assert not desk.answer(ToolResult(tool_call_id="c_a", result=3))


async def test_what_is_open_is_sent_again_and_what_is_answered_is_not() -> None:
    desk = Desk(is_there=False)
    first, second = await desk.ask("a", msg_id="m1"), await desk.ask("b", msg_id="m2")
    assert desk.sent == []
    desk.is_there = True
    desk.desk.send_again()
    assert [request.msg_id for request in desk.sent] == ["m1", "m2"]
    desk.answer(ToolResult(tool_call_id="c_a", result=1), msg_id="m1")
    await first
    desk.desk.send_again()
    assert [request.msg_id for request in desk.sent] == ["m1", "m2", "m2"]
    second.cancel()
    await asyncio.wait([second])
    desk.desk.send_again()
    assert len(desk.sent) == 3

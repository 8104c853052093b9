"""Tool calls on their way to a runner and back: sent, waited for, sent again to a runner that returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pinecall_run.voice.conversation import ToolOutcome
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import LlmToolResult, ToolResult
from pinecall_run.wire.events import LlmToolCall, ToolCall

Send = Callable[[LlmToolCall], bool]


class ToolDesk:
    """The open tool calls of one conversation."""

    def __init__(self, send: Send, *, timeout: float) -> None:
        self._send = send
        self._timeout = timeout
        self._open: dict[str, tuple[LlmToolCall, asyncio.Future[list[ToolResult]]]] = {}

    async def ask(self, request: LlmToolCall) -> Sequence[ToolOutcome]:
        """Have a runner run the tools; every call gets an outcome, an error where no answer came in time."""
        answered: asyncio.Future[list[ToolResult]] = asyncio.get_running_loop().create_future()
        self._open[request.msg_id] = request, answered
        try:
            self._send(request)
            async with asyncio.timeout(self._timeout):
                results = await answered
            problem = "gave no result"
        except TimeoutError:
            results = []
            problem = f"did not answer within {self._timeout:g} s"
        finally:
            del self._open[request.msg_id]
        by_id = {result.tool_call_id: result for result in results}
        return [_outcome(call, by_id.get(call.id), problem) for call in request.tool_calls]

    def answer(self, command: LlmToolResult) -> bool:
        """A runner answered; ``False`` when nobody waits for it any more."""
        waiting = self._open.get(command.msg_id)
        if waiting is None or waiting[1].done():
            return False
        waiting[1].set_result(command.results)
        return True

    def send_again(self) -> None:
        """A runner is back: it may not have seen what is still open. It knows a call that it has seen by its id."""
        for request, _ in self._open.values():
            self._send(request)


def _outcome(call: ToolCall, result: ToolResult | None, problem: str) -> ToolOutcome:
    if result is None:
        return ToolOutcome(call, {"error": f"{call.name} {problem}"})
    value = None if result.result is UNSET else result.result
    return ToolOutcome(call, value, result.ephemeral, result.no_followup)

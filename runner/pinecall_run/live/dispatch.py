"""Tool calls of the wire, run in this process: every request is answered once, whatever the tools do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from pinecall_run.config.model import Tool
from pinecall_run.live.calls import LiveCall
from pinecall_run.live.journal_file import JournalFile
from pinecall_run.live.notices import Notice, ToolBegan, ToolRan
from pinecall_run.live.tasks import Tasks
from pinecall_run.live.tool_runs import Outcome, ToolRuns
from pinecall_run.tools import policy
from pinecall_run.tools.invoke import Answer, Failure, unknown_tool
from pinecall_run.wire.codec import raw
from pinecall_run.wire.commands import Command, LlmToolResult, ToolResult
from pinecall_run.wire.events import Event, LlmToolCall, ToolCall

MAX_RESULT = 256 * 1024
"""Bytes of JSON that one tool may answer. A server may close the connection at a frame of some megabytes, and no model
reads that much."""


class Dispatcher:
    """Runs tools. ``send`` carries answers, ``notify`` tells what happened, ``hide`` masks secrets in a text, and
    ``journal`` keeps what writes did."""

    def __init__(
        self,
        send: Callable[[Command], object],
        notify: Callable[[Notice], None],
        clock: Callable[[], float],
        hide: Callable[[str], str] = str,
        journal: JournalFile | None = None,
    ) -> None:
        self._send = send
        self._notify = notify
        self._clock = clock
        self._hide = hide
        self._runs = ToolRuns(notify, clock, lambda answer: self._discreet(_fitting(answer)), journal)
        self._running = Tasks()

    async def open(self) -> None:
        """Open the journal, if there is one.

        Raises:
            JournalError: it cannot be used.
        """
        await self._runs.open()

    def dispatch(self, live: LiveCall, request: LlmToolCall) -> None:
        """Run the tools of one request, or repeat the answer to it."""
        if request.msg_id in live.answered:
            answer = live.answered[request.msg_id]
            if answer is not None:
                self._send(answer)
            return
        live.answered[request.msg_id] = None
        live.state.hold()
        self._running.add(self._answer(live, request), lambda task: live.state.release(), at_once=True)

    def heard(self, event: Event, call_id: str) -> None:
        """An event of a call: what the person does may end tools that ask for it."""
        if policy.is_interruption(event):
            self._runs.interrupt(call_id)

    @property
    def count(self) -> int:
        """Requests whose tools run."""
        return len(self._running)

    async def join(self) -> None:
        """Wait until no tool runs."""
        await self._running.join()

    async def close(self) -> None:
        """Cancel what still runs. Threads cannot be stopped; they are left behind."""
        await self._running.close()
        await self._runs.close()

    async def _answer(self, live: LiveCall, request: LlmToolCall) -> None:
        if len(request.tool_calls) == 1:  # most: no second task for it
            results = [await self._result(live, request, request.tool_calls[0])]
        else:
            results = await asyncio.gather(*(self._result(live, request, call) for call in request.tool_calls))
        reply = LlmToolResult(call_id=request.call_id, msg_id=request.msg_id, results=results)
        live.answer(reply)
        self._send(reply)

    async def _result(self, live: LiveCall, request: LlmToolCall, call: ToolCall) -> ToolResult:
        answer = await self._run(live, request, call)
        return _result(call, answer, live.agent.config.tools.get(call.name))

    async def _run(self, live: LiveCall, request: LlmToolCall, call: ToolCall) -> Answer:
        told = live.call
        binding = live.agent.tools.get(call.name)
        self._notify(ToolBegan(told.agent, told.id, call.name, call.id, told.revision))
        started = self._clock()
        if binding is None:
            outcome = Outcome(unknown_tool(call.name))
        else:
            outcome = await self._runs.run(live, binding, request, call)
        self._notify(
            ToolRan(
                told.agent,
                told.id,
                call.name,
                (self._clock() - started) * 1000,
                outcome.answer.failure,
                content=call.arguments,
                revision=told.revision,
                tries=outcome.tries,
                is_repeated=outcome.is_repeated,
            )
        )
        return outcome.answer

    def _discreet(self, answer: Answer) -> Answer:
        """The answer of a tool that failed, whose error may quote the key it failed with: it goes to the model."""
        if answer.failure is None:
            return answer
        return Answer.of(replace(answer.failure, message=self._hide(answer.failure.message)))


def _result(call: ToolCall, answer: Answer, tool: Tool | None) -> ToolResult:
    if tool is None:
        return ToolResult(tool_call_id=call.id, result=raw(answer.json))
    # What went wrong is worth a word, whatever is said of results.
    no_followup = tool.no_followup and answer.failure is None
    return ToolResult(tool_call_id=call.id, result=raw(answer.json), ephemeral=tool.ephemeral, no_followup=no_followup)


def _fitting(answer: Answer) -> Answer:
    if len(answer.json) <= MAX_RESULT:
        return answer
    message = f"the tool returned {len(answer.json):,} bytes of JSON; at most {MAX_RESULT:,} are sent"
    return Answer.of(Failure("result is too large", message))

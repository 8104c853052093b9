"""Tool calls of the wire, run in this process: every request is answered once, whatever the tools do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace

from pinecall_run.config.model import Tool
from pinecall_run.live.calls import LiveCall
from pinecall_run.live.notices import Notice, ToolBegan, ToolRan
from pinecall_run.live.threads import Threads
from pinecall_run.live.turns import Turns
from pinecall_run.tools.binding import Binding
from pinecall_run.tools.invoke import Answer, Failure, invoke, unknown_tool
from pinecall_run.wire.codec import to_json
from pinecall_run.wire.commands import Command, LlmToolResult, ToolResult
from pinecall_run.wire.events import LlmToolCall, ToolCall

THREADS = 64
"""Plain functions that may run at once; more wait for a thread."""

MAX_RESULT = 256 * 1024
"""Bytes of JSON that one tool may answer. A server may close the connection at a frame of some megabytes, and no model
reads that much."""


class Dispatcher:
    """Runs tools. ``send`` carries answers, ``notify`` tells what happened, ``hide`` masks secrets in a text."""

    def __init__(
        self,
        send: Callable[[Command], object],
        notify: Callable[[Notice], None],
        clock: Callable[[], float],
        hide: Callable[[str], str] = str,
    ) -> None:
        self._send = send
        self._notify = notify
        self._clock = clock
        self._hide = hide
        self._pool = Threads(THREADS)
        self._turns: dict[tuple[str, int], Turns] = {}
        self._running: set[asyncio.Task[None]] = set()

    def dispatch(self, live: LiveCall, request: LlmToolCall) -> None:
        """Run the tools of one request, or repeat the answer to it."""
        if request.msg_id in live.answered:
            answer = live.answered[request.msg_id]
            if answer is not None:
                self._send(answer)
            return
        live.answered[request.msg_id] = None
        task = asyncio.create_task(self._answer(live, request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    @property
    def count(self) -> int:
        """Requests whose tools run."""
        return len(self._running)

    async def join(self) -> None:
        """Wait until no tool runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Cancel what still runs. Threads cannot be stopped; they are left behind."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, live: LiveCall, request: LlmToolCall) -> None:
        if len(request.tool_calls) == 1:  # most: no second task for it
            answers = [await self._run(live, request.tool_calls[0])]
        else:
            answers = await asyncio.gather(*(self._run(live, call) for call in request.tool_calls))
        results = [
            _result(call, answer, live.agent.config.tools.get(call.name))
            for call, answer in zip(request.tool_calls, answers, strict=True)
        ]
        reply = LlmToolResult(call_id=request.call_id, msg_id=request.msg_id, results=results)
        live.answer(reply)
        self._send(reply)

    async def _run(self, live: LiveCall, call: ToolCall) -> Answer:
        told = live.call
        binding = live.agent.tools.get(call.name)
        self._notify(ToolBegan(told.agent, told.id, call.name, call.id, told.revision))
        started = self._clock()
        if binding is None:
            answer = unknown_tool(call.name)
        else:
            answer = self._discreet(_fitting(await self._invoke(binding, call, live)))
        milliseconds = (self._clock() - started) * 1000
        self._notify(
            ToolRan(told.agent, told.id, call.name, milliseconds, answer.failure, call.arguments, told.revision)
        )
        return answer

    async def _invoke(self, binding: Binding, call: ToolCall, live: LiveCall) -> Answer:
        tool = live.agent.config.tools.get(call.name, Tool(""))
        try:
            async with asyncio.timeout(tool.timeout_seconds), self._turn(tool) as pool:
                return await invoke(binding, call.arguments, live.call, pool)
        except TimeoutError:
            message = f"{call.name} did not answer within {tool.timeout_seconds:g} s"
            return Answer({"error": message}, Failure("timed out", message))

    def _turn(self, tool: Tool) -> AbstractAsyncContextManager[Executor]:
        """Waits until another call of a function may run; gives the pool for it."""
        if tool.max_concurrency is None:
            return nullcontext(self._pool)
        key = tool.function, tool.max_concurrency
        if key not in self._turns:
            self._turns[key] = Turns(tool.max_concurrency)
        return self._turns[key].one(self._pool)

    def _discreet(self, answer: Answer) -> Answer:
        """The answer of a tool that failed, whose error may quote the key it failed with: it goes to the model."""
        if answer.failure is None:
            return answer
        message = self._hide(answer.failure.message)
        return Answer({"error": message}, replace(answer.failure, message=message))


def _result(call: ToolCall, answer: Answer, tool: Tool | None) -> ToolResult:
    if tool is None:
        return ToolResult(tool_call_id=call.id, result=answer.result)
    # What went wrong is worth a word, whatever is said of results.
    no_followup = tool.no_followup and answer.failure is None
    return ToolResult(tool_call_id=call.id, result=answer.result, ephemeral=tool.ephemeral, no_followup=no_followup)


def _fitting(answer: Answer) -> Answer:
    size = len(to_json(answer.result))
    if size <= MAX_RESULT:
        return answer
    message = f"the tool returned {size:,} bytes of JSON; at most {MAX_RESULT:,} are sent"
    return Answer({"error": message}, Failure("result is too large", message))

"""Every tool call is answered exactly once, whatever its functions do, and none of them holds up another."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest

from pinecall_run.config.model import Agent, PromptSource, Tool
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.calls import Calls
from pinecall_run.live.dispatch import MAX_RESULT, Dispatcher
from pinecall_run.live.driver import Wire
from pinecall_run.live.notices import Notice, ToolBegan, ToolRan
from pinecall_run.tools.binding import bind
from pinecall_run.tools.call import Call
from pinecall_run.tools.path import ToolPath
from pinecall_run.wire.codec import COMMAND_DECODER, encode
from pinecall_run.wire.commands import Command, LlmToolResult
from pinecall_run.wire.events import LlmToolCall, ToolCall

gate = threading.Event()
told_within: ContextVar[str] = ContextVar("told_within", default="")
runs: list[str] = []


def echo(text: str) -> str:
    runs.append(text)
    return text


def blocks() -> str:
    gate.wait(5)
    return "late"


async def coroutine(call: Call) -> dict[str, str]:
    return {"call": call.id}


def where() -> str:
    return told_within.get()


async def where_async() -> str:
    return told_within.get()


def fails() -> None:
    raise LookupError("no such order")


def exits() -> None:
    raise SystemExit(3)


async def cancels_itself() -> None:
    task = asyncio.create_task(asyncio.sleep(5))
    task.cancel()
    await task


async def hangs() -> None:
    await asyncio.sleep(60)


def not_json() -> object:
    return object()


def long() -> str:
    return "x" * MAX_RESULT


def huge_number() -> int:
    return 2**70


class Bench:
    """A dispatcher with one live call."""

    def __init__(self, *, has_options: bool = False) -> None:
        self.sent: list[LlmToolResult] = []
        self.frames: list[bytes] = []
        self.notices: list[Notice] = []
        self.arrived = asyncio.Event()
        functions: list[Callable[..., Any]] = [
            echo, blocks, coroutine, fails, exits, cancels_itself, hangs, not_json, long, huge_number, where,
            where_async,
        ]  # fmt: skip
        tools = {f.__name__: bind(f.__name__, ToolPath(__name__, f.__name__)) for f in functions}
        options = {
            "hangs": Tool("hangs", timeout_seconds=0.05),
            "blocks": Tool("blocks", timeout_seconds=0.05),
            "echo": Tool("echo", ephemeral=True, no_followup=True),
            "coroutine": Tool("coroutine", max_concurrency=1),
            "fails": Tool("fails", no_followup=True),
        }
        config = Agent("desk", PromptSource(text="p"), tools=options if has_options else {})
        agent = DeployedAgent(config, "p", tools=tools)
        self.live, _ = Calls(Wire(lambda command: True)).begin("1", agent, "r", channel="chat", metadata={})
        self.dispatcher = Dispatcher(self._send, self.notices.append, time.perf_counter)

    def _send(self, command: Command) -> None:
        self.frames.append(encode(command))
        frame = COMMAND_DECODER.decode(self.frames[-1])
        assert isinstance(frame, LlmToolResult)
        self.sent.append(frame)
        self.arrived.set()

    def ask(self, msg_id: str, *calls: tuple[str, dict[str, Any] | str]) -> None:
        asked = [
            ToolCall(id=f"c{number}", name=name, arguments=given if isinstance(given, str) else json.dumps(given))
            for number, (name, given) in enumerate(calls)
        ]
        self.dispatcher.dispatch(self.live, LlmToolCall(call_id="1", msg_id=msg_id, tool_calls=asked))

    async def answer(self) -> LlmToolResult:
        async with asyncio.timeout(5):
            await self.arrived.wait()
        self.arrived.clear()
        return self.sent[-1]


@pytest.fixture
async def bench() -> Any:
    gate.clear()
    runs.clear()
    bench = Bench()
    yield bench
    gate.set()
    async with asyncio.timeout(2):
        await bench.dispatcher.close()


async def test_one_answer_holds_all_results_in_the_order_of_the_calls(bench: Bench) -> None:
    bench.ask("m1", ("echo", {"text": "a"}), ("coroutine", {}), ("nothing", {}), ("echo", "{"))
    answer = await bench.answer()
    assert (answer.call_id, answer.msg_id) == ("1", "m1")
    assert [result.tool_call_id for result in answer.results] == ["c0", "c1", "c2", "c3"]
    assert [result.result for result in answer.results][:3] == ["a", {"call": "1"}, {"error": "Unknown tool: nothing"}]
    assert "not JSON" in answer.results[3].result["error"]
    ran = [notice for notice in bench.notices if isinstance(notice, ToolRan)]
    assert sorted(each.tool for each in ran) == ["coroutine", "echo", "echo", "nothing"]
    assert [each.failure.kind for each in ran if each.failure and each.tool == "nothing"] == ["unknown tool"]


@pytest.mark.parametrize(
    ("name", "error", "kind"),
    [
        ("fails", "no such order", "LookupError"),
        ("exits", "3", "SystemExit"),
        ("cancels_itself", "CancelledError", "CancelledError"),
        ("not_json", "the tool returned object", "result is not JSON"),
        ("long", "the tool returned 262,146 bytes", "result is too large"),
    ],
)
async def test_a_tool_that_fails_is_an_error_and_does_not_spoil_its_neighbour(
    bench: Bench, name: str, error: str, kind: str
) -> None:
    bench.ask("m1", (name, {}), ("echo", {"text": "a"}))
    answer = await bench.answer()
    assert answer.results[0].result["error"].startswith(error)
    assert answer.results[1].result == "a"
    failures = [n.failure for n in bench.notices if isinstance(n, ToolRan) and n.failure]
    assert [failure.kind for failure in failures] == [kind]


async def test_a_tool_runs_in_the_context_that_its_beginning_is_told_in(bench: Bench) -> None:
    def tell(notice: Notice) -> None:
        bench.notices.append(notice)
        if isinstance(notice, ToolBegan):
            assert told_within.get() == ""
            told_within.set(notice.tool_call_id)
        if isinstance(notice, ToolRan):
            ended.append(told_within.get())

    ended: list[str] = []
    bench.dispatcher = Dispatcher(bench._send, tell, time.perf_counter)
    bench.ask("m1", ("where", {}), ("where_async", {}))
    assert [result.result for result in (await bench.answer()).results] == ["c0", "c1"]
    assert sorted(ended) == ["c0", "c1"]
    assert [n.revision for n in bench.notices if isinstance(n, ToolBegan | ToolRan)] == ["r"] * 4
    await bench.dispatcher.close()


async def test_what_a_tool_returns_can_be_sent(bench: Bench) -> None:
    bench.ask("m1", ("huge_number", {}))
    await bench.answer()
    assert b"1180591620717411303424" in bench.frames[0]


async def test_a_request_that_comes_again_is_answered_again_and_not_run_again(bench: Bench) -> None:
    bench.ask("m1", ("echo", {"text": "a"}), ("blocks", {}))
    bench.ask("m1", ("echo", {"text": "a"}), ("blocks", {}))  # while it runs
    await asyncio.sleep(0.02)
    assert bench.sent == []
    gate.set()
    first = await bench.answer()
    bench.ask("m1", ("echo", {"text": "a"}), ("blocks", {}))
    assert bench.sent == [first, first]
    bench.arrived.clear()
    bench.ask("m2", ("echo", {"text": "a"}))
    await bench.answer()
    assert runs == ["a", "a"]


async def test_a_function_that_blocks_holds_up_nothing_else(bench: Bench) -> None:
    bench.ask("slow", ("blocks", {}))
    for number in range(20):
        bench.ask(f"m{number}", ("echo", {"text": "a"}))
        assert (await bench.answer()).msg_id == f"m{number}"
    assert not gate.is_set()


async def test_closing_waits_for_no_function(bench: Bench) -> None:
    bench.ask("m1", ("blocks", {}), ("hangs", {}))
    await asyncio.sleep(0.02)
    started = time.monotonic()
    await bench.dispatcher.close()
    assert time.monotonic() - started < 0.5
    assert bench.sent == []
    assert bench.dispatcher.count == 0


async def test_what_takes_too_long_is_answered_in_time() -> None:
    gate.clear()
    bench = Bench(has_options=True)
    try:
        bench.ask("m", ("hangs", {}), ("blocks", {}))
        results = (await bench.answer()).results
        assert [result.result for result in results] == [
            {"error": "hangs did not answer within 0.05 s"},
            {"error": "blocks did not answer within 0.05 s"},
        ]
        kinds = {notice.failure.kind for notice in bench.notices if isinstance(notice, ToolRan) and notice.failure}
        assert kinds == {"timed out"}
    finally:
        gate.set()
        await bench.dispatcher.close()


async def test_results_are_marked_as_the_tool_says_and_errors_are_always_followed_up() -> None:
    bench = Bench(has_options=True)
    bench.ask("m", ("echo", {"text": "a"}), ("fails", {}), ("not_json", {}))
    results = (await bench.answer()).results
    assert [(result.ephemeral, result.no_followup) for result in results] == [
        (True, True),
        (False, False),
        (False, False),
    ]
    await bench.dispatcher.close()


async def test_a_tool_that_may_run_once_at_a_time_does() -> None:
    running = most = 0

    async def one_by_one() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    bench = Bench(has_options=True)
    binding = bench.live.agent.tools["coroutine"]
    changed = replace(binding, function=one_by_one, call_parameter=None)
    bench.live.agent = replace(bench.live.agent, tools={"coroutine": changed})
    bench.ask("m", *[("coroutine", {})] * 20)
    assert len((await bench.answer()).results) == 20
    assert most == 1
    await bench.dispatcher.close()

"""A trace shows a call, its tools and what these trace themselves; without a provider there is none, and no cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from pinecall_run.live.notices import CallBegan, CallOver, Notice, ToolBegan, ToolRan
from pinecall_run.telemetry.tracing import Tracing
from pinecall_run.tools.invoke import Failure

BEGAN = CallBegan("desk", "call-1", "chat", "r1")
OVER = CallOver("desk", "call-1", "hangup", 1.0, "r1")


class Traced:
    """Tracing with a provider that keeps its spans."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: object) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**options)  # type: ignore[arg-type]
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        monkeypatch.setattr(trace, "get_tracer", self.provider.get_tracer)
        self.tracing = Tracing("0")

    def tell(self, *told: Notice) -> None:
        for notice in told:
            self.tracing(notice)

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    traced = Traced(monkeypatch)
    yield traced
    traced.provider.shutdown()


async def run_tool(it: Traced, name: str = "look", failure: Failure | None = None) -> None:
    """As the dispatcher does: begin, work and end in one task."""
    it.tell(ToolBegan("desk", "call-1", name, "tc-1", "r1"))
    with it.provider.get_tracer("shop").start_as_current_span(f"select for {name}"):
        await asyncio.sleep(0)
    it.tell(ToolRan("desk", "call-1", name, 1.0, failure, '{"card": "4111"}', "r1"))


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    return span.get_span_context().span_id


async def test_a_call_its_tools_and_what_they_trace_are_one_tree(it: Traced) -> None:
    it.tell(BEGAN)
    await asyncio.gather(run_tool(it, "look"), run_tool(it, "find"))
    it.tell(OVER)
    spans = it.spans()
    call = spans["pinecall.call"]
    assert call.attributes == {
        "gen_ai.agent.name": "desk",
        "gen_ai.conversation.id": "call-1",
        "pinecall.channel": "chat",
        "pinecall.revision": "r1",
        "pinecall.end_reason": "hangup",
    }
    assert parent(call) is None
    for name in ("look", "find"):
        tool = spans[f"execute_tool {name}"]
        assert parent(tool) == id_of(call)
        assert parent(spans[f"select for {name}"]) == id_of(tool)
        assert tool.attributes == {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": "tc-1",
            "gen_ai.agent.name": "desk",
            "gen_ai.conversation.id": "call-1",
            "pinecall.revision": "r1",
        }


async def test_what_a_plain_tool_traces_in_its_thread_is_under_it(it: Traced) -> None:
    it.tell(BEGAN, ToolBegan("desk", "call-1", "look", "tc-1", "r1"))
    with ThreadPoolExecutor(1) as pool:
        work = it.provider.get_tracer("shop").start_span
        span = await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, work, "select")
        span.end()
    it.tell(ToolRan("desk", "call-1", "look", 1.0, None, "{}", "r1"))
    assert parent(it.spans()["select"]) == id_of(it.spans()["execute_tool look"])
    assert not trace.get_current_span().get_span_context().is_valid, "what comes after a tool is not in it"


async def test_a_failure_is_told_by_its_kind_and_place_never_by_its_words(it: Traced) -> None:
    it.tell(BEGAN)
    await run_tool(it, failure=Failure("LookupError", "no card 4111", "/srv/orders.py", 7))
    tool = it.spans()["execute_tool look"]
    assert tool.status.status_code is StatusCode.ERROR
    assert tool.attributes is not None
    assert tool.attributes["error.type"] == "LookupError"
    assert (tool.attributes["code.file.path"], tool.attributes["code.line.number"]) == ("/srv/orders.py", 7)
    assert "4111" not in tool.to_json()


def test_a_call_that_breaks_off_is_an_error(it: Traced) -> None:
    it.tell(BEGAN, CallOver("desk", "call-1", "connection_lost", 1.0, "r1"))
    assert it.spans()["pinecall.call"].status.status_code is StatusCode.ERROR


async def test_what_goes_on_at_the_end_is_ended(it: Traced) -> None:
    it.tell(BEGAN, ToolBegan("desk", "call-1", "look", "tc-1", "r1"))
    it.tracing.close()
    spans = it.spans()
    assert set(spans) == {"pinecall.call", "execute_tool look"}
    assert (spans["pinecall.call"].attributes or {})["pinecall.end_reason"] == "runner_stopped"
    it.tell(ToolRan("desk", "call-1", "look", 1.0, None, "{}", "r1"), OVER)
    assert len(it.exporter.get_finished_spans()) == 2


async def test_what_is_not_sampled_is_not_sampled_in_its_tools_either(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Traced(monkeypatch, sampler=ALWAYS_OFF)
    it.tell(BEGAN, ToolBegan("desk", "call-1", "look", "tc-1", "r1"))
    current = trace.get_current_span().get_span_context()
    assert current.is_valid
    assert not current.trace_flags.sampled
    it.tell(ToolRan("desk", "call-1", "look", 1.0, None, "{}", "r1"), OVER)
    assert it.spans() == {}


async def test_without_a_provider_nothing_is_kept() -> None:
    tracing = Tracing("0")
    started = time.perf_counter()
    for number in range(1000):
        tracing(CallBegan("desk", f"call-{number}", "chat", "r1"))
        tracing(ToolBegan("desk", f"call-{number}", "look", "tc-1", "r1"))
    assert time.perf_counter() - started < 1.0
    assert not tracing._calls
    assert not tracing._tools
    assert not trace.get_current_span().get_span_context().is_valid

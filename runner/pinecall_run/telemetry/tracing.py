"""Spans of OpenTelemetry: one for each call, and under it one for each tool call. None of them holds content.

Names follow the semantic conventions for generative AI, where these have one
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/, "execute tool span"). Which spans are kept, and
where they go, is for the provider to say, which the project or ``opentelemetry-instrument`` has set; without
one nothing is kept here either.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from pinecall_run.live import notices
from pinecall_run.telemetry.labels import outcome

STOPPED = "runner_stopped"
"""The end reason of calls whose end this process does not live to see."""
_BROKEN = frozenset({"connection_lost", "error", "chat_error", "failed"})
"""End reasons that are errors."""

_RUNNING: ContextVar[tuple[Span, Token[Context]] | None] = ContextVar("pinecall_tool_span", default=None)
"""The span of the tool call that runs in this context, and the way back to what was current before."""


class Tracing:
    """Fed with notices. What a tool itself traces comes under its tool call's span, also in the tool's thread."""

    def __init__(self, version: str) -> None:
        self._tracer = trace.get_tracer("pinecall_run", version)
        self._calls: dict[str, Span] = {}
        self._tools: set[Span] = set()

    def __call__(self, notice: notices.Notice) -> None:
        """Begin or end a span, if the notice is about that."""
        match notice:
            case notices.ToolBegan():
                self._begin_tool(notice)
            case notices.ToolRan():
                self._end_tool(notice)
            case notices.CallBegan():
                self._begin_call(notice)
            case notices.CallOver(_, call, reason):
                self._end_call(call, reason)

    def close(self) -> None:
        """End what is still going on."""
        for span in self._tools:
            span.end()
        self._tools.clear()
        for call in list(self._calls):
            self._end_call(call, STOPPED)

    def _begin_call(self, notice: notices.CallBegan) -> None:
        attributes = {
            "gen_ai.agent.name": notice.agent,
            "gen_ai.conversation.id": notice.call,
            "pinecall.channel": notice.channel,
            "pinecall.revision": notice.revision,
        }
        # In an empty context: what happens to go on where the news of a call comes in is not its parent.
        span = self._tracer.start_span("pinecall.call", Context(), attributes=attributes)
        if span.get_span_context().is_valid:  # it is not where no provider has been set
            self._calls[notice.call] = span

    def _end_call(self, call: str, reason: str) -> None:
        span = self._calls.pop(call, None)
        if span is None:
            return
        span.set_attribute("pinecall.end_reason", reason)
        if reason in _BROKEN:
            span.set_attribute("error.type", reason)
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _begin_tool(self, notice: notices.ToolBegan) -> None:
        parent = self._calls.get(notice.call)
        if parent is None:
            return
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": notice.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": notice.tool_call_id,
            "gen_ai.agent.name": notice.agent,
            "gen_ai.conversation.id": notice.call,
            "pinecall.revision": notice.revision,
        }
        name, within = f"execute_tool {notice.tool}", trace.set_span_in_context(parent, Context())
        span = self._tracer.start_span(name, within, attributes=attributes)
        _RUNNING.set((span, context.attach(trace.set_span_in_context(span, within))))
        self._tools.add(span)

    def _end_tool(self, notice: notices.ToolRan) -> None:
        running = _RUNNING.get()
        if running is None:
            return
        span, token = running
        context.detach(token)
        _RUNNING.set(None)
        self._tools.discard(span)
        failure = notice.failure
        if failure is not None:
            # Its kind is the name of an exception or of ours; its message may quote what the caller said.
            kind = outcome(failure)
            span.set_attribute("error.type", failure.kind if kind == "error" else kind)
            if failure.file:
                span.set_attributes({"code.file.path": failure.file, "code.line.number": failure.line})
            span.set_status(Status(StatusCode.ERROR))
        span.end()

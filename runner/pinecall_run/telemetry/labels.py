"""The values of labels: words of servers, models and exceptions, brought down to few."""

from __future__ import annotations

from pinecall_run.tools.invoke import Failure

OTHER = "other"

END_REASONS = frozenset({
    "agent_removed", "busy", "canceled", "chat_completed", "chat_error", "client_disconnect", "client_hangup",
    "connection_lost", "disconnected", "error", "failed", "hangup", "idle_timeout", "max_duration", "no-answer",
    "no_answer", "resumed_elsewhere", "routed", "server_stopped", "timeout",
})  # fmt: skip
"""Why calls end (docs/protocol.md); a server may have more to say."""

OUTCOMES = {
    "timed out": "timed_out",
    "bad arguments": "bad_arguments",
    "unknown tool": "unknown_tool",
    "cancelled": "cancelled",
    "not journaled": "not_journaled",
    "outcome unknown": "outcome_unknown",
    "result is not JSON": "bad_result",
    "result is too large": "bad_result",
}
"""What a tool call came to, by the kind of its failure; any other kind is an exception of the tool's own."""


def end_reason(said: str) -> str:
    """The reason for which a call ended, one of :data:`END_REASONS` or ``other``."""
    return said if said in END_REASONS else OTHER


def outcome(failure: Failure | None) -> str:
    """What a tool call came to: ``ok``, ``error`` or one of :data:`OUTCOMES`."""
    return "ok" if failure is None else OUTCOMES.get(failure.kind, "error")


def tool_label(name: str, failure: Failure | None) -> str:
    """The tool's name, unless a model made it up."""
    return OTHER if outcome(failure) == "unknown_tool" else name

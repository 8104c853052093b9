"""What is said of what a function may take is what it may take."""

from __future__ import annotations

from pinecall_run.tools.given import Kind, gives


def test_a_context_is_given_no_event() -> None:
    assert "event" in gives(Kind.HOOK)
    assert "event" not in gives(Kind.CONTEXT)

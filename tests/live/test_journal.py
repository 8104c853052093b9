"""A write that was begun is never run again, and one that was not is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pinecall_run.live.journal import Entry, Step, Write, next_step
from pinecall_run.wire.events import LlmToolCall, ToolCall


@pytest.mark.parametrize(
    ("entry", "is_owner_alive", "step"),
    [
        (None, False, Step.RUN),
        (Entry(7), True, Step.WAIT),
        (Entry(7), False, Step.TELL_UNKNOWN),
        (Entry(7, b"null"), True, Step.REPEAT),
        (Entry(7, b"{}", is_failure=True), False, Step.REPEAT),
    ],
)
def test_what_is_done(entry: Entry | None, is_owner_alive: bool, step: Step) -> None:
    assert next_step(entry, is_owner_alive=is_owner_alive) is step


@dataclass
class Asked:
    agent: str = "desk"
    call: str = "c1"
    message: str = "m1"
    id: str = "t1"
    name: str = "book"
    arguments: str = '{"day": "monday"}'

    def write(self) -> Write:
        call = ToolCall(id=self.id, name=self.name, arguments=self.arguments)
        return Write.of(
            LlmToolCall(agent_id=self.agent, call_id=self.call, msg_id=self.message, tool_calls=[call]), call
        )


@pytest.mark.parametrize("what", ["agent", "call", "message", "id", "name", "arguments"])
def test_what_was_asked_for_is_known_again_and_nothing_else_is(what: str) -> None:
    assert Asked().write() == Asked().write()
    assert Asked(**{what: "other"}).write() != Asked().write()


def test_arguments_are_not_kept() -> None:
    assert b"monday" not in repr(Asked().write()).encode()

"""What the journal of writes says about a tool call that the server asks for, as a decision."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from pinecall_run.wire.codec import to_json
from pinecall_run.wire.events import LlmToolCall, ToolCall


class Write(NamedTuple):
    """One call of a tool that writes.

    ``asked`` is a hash of what it was asked for, so that a server which numbers its calls anew is not taken to ask for
    the same thing; the arguments themselves are kept nowhere.
    """

    call_id: str
    msg_id: str
    tool_call_id: str
    tool: str
    asked: bytes

    @classmethod
    def of(cls, request: LlmToolCall, call: ToolCall) -> Write:
        """The write that a request asks for."""
        asked = hashlib.sha256(to_json([request.agent_id, call.name, call.arguments])).digest()
        return cls(request.call_id, request.msg_id, call.id, call.name, asked)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal has of a write: who began it, and how it ended, if it did: the answer's JSON and whether it
    says that the tool failed."""

    owner: int
    outcome: bytes | None = None
    is_failure: bool = False


class Step(Enum):
    """What to do about a write."""

    RUN = auto()
    REPEAT = auto()
    WAIT = auto()
    TELL_UNKNOWN = auto()


def next_step(entry: Entry | None, *, is_owner_alive: bool) -> Step:
    """What to do about a write of which the journal has this. One that was begun is never run again."""
    if entry is None:
        return Step.RUN
    if entry.outcome is not None:
        return Step.REPEAT
    return Step.WAIT if is_owner_alive else Step.TELL_UNKNOWN

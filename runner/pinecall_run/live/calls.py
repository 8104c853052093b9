"""The calls that are going on, each with the deployment that it began with."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.tools.call import Call
from pinecall_run.wire.commands import Command, LlmToolResult

ANSWERS = 32
"""Answers of one call that can be repeated."""

_ALPHABET = string.ascii_lowercase + string.digits


def new_message_id() -> str:
    """``msg_`` and twelve of ``a-z0-9`` (protocol: bot output)."""
    return "msg_" + "".join(secrets.choice(_ALPHABET) for _ in range(12))


@dataclass(slots=True)
class LiveCall:
    """One call, pinned to the agent as it was deployed when the call began.

    ``answered`` holds, by ``msg_id``, what was answered to tool calls (``None`` while the tools run): a repeated
    request is never run again. Of the answers the latest are kept: a server asks again only for what it waits for.
    """

    call: Call
    agent: DeployedAgent
    answered: dict[str, LlmToolResult | None] = field(default_factory=dict)

    def answer(self, reply: LlmToolResult) -> None:
        """Take note of an answer."""
        self.answered[reply.msg_id] = reply
        done = [msg_id for msg_id, answer in self.answered.items() if answer is not None]
        for msg_id in done[:-ANSWERS]:
            del self.answered[msg_id]


class Calls:
    """All live calls by id."""

    def __init__(self, send: Callable[[Command], object]) -> None:
        self._send = send
        self._calls: dict[str, LiveCall] = {}
        self._heard: set[str] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def begin(
        self, call_id: str, agent: DeployedAgent, revision: str, *, channel: str, metadata: Mapping[str, Any]
    ) -> tuple[LiveCall, bool]:
        """The call of an id, and whether it is new. A call that is announced again keeps what it began with."""
        self._heard.add(call_id)
        known = self._calls.get(call_id)
        if known is not None:
            return known, False
        call = Call(
            id=call_id,
            agent=agent.config.name,
            channel=channel,
            revision=revision,
            metadata=metadata,
            _send=lambda command: void(self._send(command)),
            _message_id=new_message_id,
        )
        live = self._calls[call_id] = LiveCall(call, agent)
        return live, True

    def get(self, call_id: str) -> LiveCall | None:
        """The call of an id."""
        return self._calls.get(call_id)

    def end(self, call_id: str) -> LiveCall | None:
        """Forget a call; returns it if there was one."""
        self._heard.discard(call_id)
        return self._calls.pop(call_id, None)

    def reconnected(self) -> list[LiveCall]:
        """A connection is up again: forget, and return, the calls that nothing was heard of on the one before.

        Their server has ended them without our knowing: it speaks of a call that goes on when we register again.
        """
        silent = [live for call_id, live in self._calls.items() if call_id not in self._heard]
        for live in silent:
            self.end(live.call.id)
        self._heard.clear()
        return silent


def void(_: object) -> None:
    """Drops a value."""

"""The call as a tool sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.wire import commands

Send = Callable[[commands.Command], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One conversation. A tool that has a parameter annotated ``Call`` receives it; the model never sees it.

    Attributes:
        id: the server's id of the call.
        agent: the agent that answers.
        channel: how the person reached it: ``chat``, ``phone``, ``webrtc``, …
        metadata: what the opener of the session attached; trusted only where the server sealed it.
        revision: the content hash of the deployment that the call began with.
    """

    id: str
    agent: str
    channel: str
    revision: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    from_: str = ""
    to: str = ""
    _send: Send = field(default=lambda command: None, repr=False, compare=False)
    _message_id: Callable[[], str] = field(default=lambda: "msg_000000000000", repr=False, compare=False)

    def say(self, text: str) -> None:
        """Have the agent say ``text`` now, besides what the model answers."""
        self._send(commands.BotReply(call_id=self.id, message_id=self._message_id(), text=text, in_reply_to=""))

    def hangup(self) -> None:
        """End the call."""
        self._send(commands.CallHangup(call_id=self.id))

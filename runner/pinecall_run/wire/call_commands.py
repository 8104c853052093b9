"""Frames with which a runner steers a call beside what the agent says: placing, screening, keys, hold, takeover."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import Command, Maybe


class CallCommand(Command, kw_only=True):
    """A command about one call, which the server finds by ``call_id`` alone."""

    call_id: str


class CallForward(CallCommand, tag="call.forward", kw_only=True, omit_defaults=False):
    """Hands the call to another number. ``message`` is said before, ``announce`` tells the other side who comes.
    ``summary`` (extension) is what they are told of the call; ``true`` has the model write it, and ``call.summary`` say
    what it wrote."""

    to: str
    message: str = ""
    announce: bool = False
    summary: bool | str | Maybe = UNSET


class CallDtmf(CallCommand, tag="call.dtmf", kw_only=True):
    """Presses keys: ``0-9``, ``*``, ``#``, ``A-D``, and ``w`` for half a second of waiting."""

    digits: str


class CallHold(CallCommand, tag="call.hold", kw_only=True):
    """Puts the person on hold."""


class CallUnhold(CallCommand, tag="call.unhold", kw_only=True):
    """Takes the person back from hold."""


class CallMute(CallCommand, tag="call.mute", kw_only=True):
    """Stops listening; what is said meanwhile is kept and told at ``call.unmuted``."""


class CallUnmute(CallCommand, tag="call.unmute", kw_only=True):
    """Listens again."""


class CallAccept(CallCommand, tag="call.accept", kw_only=True):
    """Takes a call that rings."""

    agent_id: str


class CallReject(CallCommand, tag="call.reject", kw_only=True, omit_defaults=False):
    """Turns a call away that rings."""

    agent_id: str
    reason: Literal["busy", "rejected"] = "busy"


class CallDial(Command, tag="call.dial", kw_only=True):
    """Places a call. ``config`` holds configuration keys as the server knows them."""

    agent_id: str
    to: str
    from_: str = field(name="from")
    greeting: Any = UNSET
    metadata: dict[str, Any] | Maybe = UNSET
    config: dict[str, Any] | Maybe = UNSET
    detect_turn_end: bool = False


class CallBridge(Command, tag="call.bridge", kw_only=True):
    """Has an agent talk to another agent."""

    agent_id: str
    target: str
    detect_turn_end: bool | Maybe = UNSET
    greeting: Any = UNSET
    config: dict[str, Any] | Maybe = UNSET
    media: Any = UNSET
    metadata: dict[str, Any] | Maybe = UNSET


class SetContext(CallCommand, tag="set_context", kw_only=True):
    """Sets one entry of what the model is told beside the prompt; ``null`` takes it away."""

    key: str
    value: Any


class SessionScope(Command, kw_only=True):
    """Whom a human takes over: one session, one contact, or with neither the whole agent."""

    agent_id: str
    session_id: str | Maybe = UNSET
    contact: str | Maybe = UNSET


class SessionPause(SessionScope, tag="session.pause", kw_only=True):
    """The model stops answering: a human does."""


class SessionResume(SessionScope, tag="session.resume", kw_only=True):
    """The model answers again."""


class SessionSend(SessionScope, tag="session.send", kw_only=True):
    """A human says something as the agent."""

    text: str


class DevConfig(Command, tag="dev.config", kw_only=True):
    """Calls from these numbers go to this connection's ``dev-`` agents."""

    callers: list[str]


COMMANDS: tuple[type[Command], ...] = (
    CallForward, CallDtmf, CallHold, CallUnhold, CallMute, CallUnmute, CallAccept, CallReject, CallDial, CallBridge,
    SetContext, SessionPause, SessionResume, SessionSend, DevConfig,
)  # fmt: skip

"""Frames that a voice server sends: past tense, one class each, named by the key ``event``.

Everything but ids may be absent or ``null``, and keys not named here are ignored.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from pinecall_run.wire.absent import UNSET, UnsetType

Maybe = UnsetType


class Event(Struct, tag_field="event", omit_defaults=True):
    """Any frame from a server."""


class Connected(Event, tag="connected", kw_only=True):
    """The key was accepted. Nothing in it is needed, so nothing in it may spoil it."""

    org_id: Any = UNSET
    connection_id: Any = UNSET
    protocol_version: Any = UNSET


class ServerPing(Event, tag="ping", kw_only=True):
    """Asks for a pong."""


class ServerPong(Event, tag="pong", kw_only=True):
    """Answers a ping."""

    timestamp: float | Maybe = UNSET


class Error(Event, tag="error", kw_only=True):
    """Something was refused. ``error`` or ``message`` holds the sentence.

    ``standby`` is an extension: the agent is another connection's, and goes to this one when that one gives it up.
    """

    error: str | Maybe = UNSET
    message: str | Maybe = UNSET
    code: str | Maybe = UNSET
    agent_id: str | Maybe = UNSET
    phone: str | Maybe = UNSET
    retry_after_s: float | Maybe = UNSET
    holder_alive: bool | Maybe = UNSET
    standby: bool | Maybe = UNSET

    @property
    def sentence(self) -> str:
        """What the server said."""
        return self.error or self.message or self.code or "the server gave no reason"


class AgentEvent(Event, kw_only=True):
    """An event of one agent."""

    agent_id: str = ""


class AgentCreated(AgentEvent, tag="agent.created", kw_only=True):
    """The agent is registered."""


class AgentResumed(AgentEvent, tag="agent.resumed", kw_only=True):
    """Means the same as ``agent.created``."""


class AgentConfigured(AgentEvent, tag="agent.configured", kw_only=True):
    """A change of configuration was taken."""


class AgentRemoved(AgentEvent, tag="agent.removed", kw_only=True):
    """The agent was taken off (extension)."""


class AgentDisplaced(AgentEvent, tag="agent.displaced", kw_only=True):
    """Another connection took the agent over."""

    reason: str = ""


class ChannelAdded(AgentEvent, tag="channel.added", kw_only=True):
    """A channel is open.

    Extensions: ``served`` is ``false`` when this server keeps the registration but has no transport for it; ``notes``
    are sentences about how calls will be heard and spoken.
    """

    type: str = ""
    ref: str | Maybe | None = UNSET
    served: bool = True
    notes: list[str] | Maybe = UNSET


class ChannelConfigured(AgentEvent, tag="channel.configured", kw_only=True):
    """A channel's overrides were taken."""

    ref: str = ""


class ChannelRemoved(AgentEvent, tag="channel.removed", kw_only=True):
    """A channel is closed."""

    ref: str = ""


class CallEvent(AgentEvent, kw_only=True):
    """An event of one call."""

    call_id: str
    session_id: str | Maybe = UNSET


class CallStarted(CallEvent, tag="call.started", kw_only=True):
    """A call is live."""

    from_: str | Maybe = field(default=UNSET, name="from")
    to: str | Maybe = UNSET
    direction: str = "inbound"
    transport: str | Maybe = UNSET
    metadata: dict[str, Any] | Maybe = UNSET
    language: str | Maybe = UNSET


class CallEnded(CallEvent, tag="call.ended", kw_only=True):
    """A call is over. Times are epoch seconds. ``metrics`` (ours): what it used of vendors, and what that costs;
    another server may mean something else by it."""

    reason: str = ""
    duration_seconds: float = 0.0
    started_at: float | Maybe = UNSET
    ended_at: float | Maybe = UNSET
    messages: list[dict[str, Any]] | Maybe = UNSET
    metrics: Any = UNSET


class SessionConfigured(CallEvent, tag="session.configured", kw_only=True):
    """A live session's change was taken."""


class UserMessage(CallEvent, tag="user.message", kw_only=True):
    """What the person said, final."""

    message_id: str
    text: str
    confidence: float = 1.0
    turn_id: int = 0


class TurnEnd(CallEvent, tag="turn.end", kw_only=True):
    """The person's turn is over. A client-side model answers now."""

    turn_id: int = 0
    message_id: str = ""
    text: str = ""
    probability: float = 1.0
    latency_ms: float = 0.0


class BotSpeaking(CallEvent, tag="bot.speaking", kw_only=True):
    """An utterance begins. The text is complete for ``bot.reply`` and empty for a streamed reply."""

    message_id: str
    text: str = ""


class BotFinished(CallEvent, tag="bot.finished", kw_only=True):
    """An utterance was played, or shown, to its end."""

    message_id: str
    duration_ms: float = 0.0


class ReplyRejected(CallEvent, tag="reply.rejected", kw_only=True):
    """A client's reply came for a message that is no longer the latest."""

    message_id: str
    in_reply_to: str
    expected_reply_to: str
    reason: str


class LlmBefore(CallEvent, tag="llm.before", kw_only=True):
    """The model is about to be asked; the client may prepare and answers ``llm.ready``."""

    turn: int


class LlmPreparingTimeout(CallEvent, tag="llm.preparing_timeout", kw_only=True):
    """``llm.ready`` did not come within the budget."""

    turn: int
    waited_ms: float
    budget_ms: float


class ToolCall(Struct, kw_only=True, frozen=True):
    """One function the model wants called. ``arguments`` is a JSON object as text."""

    id: str
    name: str
    arguments: str


class LlmToolCall(CallEvent, tag="llm.tool_call", kw_only=True):
    """Asks the runner to run tools and answer with ``llm.tool_result`` for the same ``msg_id``."""

    msg_id: str
    tool_calls: list[ToolCall]


class ChatStarted(CallEvent, tag="llm.chat.started", kw_only=True):
    """A typed conversation began. ``model`` is for the terminal that began it; ``messages`` are what both said before,
    over an earlier connection or to another runner (extension)."""

    metadata: dict[str, Any] | Maybe = UNSET
    language: str | Maybe = UNSET
    model: str | Maybe = UNSET
    messages: list[dict[str, Any]] | Maybe = UNSET


class ChatMessage(CallEvent, tag="chat.message", kw_only=True):
    """What the person typed."""

    text: str
    message_id: str = ""


class ChatResponse(CallEvent, tag="chat.response", kw_only=True):
    """What the agent answered, or a human in its place: then ``source`` is ``human`` (extension)."""

    text: str
    message_id: str = ""
    source: str | Maybe = UNSET


class ChatEnded(CallEvent, tag="llm.chat.ended", kw_only=True):
    """A typed conversation is over; the fields of ``call.ended``."""

    reason: str = "chat_completed"
    duration_seconds: float = 0.0
    started_at: float | Maybe = UNSET
    ended_at: float | Maybe = UNSET
    messages: list[dict[str, Any]] | Maybe = UNSET
    metrics: Any = UNSET


class TerminalToken(CallEvent, tag="llm.chat.token", kw_only=True):
    """A piece of the answer, for the terminal that asked; the same text under two names."""

    token: str
    text: str


class TerminalDone(CallEvent, tag="llm.chat.done", kw_only=True):
    """The whole answer, for the terminal that asked."""

    text: str
    model: str = ""


class TerminalToolCall(CallEvent, tag="llm.chat.tool_call", kw_only=True):
    """The model called tools, for the terminal that asked."""

    tool_calls: list[ToolCall]


class NamedResult(Struct, kw_only=True, frozen=True):
    """A tool's answer with the name of the tool."""

    tool_call_id: str
    name: str
    result: Any


class TerminalToolResult(CallEvent, tag="llm.chat.tool_result", kw_only=True):
    """A tool answered, for the terminal that asked."""

    result: Any
    tool_call_id: str = ""
    name: str = ""


class ChatError(CallEvent, tag="llm.chat.error", kw_only=True):
    """The conversation failed: to the agent's owner it is over, to a terminal the answer failed."""

    error: str
    reason: str = "chat_error"


class LlmError(CallEvent, tag="llm.error", kw_only=True):
    """The model failed; the call goes on."""

    error: str


class HistoryData(CallEvent, tag="history.data", kw_only=True):
    """The messages asked for."""

    messages: list[dict[str, Any]]
    request_id: str | Maybe = UNSET


class HistoryUpdated(CallEvent, tag="history.updated", kw_only=True):
    """A change of history was made; ``count`` messages are there now."""

    count: int = 0
    request_id: str | Maybe = UNSET
    error: str | Maybe = UNSET


EVENTS: tuple[type[Event], ...] = (
    Connected, ServerPing, ServerPong, Error,
    AgentCreated, AgentResumed, AgentConfigured, AgentRemoved, AgentDisplaced,
    ChannelAdded, ChannelConfigured, ChannelRemoved,
    CallStarted, CallEnded, SessionConfigured, UserMessage, TurnEnd, BotSpeaking, BotFinished, ReplyRejected,
    LlmBefore, LlmPreparingTimeout, LlmToolCall, LlmError,
    ChatStarted, ChatMessage, ChatResponse, ChatEnded, ChatError,
    TerminalToken, TerminalDone, TerminalToolCall, TerminalToolResult,
    HistoryData, HistoryUpdated,
)  # fmt: skip

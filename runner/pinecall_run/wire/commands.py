"""Frames that a runner sends: imperative, one class each, named by the key ``event``.

A field that is ``UNSET`` is not on the wire, which means "leave as it is"; ``null`` takes a value away.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from pinecall_run.wire.absent import UNSET, UnsetType

Maybe = UnsetType


class Command(Struct, tag_field="event", omit_defaults=True):
    """Any frame from a runner."""


class Connect(Command, tag="connect", kw_only=True):
    """The first frame on a socket."""

    api_key: str


class Ping(Command, tag="ping", kw_only=True):
    """Asks for a pong."""


class Pong(Command, tag="pong", kw_only=True):
    """Answers the server's ping."""


class Configuration(Command, kw_only=True):
    """The keys of an agent's configuration, in the order of the wire.

    Their values are the server's to interpret, so most are taken as they come.
    """

    voice: Any = UNSET
    language: str | Maybe | None = UNSET
    flash: Any = UNSET
    stt: Any = UNSET
    interruption: Any = UNSET
    llm: Any = UNSET
    prompt: str | Maybe | None = UNSET
    vars: dict[str, Any] | Maybe | None = UNSET
    greeting: Any = UNSET
    greeting_in_chat: bool | Maybe | None = field(default=UNSET, name="greetingInChat")
    memory: Any = UNSET
    timezone: str | Maybe | None = UNSET
    preparing: Any = UNSET
    raw_prompt: Any = UNSET
    tools: list[Any] | Maybe | None = UNSET
    skills: Any = UNSET
    session_limits: dict[str, Any] | Maybe | None = UNSET
    config: Any = UNSET
    knowledge_base: Any = UNSET
    mode: Any = UNSET
    media: Any = UNSET
    allowed_origins: list[str] | Maybe | None = UNSET

    def configuration(self) -> dict[str, Any]:
        """The keys that are set, by their Python names."""
        values = ((name, getattr(self, name)) for name in CONFIGURATION_KEYS)
        return {name: value for name, value in values if value is not UNSET}


CONFIGURATION_KEYS = Configuration.__struct_fields__


class AgentCreate(Configuration, tag="agent.create", kw_only=True):
    """Registers an agent, or replaces what this connection registered before."""

    agent_id: str


class AgentConfigure(Configuration, tag="agent.configure", kw_only=True):
    """Changes an agent's defaults for future calls."""

    agent_id: str


class AgentRemove(Command, tag="agent.remove", kw_only=True):
    """Takes an agent off this connection. An extension: servers that do not know it ignore it."""

    agent_id: str


ONLY_ADDED = (
    "access_token", "verify_token", "app_secret", "phone", "ringing", "voice_notes", "template", "idle_minutes",
    "max_calls",
)  # fmt: skip
"""What only ``channel.add`` says of a channel."""


class ChannelAdd(Configuration, tag="channel.add", kw_only=True):
    """Opens a way to reach an agent. Repeating it updates the channel.

    Extensions, for WhatsApp: ``voiceNotes`` has voice notes answered by voice notes, ``template`` (``name``,
    ``language``) is sent where the 24-hour window is closed, ``idleMinutes`` ends a conversation. For all,
    ``maxCalls`` is how many conversations the channel has at a time.
    """

    agent_id: str
    type: str
    ref: str | Maybe = UNSET
    ringing: bool | Maybe = UNSET
    access_token: str | Maybe = field(default=UNSET, name="accessToken")
    verify_token: str | Maybe = field(default=UNSET, name="verifyToken")
    app_secret: str | Maybe = field(default=UNSET, name="appSecret")
    phone: str | Maybe = UNSET
    voice_notes: bool | Maybe = field(default=UNSET, name="voiceNotes")
    template: dict[str, str] | Maybe = UNSET
    idle_minutes: int | Maybe = field(default=UNSET, name="idleMinutes")
    max_calls: int | Maybe = field(default=UNSET, name="maxCalls")


class ChannelConfigure(Configuration, tag="channel.configure", kw_only=True):
    """Changes what a channel overrides, for future calls."""

    agent_id: str
    ref: str


class ChannelRemove(Command, tag="channel.remove", kw_only=True):
    """Closes a channel. Chat and WebRTC have their type as ``ref``."""

    agent_id: str
    ref: str
    type: str | Maybe = UNSET


class SessionConfigure(Configuration, tag="session.configure", kw_only=True):
    """Changes one live session; its values come raw, and some of its keys as clients spell them in their own code."""

    session_id: str
    agent_id: str | Maybe = UNSET
    turn_detection: Any = UNSET
    vad: Any = UNSET
    spelled_turn_detection: Any = field(default=UNSET, name="turnDetection")
    spelled_session_limits: Any = field(default=UNSET, name="sessionLimits")
    spelled_vars: Any = field(default=UNSET, name="promptVars")

    def configuration(self) -> dict[str, Any]:
        """The keys that are set, by their Python names, however they were spelled."""
        found = Configuration.configuration(self)
        own = {"turn_detection": self.turn_detection, "vad": self.vad}
        found |= {name: value for name, value in own.items() if value is not UNSET}
        if self.spelled_turn_detection is not UNSET:
            found["turn_detection"] = self.spelled_turn_detection
        if isinstance(self.spelled_session_limits, dict):
            found["session_limits"] = self.spelled_session_limits
        if isinstance(self.spelled_vars, dict):
            found["vars"] = self.spelled_vars
        return found


class BotReply(Command, tag="bot.reply", kw_only=True):
    """Has the agent say a text."""

    call_id: str
    message_id: str
    text: str
    in_reply_to: str
    add_to_history: bool = False


class BotReplyStream(Command, tag="bot.reply.stream", kw_only=True):
    """A reply piece by piece: ``start``, any number of ``chunk``, ``end``."""

    call_id: str
    message_id: str
    action: Literal["start", "chunk", "end"]
    token: str = ""
    in_reply_to: str = ""


class BotCancel(Command, tag="bot.cancel", kw_only=True):
    """Stops the utterance named, or the current one."""

    call_id: str
    message_id: str | Maybe = UNSET


class BotClear(Command, tag="bot.clear", kw_only=True):
    """Drops everything that is waiting to be said."""

    call_id: str


class ToolResult(Struct, omit_defaults=True, kw_only=True, frozen=True):
    """One tool's answer: any JSON value."""

    tool_call_id: str
    result: Any = UNSET
    ephemeral: bool = False
    no_followup: bool = False


class LlmToolResult(Command, tag="llm.tool_result", kw_only=True):
    """Answers one ``llm.tool_call``, results in the order of its calls."""

    call_id: str
    msg_id: str
    results: list[ToolResult]


class LlmReady(Command, tag="llm.ready", kw_only=True):
    """Lets the model begin after ``llm.before``."""

    call_id: str
    agent_id: str = ""
    turn: int | Maybe = UNSET


class LlmChat(Command, tag="llm.chat", kw_only=True):
    """One typed message to an agent, from a terminal; the agent may live on another socket."""

    agent_id: str
    session_id: str
    text: str
    metadata: dict[str, Any] | Maybe = UNSET


class HistoryCommand(Command, kw_only=True):
    """A request about one call's history; answered by ``history.data`` or ``history.updated``."""

    call_id: str
    request_id: str | Maybe = UNSET


class HistoryGet(HistoryCommand, tag="history.get", kw_only=True):
    """Asks for the messages."""


class HistoryAdd(HistoryCommand, tag="history.add", kw_only=True):
    """Appends messages (OpenAI's form)."""

    messages: list[dict[str, Any]]


class HistorySet(HistoryCommand, tag="history.set", kw_only=True):
    """Replaces the messages."""

    messages: list[dict[str, Any]]


class HistoryClear(HistoryCommand, tag="history.clear", kw_only=True):
    """Forgets the messages."""


class HistorySetInstructions(HistoryCommand, tag="history.set_instructions", kw_only=True):
    """Replaces the prompt of one call."""

    prompt: str


class HistorySetVars(HistoryCommand, tag="history.set_vars", kw_only=True):
    """Sets prompt variables of one call."""

    vars: dict[str, Any]


class HistoryAddContext(HistoryCommand, tag="history.add_context", kw_only=True):
    """Appends a text to the prompt of one call."""

    text: str


class CallHangup(Command, tag="call.hangup", kw_only=True):
    """Ends a call."""

    call_id: str
    reason: str | Maybe = UNSET


COMMANDS: tuple[type[Command], ...] = (
    Connect, Ping, Pong,
    AgentCreate, AgentConfigure, AgentRemove, ChannelAdd, ChannelConfigure, ChannelRemove, SessionConfigure,
    BotReply, BotReplyStream, BotCancel, BotClear,
    LlmToolResult, LlmReady, LlmChat,
    HistoryGet, HistoryAdd, HistorySet, HistoryClear, HistorySetInstructions, HistorySetVars, HistoryAddContext,
    CallHangup,
)  # fmt: skip

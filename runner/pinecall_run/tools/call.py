"""The call as tools and hooks see it: what is known of it, and what they may do with it.

Everything may be called from a plain function in its thread as well as from a coroutine. What can be waited for is a
:class:`Pending`: await it, or ``wait()`` for it in a thread, or let it be.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar

from pinecall_run.tools.usage import Usage
from pinecall_run.wire import call_commands, commands

T_co = TypeVar("T_co", covariant=True)


class CallError(Exception):
    """Something asked of a call was refused, or not answered in time."""


class Pending(Protocol[T_co]):
    """Something that is going on."""

    def __await__(self) -> Generator[Any, None, T_co]:
        """Wait for it in a coroutine."""

    def wait(self, timeout: float | None = None) -> T_co:
        """Wait for it in a plain function.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds.
        """


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of a transcript. ``at`` is when, in epoch seconds."""

    who: Literal["user", "agent"]
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What became of something that was said.

    Attributes:
        outcome: ``finished``; ``interrupted`` by the person or by us; ``rejected``, because the person had said
            something else by then; ``unknown``, because the call or the connection ended.
        reason: the server's word for it.
    """

    message_id: str
    outcome: Literal["finished", "interrupted", "rejected", "unknown"]
    reason: str = ""


class Driver(Protocol):
    """What a call is driven by: the link, and what comes back over it."""

    def send(self, command: commands.Command) -> None:
        """Send a command; without a connection it is dropped, for it would be too late afterwards."""

    def say(self, command: commands.BotReply) -> Pending[Utterance]:
        """Send a reply, and follow it to its end."""

    def request(self, command: commands.HistoryCommand) -> Pending[list[dict[str, Any]]]:
        """Send a request about the history; the messages, if it asks for them."""

    def open(self, stream: ReplyStream) -> None:
        """A reply is being streamed: it is told when it has to stop."""

    def dial(self, agent: str, to: str, **options: Any) -> Pending[Call]:
        """Have an agent place a call."""

    def new_message_id(self) -> str:
        """``msg_`` and twelve of ``a-z0-9``."""


class Call:
    """One conversation. A function that has a parameter annotated ``Call`` receives it; the model never sees it.

    Attributes:
        id: the server's id of the call.
        agent: the agent that answers.
        channel: how the person reached it: ``chat``, ``phone``, ``webrtc``, …
        direction: ``inbound``, or ``outbound`` when we placed it.
        from_, to: the two ends, as the server names them.
        metadata: what the opener of the session attached; trusted only where the server sealed it.
        started_at: when it began, in epoch seconds.
        revision: the content hash of the deployment that the call began with.
        prompt: the agent's prompt as it was rendered for this call.
        vars: the prompt's variables as far as this process knows: of the file, of ``context:`` and of ``set_vars``.
        transcript: what was said so far.
        usage: what it used of vendors, and what that costs, once it is over and if the server says so.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        id: str,
        agent: str,
        channel: str,
        revision: str,
        direction: str = "inbound",
        from_: str = "",
        to: str = "",
        metadata: Mapping[str, Any] | None = None,
        started_at: float = 0.0,
        vars: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.agent = agent
        self.channel = channel
        self.revision = revision
        self.direction = direction
        self.from_ = from_
        self.to = to
        self.metadata: Mapping[str, Any] = dict(metadata or {})
        self.started_at = started_at
        self.vars: dict[str, Any] = dict(vars or {})
        self.prompt = ""
        self.transcript: list[Said] = []
        self.usage: Usage | None = None
        self.history = History(self, driver)
        self.latest_message = ""
        """The id of what the person said last, which a reply answers."""
        self._driver = driver

    def __repr__(self) -> str:
        return f"Call({self.id!r}, agent={self.agent!r}, channel={self.channel!r})"

    # what the agent says

    def say(self, text: str, *, add_to_history: bool = True) -> Pending[Utterance]:
        """Have the agent say ``text`` now, besides what the model answers."""
        message_id = self._driver.new_message_id()
        return self._driver.say(
            commands.BotReply(
                call_id=self.id, message_id=message_id, text=text, in_reply_to="", add_to_history=add_to_history
            )
        )

    def reply(self, text: str) -> Pending[Utterance]:
        """Answer what the person said last; rejected when the person has said something else by then."""
        message_id = self._driver.new_message_id()
        return self._driver.say(
            commands.BotReply(call_id=self.id, message_id=message_id, text=text, in_reply_to=self.latest_message)
        )

    def stream(self) -> ReplyStream:
        """Answer what the person said last piece by piece, as pieces come from a model."""
        stream = ReplyStream(self, self._driver, self._driver.new_message_id(), self.latest_message)
        self._driver.open(stream)
        return stream

    def cancel(self, message_id: str | None = None) -> None:
        """Stop one utterance, or the current one."""
        command = commands.BotCancel(call_id=self.id)
        if message_id is not None:
            command.message_id = message_id
        self._driver.send(command)

    def clear(self) -> None:
        """Drop everything that waits to be said."""
        self._driver.send(commands.BotClear(call_id=self.id))

    # the line

    def hangup(self) -> None:
        """End the call."""
        self._driver.send(commands.CallHangup(call_id=self.id))

    def forward(self, to: str, *, message: str = "", announce: bool = False, summary: bool | str = False) -> None:
        """Hand the call to the number ``to`` (E.164, or a SIP address), ``message`` said to the person before. May come
        while it rings (``call.ringing``), too; over SIP nothing is said then.

        Args:
            announce: whoever takes it is told the person's number.
            summary: whoever takes it is told this; ``True`` has the model write what the call was about, which comes as
                ``call.summary``, too. A SIP line tells them neither.
        """
        command = call_commands.CallForward(call_id=self.id, to=to, message=message, announce=announce)
        if summary:
            command.summary = summary
        self._driver.send(command)

    def dtmf(self, digits: str) -> None:
        """Press keys: ``0-9``, ``*``, ``#``, ``A-D``, ``w`` for half a second of waiting."""
        self._driver.send(call_commands.CallDtmf(call_id=self.id, digits=digits))

    def dial(
        self,
        to: str,
        *,
        agent: str | None = None,
        from_: str | None = None,
        greeting: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        detect_turn_end: bool = False,
    ) -> Pending[Call]:
        """Place another call, to the number ``to``: the new call, as soon as somebody answers.

        Args:
            agent: who places it; by default the agent of this call.
            from_: the number to call from; by default the agent's first phone channel.
            greeting: said when somebody answers, in place of the agent's.
            metadata: what the new call's ``metadata`` will hold.
            config: keys of an agent, as the server knows them, for the new call only.
            detect_turn_end: whether the greeting waits until the other side has said something.

        Waiting for it raises :class:`CallError` when nobody answers within 30 s, or the server does not place it.
        """
        options = {"from_": from_, "greeting": greeting, "metadata": metadata, "config": config}
        return self._driver.dial(agent or self.agent, to, **options, detect_turn_end=detect_turn_end)

    def hold(self) -> None:
        """Put the person on hold."""
        self._driver.send(call_commands.CallHold(call_id=self.id))

    def unhold(self) -> None:
        """Take the person back from hold."""
        self._driver.send(call_commands.CallUnhold(call_id=self.id))

    def mute(self) -> None:
        """Stop listening to the person."""
        self._driver.send(call_commands.CallMute(call_id=self.id))

    def unmute(self) -> None:
        """Listen to the person again."""
        self._driver.send(call_commands.CallUnmute(call_id=self.id))

    # what the model is told

    def update(self, **configuration: Any) -> None:
        """Change this call's voice, language, stt, llm, … (keys of an agent, as the server knows them)."""
        self._driver.send(commands.SessionConfigure(session_id=self.id, **configuration))

    def set_prompt(self, prompt: str) -> Pending[Any]:
        """Replace this call's prompt."""
        self.prompt = prompt
        return self._driver.request(commands.HistorySetInstructions(call_id=self.id, prompt=prompt))

    def set_vars(self, **values: Any) -> Pending[Any]:
        """Set variables that the voice server fills into this call's prompt: ``{{name}}`` that it still holds."""
        self.vars.update(values)
        texts = {name: value if isinstance(value, str) else str(value) for name, value in values.items()}
        return self._driver.request(commands.HistorySetVars(call_id=self.id, vars=texts))

    def add_context(self, text: str) -> Pending[Any]:
        """Append a text to this call's prompt."""
        return self._driver.request(commands.HistoryAddContext(call_id=self.id, text=text))


class History:
    """The messages that the model sees, in OpenAI's form: ``{"role": …, "content": …}``."""

    def __init__(self, call: Call, driver: Driver) -> None:
        self._call = call
        self._driver = driver

    def get(self) -> Pending[list[dict[str, Any]]]:
        """All messages."""
        return self._driver.request(commands.HistoryGet(call_id=self._call.id))

    def add(self, *messages: Mapping[str, Any]) -> Pending[Any]:
        """Append messages."""
        return self._driver.request(commands.HistoryAdd(call_id=self._call.id, messages=_plain(messages)))

    def set(self, messages: Sequence[Mapping[str, Any]]) -> Pending[Any]:
        """Replace the messages."""
        return self._driver.request(commands.HistorySet(call_id=self._call.id, messages=_plain(messages)))

    def clear(self) -> Pending[Any]:
        """Forget the messages."""
        return self._driver.request(commands.HistoryClear(call_id=self._call.id))


def _plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(message) for message in messages]


class ReplyStream:
    """A reply being streamed. Use it as a context manager, or ``end()`` it.

    It stops by itself when the person goes on speaking, and when the call ends: what is written then is dropped.
    """

    def __init__(self, call: Call, driver: Driver, message_id: str, in_reply_to: str) -> None:
        self.message_id = message_id
        self.is_open = True
        self._call = call
        self._driver = driver
        self._in_reply_to = in_reply_to
        self._has_begun = False

    def write(self, text: str) -> bool:
        """Say a piece more; ``False`` when nobody wants it any more."""
        if not self.is_open:
            return False
        self._begin()
        self._send("chunk", token=text)
        return True

    def end(self) -> None:
        """That was all. The server gets a beginning and an end even of a reply without a word."""
        if self.is_open:
            self._begin()
            self._stop()

    def abort(self) -> None:
        """Stop here. Of a reply that has not begun the server hears nothing."""
        if self.is_open and self._has_begun:
            self._stop()
        self.is_open = False

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._send("start", in_reply_to=self._in_reply_to)

    def _stop(self) -> None:
        self.is_open = False
        self._send("end")

    def _send(self, action: Literal["start", "chunk", "end"], **fields: str) -> None:
        command = commands.BotReplyStream(call_id=self._call.id, message_id=self.message_id, action=action, **fields)
        self._driver.send(command)

    def __enter__(self) -> ReplyStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
        else:
            self.abort()

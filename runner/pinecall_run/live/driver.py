"""What drives one call: its commands on their way to the link, and what comes of them on its way back."""

from __future__ import annotations

import asyncio
import secrets
import string
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from pinecall_run.live.promises import Promise
from pinecall_run.live.tasks import Tasks
from pinecall_run.tools.call import Call, CallError, ReplyStream, Utterance
from pinecall_run.wire import commands, events, speech_events

REQUEST_SECONDS = 10.0
"""How long the server may take to answer a request about a call's history."""

Dial = Callable[..., Coroutine[Any, Any, Call]]
"""See :meth:`pinecall_run.live.dialing.Dialer.place`."""

_ALPHABET = string.ascii_lowercase + string.digits


def new_message_id() -> str:
    """``msg_`` and twelve of ``a-z0-9`` (protocol: bot output)."""
    return "msg_" + "".join(secrets.choice(_ALPHABET) for _ in range(12))


class Wire:
    """The way to the link from any thread. ``send`` may only be called where the link lives; it returns whether the
    command went out. ``dial`` has an agent place a call."""

    def __init__(self, send: Callable[[commands.Command], bool], dial: Dial | None = None) -> None:
        self.send = send
        self._dial = dial
        self._dials = Tasks()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def attach(self) -> None:
        """The link lives in this thread's running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def do(self, work: Callable[[], object]) -> None:
        """Do something where the link lives: at once if that is here, else soon, in the order asked for."""
        if self._loop is None or threading.get_ident() == self._thread:
            work()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something after a while, where the link lives."""
        if self._loop is not None:
            self._loop.call_later(seconds, work)

    def place(self, promise: Promise[Call], agent: str, to: str, options: Mapping[str, Any]) -> None:
        """Have an agent place a call, which settles the promise; where the link lives."""
        if self._dial is None:
            promise.fail(CallError("calls cannot be placed here"))
            return

        def settle(task: asyncio.Task[Call]) -> None:
            error = CallError("the runner stopped") if task.cancelled() else task.exception()
            if isinstance(error, Exception):
                promise.fail(error)
            else:
                promise.settle(task.result())

        self._dials.add(self._dial(agent, to, **options), settle)

    async def close(self) -> None:
        """Give up the calls that are being placed."""
        await self._dials.close()


class CallDriver:
    """Drives one call; see :class:`pinecall_run.tools.call.Driver`."""

    __slots__ = ("_requests", "_streams", "_utterances", "_wire")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._utterances: dict[str, Promise[Utterance]] = {}
        self._requests: dict[str, Promise[list[dict[str, Any]]]] = {}
        self._streams: list[ReplyStream] = []

    # what the call asks for

    def send(self, command: commands.Command) -> None:
        """Send a command."""
        self._wire.do(lambda: self._wire.send(command))

    def say(self, command: commands.BotReply) -> Promise[Utterance]:
        """Send a reply, and follow it to its end."""
        promise: Promise[Utterance] = Promise()

        def begin() -> None:
            self._utterances[command.message_id] = promise
            if not self._wire.send(command):
                self._settle(command.message_id, "unknown", "not connected")

        self._wire.do(begin)
        return promise

    def request(self, command: commands.HistoryCommand) -> Promise[list[dict[str, Any]]]:
        """Send a request about the history."""
        promise: Promise[list[dict[str, Any]]] = Promise()
        request_id = command.request_id = f"rq_{secrets.token_hex(6)}"

        def begin() -> None:
            self._requests[request_id] = promise
            if not self._wire.send(command):
                self._fail(request_id, "there is no connection")
            else:
                self._wire.later(
                    REQUEST_SECONDS,
                    lambda: self._fail(request_id, f"the server did not answer within {REQUEST_SECONDS:g} s"),
                )

        self._wire.do(begin)
        return promise

    def open(self, stream: ReplyStream) -> None:
        """A reply is being streamed."""
        self._wire.do(lambda: self._streams.append(stream))

    def dial(self, agent: str, to: str, **options: Any) -> Promise[Call]:
        """Have an agent place a call."""
        promise: Promise[Call] = Promise()
        self._wire.do(lambda: self._wire.place(promise, agent, to, options))
        return promise

    def new_message_id(self) -> str:
        """``msg_`` and twelve of ``a-z0-9``."""
        return new_message_id()

    # what comes back

    def handle(self, event: events.Event) -> None:
        """Settle what an event settles."""
        match event:
            case events.BotFinished(message_id=message_id):
                self._settle(message_id, "finished", "")
            case speech_events.BotInterrupted(message_id=message_id, reason=reason):
                self._settle(message_id, "interrupted", reason)
            case events.ReplyRejected(message_id=message_id, reason=reason):
                self._settle(message_id, "rejected", reason)
                self._stop_streams(message_id)
            case speech_events.TurnContinued():
                self._stop_streams()
            case events.HistoryData(request_id=str(request_id), messages=messages):
                self._answer(request_id, messages)
            case events.HistoryUpdated(request_id=str(request_id), error=str(error)):
                self._fail(request_id, error)
            case events.HistoryUpdated(request_id=str(request_id)):
                self._answer(request_id, [])

    def cut(self, reason: str) -> None:
        """The call is over, or the connection is: nothing more is heard of what is going on."""
        for message_id in list(self._utterances):
            self._settle(message_id, "unknown", reason)
        for request_id in list(self._requests):
            self._fail(request_id, reason)
        for stream in self._streams:
            stream.is_open = False
        self._streams.clear()

    def _settle(self, message_id: str, outcome: Any, reason: str) -> None:
        # A server that names no utterance means the one that is being said (protocol: bot output).
        named = [message_id] if message_id else list(self._utterances)[:1]
        for name in named:
            promise = self._utterances.pop(name, None)
            if promise is not None:
                promise.settle(Utterance(name, outcome, reason))

    def _stop_streams(self, message_id: str | None = None) -> None:
        for stream in self._streams:
            if message_id is None or stream.message_id == message_id:
                stream.abort()
        self._streams = [stream for stream in self._streams if stream.is_open]

    def _answer(self, request_id: str, messages: list[dict[str, Any]]) -> None:
        promise = self._requests.pop(request_id, None)
        if promise is not None:
            promise.settle(messages)

    def _fail(self, request_id: str, reason: str) -> None:
        promise = self._requests.pop(request_id, None)
        if promise is not None:
            promise.fail(CallError(reason))

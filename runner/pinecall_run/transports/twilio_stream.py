"""One Twilio media stream: a telephone call, from the message that says which to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.audio.chunk import Chunker, Samples
from pinecall_run.audio.tones import keys_as_sound
from pinecall_run.transports._closing import INTERNAL_ERROR, NORMAL, POLICY_VIOLATION, TOO_BIG, TRY_AGAIN, close
from pinecall_run.transports.contract import BusyError, NotAdmittedError, PhoneSession
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.twilio_media import MAX_MESSAGE, Ear, Mouth, Start, read_media, read_start
from pinecall_run.wire.codec import object_from_json
from pinecall_run.wire.events import CallEvent
from pinecall_run.wire.speech_events import BotInterrupted

_LOG = logging.getLogger("pinecall_run.transports")

START_SECONDS = 5.0
"""Within which a socket says whose it is."""

QUIET_SECONDS = 10.0
"""Without any message: Twilio is gone."""

CHECK_BEATS = 50

MAX_IGNORED = 200
"""Messages that mean nothing, after which the socket is closed: each costs the others a little."""

MAX_TONES = 3_000
"""Chunks of keys that wait to be played: a minute."""

OUTBOX = 2_000
"""Messages that Twilio has not read: more is 30 s of sound."""

CLOSE_SECONDS = 1.0

HANGUP, DISCONNECTED = "hangup", "disconnected"
BROKEN = "the voice server failed"

Verdict = tuple[int, str]

Admit = Callable[[Start, "StreamCall"], PhoneSession]
"""Begins the conversation of a stream; raises :class:`NotAdmittedError` where it is nobody's."""


class StreamCall:
    """One call's stream. It is the conversation's outlet."""

    def __init__(self, metronome: Metronome) -> None:
        self.verdict: Verdict = NORMAL, ""
        self.ignored = 0
        self.over = asyncio.Event()
        self.outbox: asyncio.Queue[str] = asyncio.Queue(OUTBOX)
        self._loop = asyncio.get_running_loop()
        self._metronome = metronome
        self._ear = Ear()
        self._tones: deque[Samples] = deque()
        self._mouth: Mouth
        self._session: PhoneSession
        self._is_over = False
        self._handing_on = 0
        """Requests to hand the call on that Twilio has not answered. It may end the stream before it does, and so may
        the caller."""
        self._left = ""
        """Why the call is over, where that waits for those answers."""
        self._beats = 0
        self._last_heard = self._loop.time()

    # the conversation (AudioOutlet, and PhoneLine's keys)

    def event(self, event: CallEvent) -> None:
        """Nobody watches over this line; what was cut short is taken back from Twilio."""
        if isinstance(event, BotInterrupted):
            self._tones.clear()
            self._put(self._mouth.clear())

    def ended(self, reason: str) -> None:
        """See :class:`AudioOutlet`. Closing the socket hangs up: nothing follows in what Twilio was told."""
        if not self._is_over:
            self._finish((NORMAL, reason))

    def press(self, digits: str) -> None:
        """Play the tones of keys before anything else; more than a minute of them is left out."""
        if len(self._tones) > MAX_TONES:
            return
        chunker = Chunker()
        self._tones += chunker.feed(keys_as_sound(digits))
        rest = chunker.flush()
        if rest is not None:
            self._tones.append(rest)

    # the stream

    def begin(self, start: Start, admit: Admit) -> None:
        """Begin the conversation.

        Raises:
            NotAdmittedError: there is none for this stream.
        """
        self._mouth = Mouth(start.stream_sid)
        self._session = admit(start, self)
        self._metronome.join(self._beat)

    def take(self, message: dict[str, Any] | None) -> bool:
        """One message; ``False`` after the last."""
        self._last_heard = self._loop.time()
        match message:
            case {"event": "media"} if (sound := read_media(message)) is not None:
                for chunk in self._ear.hear(sound, self._last_heard):
                    self._session.hear(chunk)
            case {"event": "mark", "mark": {"name": str(name)}}:
                chunks = self._mouth.played(name)
                if chunks is not None:
                    self._session.phone.played(chunks)
            case {"event": "dtmf", "dtmf": {"digit": str(digit)}}:
                self._session.phone.key(digit)
            case {"event": "stop"}:
                self._end(HANGUP)
                return False
            case _:
                self.ignored += 1
        return self.ignored < MAX_IGNORED and not self._is_over

    def hands_on(self) -> None:
        """Twilio is asked to hand the call on: :meth:`handed_on` follows."""
        self._handing_on += 1

    def handed_on(self, to: str = "") -> None:
        """The call was handed on to a number, or was not."""
        self._handing_on -= 1
        if to:
            self._session.phone.forwarded(to)
        elif self._left and not self._handing_on:
            self._session.end(self._left)

    def _end(self, reason: str) -> None:
        if self._handing_on:
            self._left = self._left or reason
        else:
            self._session.end(reason)

    def leave(self) -> None:
        """The socket is gone, or is to go."""
        self._metronome.leave(self._beat)
        self._is_over = True
        self._end(DISCONNECTED)
        self.ignored += self._ear.ignored

    def _beat(self, now: float) -> None:
        if self._is_over:
            return
        try:
            self._play(now)
        except Exception as error:  # noqa: BLE001 - one call must not stop the others' beat
            _LOG.error("a telephone call broke: %s", type(error).__name__)
            self._finish((INTERNAL_ERROR, BROKEN))
        self._beats += 1
        if self._beats % CHECK_BEATS == 0 and now - self._last_heard > QUIET_SECONDS:
            self._finish((NORMAL, DISCONNECTED))

    def _play(self, now: float) -> None:
        missing = self._ear.missing(now)
        if missing is not None:
            self._session.hear(missing)
        while self._mouth.is_due(now):
            is_tone = bool(self._tones)
            chunk = self._tones.popleft() if is_tone else self._session.take()
            for message in self._mouth.pause() if chunk is None else self._mouth.say(chunk, now, is_tone=is_tone):
                self._put(message)
            if chunk is None:
                break

    def _put(self, message: str) -> None:
        try:
            self.outbox.put_nowait(message)
        except asyncio.QueueFull:
            self._finish((TRY_AGAIN, "reads too slowly"))

    def _finish(self, verdict: Verdict) -> None:
        self._is_over = True
        self.verdict = verdict
        self.over.set()


async def serve_stream(socket: WebSocket, admit: Admit, metronome: Metronome, refused: Counter[str]) -> None:
    """Serve one stream until either side ends the call. ``refused`` counts what was turned away, by what it was."""
    await socket.accept()
    messages = _messages(socket)
    start, fault = await _start(messages)
    if start is None:
        refused[fault] += 1
        await close(socket, TOO_BIG if fault == GIANT else POLICY_VIOLATION, fault, within=CLOSE_SECONDS)
        return
    call = StreamCall(metronome)
    try:
        call.begin(start, admit)
    except NotAdmittedError as refusal:
        code = TRY_AGAIN if isinstance(refusal, BusyError) else POLICY_VIOLATION
        await close(socket, code, str(refusal), within=CLOSE_SECONDS)
        return
    try:
        await _until_over(socket, call, messages)
    finally:
        if call.ignored:
            refused[GARBAGE] += call.ignored
            _LOG.debug("%d messages of a telephone call meant nothing", call.ignored)


EARLY, GIANT, GARBAGE, SILENT = "media before start", "giant frames", "garbage", "no start"


async def _start(messages: AsyncIterator[dict[str, Any] | None]) -> tuple[Start | None, str]:
    """The message that says whose stream it is, or what came instead of it."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(START_SECONDS):
            async for message in messages:
                match message:
                    case {"event": "connected"}:
                        continue
                    case {"event": "start"}:
                        return read_start(message), GARBAGE
                    case {"event": "media" | "dtmf" | "mark"}:
                        return None, EARLY
                return None, GARBAGE
            return None, GIANT
    return None, SILENT


async def _messages(socket: WebSocket) -> AsyncIterator[dict[str, Any] | None]:
    """Each message, ``None`` for what is no JSON object; ends at one that is larger than any of Twilio's."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        text = message.get("text")
        if len(text or message.get("bytes") or "") > MAX_MESSAGE:
            return
        yield object_from_json(text) if text is not None else None


async def _until_over(socket: WebSocket, call: StreamCall, messages: AsyncIterator[dict[str, Any] | None]) -> None:
    workers = [
        asyncio.create_task(_read(call, messages)),
        asyncio.create_task(_write(socket, call)),
        asyncio.create_task(call.over.wait()),
    ]
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        verdict = call.verdict
        call.leave()
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        failures = [failure for failure in ended if isinstance(failure, Exception)]
        await close(socket, *((INTERNAL_ERROR, BROKEN) if failures else verdict), within=CLOSE_SECONDS)
    for failure in failures:
        raise failure


async def _read(call: StreamCall, messages: AsyncIterator[dict[str, Any] | None]) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        async for message in messages:
            if not call.take(message):
                return
        call.ignored += 1
        call.verdict = TOO_BIG, GIANT  # it is larger than any of Twilio's


async def _write(socket: WebSocket, call: StreamCall) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # Twilio is gone
        while True:
            await socket.send_text(await call.outbox.get())

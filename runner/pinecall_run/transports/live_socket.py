"""The socket of somebody who listens to a call, and may take it over (protocol: live listening)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.transports._allowance import Allowance
from pinecall_run.transports._closing import INTERNAL_ERROR, NORMAL, TOO_BIG, close
from pinecall_run.transports.contract import Supervised
from pinecall_run.wire import events, live_events, speech_events
from pinecall_run.wire.codec import encode, object_from_json, to_json
from pinecall_run.wire.events import CallEvent

_LOG = logging.getLogger("pinecall_run.transports")

WAITING = 40
"""Pieces of 50 ms that may wait for a slow listener; then the oldest are dropped."""

TEXTS = 200
"""Events that may wait; then the oldest are dropped."""

ALIVE_SECONDS = 5.0
"""How often a listener hears that the socket lives while the call is silent."""

ALIVE = b"\0\0"

MAX_SOUND = 2 * 2 * 16_000
"""Bytes of one frame of sound: two seconds."""

MAX_TEXT = 16_000
"""Characters of one action."""

CLOSE_SECONDS = 1.0
BROKEN = "the voice server failed"
NOT_ALLOWED = "this token lets you listen, and no more"
MEANS_NOTHING = "this means nothing here: take_over, hand_back, say, whisper, hangup"

SHOWN: tuple[type[events.Event], ...] = (
    speech_events.SpeechStarted, speech_events.SpeechEnded, speech_events.UserSpeaking, events.UserMessage,
    events.TurnEnd, events.BotSpeaking, speech_events.BotWord, events.BotFinished, speech_events.BotInterrupted,
    speech_events.MessageConfirmed, speech_events.MessageAborted, speech_events.CallHeld, speech_events.CallUnheld,
    speech_events.CallForwarded, *live_events.EVENTS,
)  # fmt: skip
"""What is said, and who has the call: nothing that tools answered."""


class Earpiece:
    """See :class:`pinecall_run.transports.contract.Supervisor`: what waits to be sent, bounded."""

    def __init__(self, *, shows_events: bool) -> None:
        self._shows_events = shows_events
        self._sounds: deque[bytes] = deque(maxlen=WAITING)
        self._texts: deque[str] = deque(maxlen=TEXTS)
        self._is_over = False
        self._has_more = asyncio.Event()

    def sound(self, piece: bytes) -> None:
        """See the contract."""
        self._sounds.append(piece)
        self._has_more.set()

    def event(self, event: CallEvent) -> None:
        """See the contract."""
        if self._shows_events and isinstance(event, SHOWN):
            self.text(encode(event).decode())

    def text(self, frame: str) -> None:
        """A frame of text for the listener."""
        self._texts.append(frame)
        self._has_more.set()

    def ended(self) -> None:
        """See the contract."""
        self._is_over = True
        self._has_more.set()

    async def next(self) -> bytes | str | None:
        """The next frame, texts first; :data:`ALIVE` where there is none for a while, ``None`` when the call is over
        and all was sent."""
        while not (self._texts or self._sounds):
            if self._is_over:
                return None
            self._has_more.clear()
            try:
                async with asyncio.timeout(ALIVE_SECONDS):
                    await self._has_more.wait()
            except TimeoutError:
                return ALIVE
        return self._texts.popleft() if self._texts else self._sounds.popleft()


async def serve_live(
    socket: WebSocket, call: Supervised, earpiece: Earpiece, *, session_id: str, may_act: bool
) -> None:
    """Serve a listener who has joined, until they leave or the call is over."""
    shape = {"sampleRate": call.rate, "channels": 1, "bitDepth": 16, "sessionId": session_id}
    try:
        await socket.accept()
        await socket.send_text(to_json({"type": "metadata", **shape}).decode())
        await _serve(socket, call, earpiece, may_act=may_act)
    finally:
        call.leave(earpiece)


async def _serve(socket: WebSocket, call: Supervised, earpiece: Earpiece, *, may_act: bool) -> None:
    reader = _Reader(socket, call, earpiece, may_act=may_act)
    workers = [asyncio.create_task(reader.run()), asyncio.create_task(_write(socket, earpiece))]
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        failures = [failure for failure in ended if isinstance(failure, Exception)]
        await close(socket, *((INTERNAL_ERROR, BROKEN) if failures else reader.verdict), within=CLOSE_SECONDS)
        if reader.ignored:
            _LOG.debug("%d messages on a supervisor's socket meant nothing", reader.ignored)
    for failure in failures:
        raise failure


async def _write(socket: WebSocket, earpiece: Earpiece) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the other side is gone
        while (frame := await earpiece.next()) is not None:
            await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_text(frame))
        await socket.send_bytes(b"")


class _Reader:
    """What a supervisor sends."""

    def __init__(self, socket: WebSocket, call: Supervised, earpiece: Earpiece, *, may_act: bool) -> None:
        self.verdict = NORMAL, ""
        self.ignored = 0
        """Messages that are too many, and sound of somebody who does not have the call."""
        self._socket = socket
        self._call = call
        self._earpiece = earpiece
        self._may_act = may_act
        self._allowance = Allowance(asyncio.get_running_loop().time)

    async def run(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            sound = message.get("bytes")
            if sound is None:
                self._act(message.get("text") or "")
            elif len(sound) > MAX_SOUND:
                self.verdict = TOO_BIG, f"a frame of sound has at most {MAX_SOUND:,} bytes"
                return
            elif not (self._may_act and self._call.speak(self._earpiece, sound)):
                self.ignored += 1

    def _act(self, text: str) -> None:
        if not self._allowance.take():
            self.ignored += 1
            return
        action = object_from_json(text) if len(text) <= MAX_TEXT else None
        if not self._may_act:
            why = NOT_ALLOWED
        elif action is None or not isinstance(action.get("action"), str):
            why = MEANS_NOTHING
        else:
            why = self._call.act(self._earpiece, action)
        if why:
            self._earpiece.text(to_json({"type": "error", "error": why}).decode())

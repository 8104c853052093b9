"""The socket of raw sound, ``/audio/ws`` (extension): the caller's sound is the clock, at whatever pace it comes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Iterable

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, RATE, Samples, from_bytes
from pinecall_run.transports._allowance import Allowance
from pinecall_run.transports._closing import INTERNAL_ERROR, NORMAL, TOO_BIG, TRY_AGAIN, close, refuse
from pinecall_run.transports.contract import AudioSession, Caller, CallReception, NotAdmittedError
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.codec import encode, object_from_json
from pinecall_run.wire.events import CallEnded, CallEvent

_LOG = logging.getLogger("pinecall_run.transports")

CHUNK_BYTES = 2 * CHUNK_SAMPLES

MAX_SOUND = 2 * 2 * RATE
"""Bytes of one frame of sound: two seconds, all of which may be answered before the next one is read."""

MAX_TEXT = 8_000
"""Longest action, in characters of JSON."""

OUTBOX = 1_000
"""Frames waiting for a slow reader, 20 s of sound; beyond that the socket is closed, because a gap would shift the
clock."""

QUIET_SECONDS = 10.0
"""How long a caller may send no sound. Silence is sound."""

FASTEST = SLOWEST = 20
"""Times faster than real time that sound is taken, so that one caller does not cost what a hundred do; and times slower
that it may come in the long run, because a call whose clock hardly moves would outlast every limit."""

BROKEN = "the voice server failed"

GOODBYE_SECONDS = 1.0
CLOSE_SECONDS = 1.0


class _Line:
    """One caller's line: what was heard of it, and a bounded queue of what goes out."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[bytes | str | None] = asyncio.Queue(OUTBOX)
        self.overrun = asyncio.Event()
        self.is_developer = False
        self.is_over = False
        self.verdict = NORMAL, ""
        self.ignored = 0
        """Messages that mean nothing, or are too many."""
        self._loop = asyncio.get_running_loop()
        self.allowance = Allowance(self._loop.time)
        self.gone_at = self._loop.time() + QUIET_SECONDS
        """When a caller who sends no more sound is taken for gone."""
        self._began = self._loop.time()
        self._heard = 0
        self._rest = b""

    def clock(self) -> float:
        """Seconds of sound heard."""
        return self._heard / RATE

    def ahead(self) -> float:
        """Seconds to wait before the next chunk: 0 unless the caller sends faster than it may."""
        return max(self.clock() / FASTEST - (self._loop.time() - self._began), 0.0)

    def event(self, event: CallEvent) -> None:
        shown = event if self.is_developer else _without_results(event)
        if shown is not None:
            self._put(encode(shown).decode())

    def ended(self, reason: str) -> None:
        self.is_over = True
        self.verdict = NORMAL, reason
        self._put(None)

    def chunks(self, sound: bytes) -> Iterable[Samples]:
        """The chunks that are complete with these bytes, which may end in the middle of a sample."""
        sound = self._rest + sound
        whole = len(sound) // CHUNK_BYTES * CHUNK_BYTES
        self._rest = sound[whole:]
        return from_bytes(sound[:whole]).reshape(-1, CHUNK_SAMPLES)

    def exchange(self, chunk: Samples, session: AudioSession) -> None:
        """Hear 20 ms and give 20 ms back."""
        self._heard += CHUNK_SAMPLES
        self.gone_at = min(self.gone_at + CHUNK_SECONDS * SLOWEST, self._loop.time() + QUIET_SECONDS)
        session.hear(chunk)
        taken = session.take()
        self._put(b"" if taken is None else taken.astype("<i2", copy=False).tobytes())

    def _put(self, message: bytes | str | None) -> None:
        try:
            self.outbox.put_nowait(message)
        except asyncio.QueueFull:
            self.verdict = TRY_AGAIN, "reads too slowly"
            self.overrun.set()


async def serve_audio(socket: WebSocket, reception: CallReception) -> None:
    """Serve one caller until either side ends the call."""
    await socket.accept()
    line = _Line()
    try:
        token = socket.query_params.get("token", "")
        admitted = reception.open_call("stream", token, line, Caller("audio", line.clock))
    except NotAdmittedError as refusal:
        await refuse(socket, refusal)
        return
    session, line.is_developer = admitted.session, admitted.is_developer
    workers = [
        asyncio.create_task(_read(socket, session, line)),
        asyncio.create_task(_write(socket, line)),
        asyncio.create_task(_miss(session, line)),
        asyncio.create_task(line.overrun.wait()),
    ]
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        verdict = line.verdict  # before the session's own goodbye
        line.is_over = True
        session.end("disconnected")
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        failures = [failure for failure in ended if isinstance(failure, Exception)]
        await close(socket, *((INTERNAL_ERROR, BROKEN) if failures else verdict), within=CLOSE_SECONDS)
        if line.ignored:
            _LOG.debug("%d messages on a caller's socket of sound meant nothing", line.ignored)
    for failure in failures:
        raise failure


async def _read(socket: WebSocket, session: AudioSession, line: _Line) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        sound = message.get("bytes")
        if sound is None:
            _act(message.get("text") or "", session, line)
            continue
        if len(sound) > MAX_SOUND:
            line.verdict = TOO_BIG, f"a frame of sound has at most {MAX_SOUND:,} bytes"
            return
        for chunk in line.chunks(sound):
            if line.is_over:
                break
            line.exchange(chunk, session)
            await asyncio.sleep(line.ahead())  # what the session began with this chunk may begin before the next one


def _act(text: str, session: AudioSession, line: _Line) -> None:
    action = (object_from_json(text) if len(text) <= MAX_TEXT else None) or {}
    match action.get("action"):
        case "hangup":
            line.is_over = True
            session.end("hangup")
        case str() if line.allowance.take():
            try:
                session.act(action)
            except Exception as error:  # noqa: BLE001 - the call goes on without it
                _LOG.error("what a caller's program asked for failed: %s", type(error).__name__)
        case _:
            line.ignored += 1


async def _write(socket: WebSocket, line: _Line) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the other side is gone
        while (message := await line.outbox.get()) is not None:
            await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message))


async def _miss(session: AudioSession, line: _Line) -> None:
    """Return when the caller has sent nothing for long, and the goodbye could be written."""
    loop = asyncio.get_running_loop()
    while (left := line.gone_at - loop.time()) > 0:  # noqa: ASYNC110 - an event for each chunk costs more
        await asyncio.sleep(left)
    session.end("disconnected")
    await asyncio.sleep(GOODBYE_SECONDS)


def _without_results(event: CallEvent) -> CallEvent | None:
    """What a person who is no developer sees of an event: nothing that a tool answered."""
    if type(event).__struct_config__.tag == "llm.tool_result":
        return None
    if isinstance(event, CallEnded):
        event = copy.copy(event)
        event.messages = UNSET
    return event

"""A server on loopback that speaks Gladia's live API, version 2: ``POST /v2/live``, then a WebSocket.

    async with gladia_server(sentences=["where is my order"]) as server:
        server.environ         # GLADIA_API_KEY, and GLADIA_URL as the library's ``api_url``: http://127.0.0.1:port
        server.requests        # the JSON bodies of the POSTs that were taken
        server.sessions        # what came of each: .heard (all sound that was acknowledged), .attached, .is_over
        server.trouble = Trouble("drop", after=3.0)
        server.strikes_at = "socket"    # where a trouble may strike: "init" (the POST), "socket", or "" for both

The WebSocket is on another port than the POST, as the vendor may do: the ``url`` of the answer is the one to use. A
session is there until ``stop_recording`` or a close with 1000; until then its url can be connected to again, and the
session goes on with the byte after the last one that was acknowledged. A ``drop`` loses acknowledgements on their way,
so that a client cannot but repeat some sound.

Trouble: ``refuse`` and ``hang`` strike what comes first, POST or upgrade. ``close``, ``drop``, ``stall``, ``garbage``
and ``error`` strike a WebSocket when it carried ``after`` seconds of sound, before the sound that comes then is taken;
with ``strikes_at = "init"``, ``close`` (an answer that ends too early), ``drop`` and ``garbage`` strike the POST.

Hears signed 16-bit mono only, and ends an utterance after half a second of quiet whatever ``endpointing`` says. What
the vendor does not document is a guess, and is said to be one where it is made.

Sources, read in November 2026: https://docs.gladia.io/api-reference/v2/live/init, …/v2/live/websocket (with the
AsyncAPI file in the repository of these pages), https://docs.gladia.io/chapters/live-stt/getting-started,
…/live-stt/features/{endpointing,partial-transcripts,end-of-turn}, …/limits-and-specifications/concurrency,
https://support.gladia.io/article/how-to-handle-the-websocket-connection, and gladiaio-sdk 2.2.1.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators._gladia_init import PATH, Init
from tests.emulators._gladia_session import Message, Session
from tests.emulators._sockets import QUIET
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

FRAME_BYTES = 2**20
"""A longer frame closes the WebSocket with 1009 (gladiaio-sdk, ``_helpers.py``)."""
NO_SUCH_SESSION = 4401
SESSION_IS_OVER = 4403
TIMED_OUT = 4408
REPLACED = 4409
"""The vendor says of close codes only that 1000 is the end. Its library does not connect again after 4400 to 4499;
that a session that is over takes the upgrade and then closes with 4403 was reported; the other numbers are guesses."""


class GladiaServer(Init):
    """What a test sees of the server.

    Attributes:
        concurrency: how many sessions may be attached to at once (1 on the free plan, 30 on the paid one).
        ends_inclusive: ``byte_range`` ends with the last byte, as in the vendor's example, and not after it, as the
            vendor's library takes it.
        idle_seconds: a WebSocket that carries no message for so long is closed, and its session is over. The 30 s are
            from pipecat's source ("Gladia times out after 30 seconds"); an ``audio_chunk`` without sound counts.
        session_seconds: how much sound a session takes (three hours).
        post_seconds: how long post-processing takes after ``stop_recording``.
    """

    def __init__(self, sentences: Sequence[str], key: str, models: Sequence[str]) -> None:
        super().__init__(sentences, key, models)
        self.idle_seconds = 30.0
        self.session_seconds = 3 * 3600.0
        self.post_seconds = 0.005

    async def upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """Judge a handshake."""
        if not self._is_dead and (trouble := self.strike("refuse")):
            self.connections += 1
            return self.error(trouble.status, trouble.reason, headers=trouble.headers)
        if not await self.at_the_door(connection):
            return None
        url = urlsplit(request.path)
        if url.path != PATH or parse_qs(url.query).keys() != {"token"}:
            return self.problem(404, f"Cannot GET {url.path}?{url.query}")
        return None

    async def serve_socket(self, connection: ServerConnection) -> None:
        """One WebSocket, from its opening to its end."""
        assert connection.request is not None
        token = parse_qs(urlsplit(connection.request.path).query)["token"][0]
        session = next((session for session in self.sessions if session.token == token), None)
        if session is None:
            self.problems.append("a token that was never given")
            await connection.close(NO_SUCH_SESSION, "Invalid token")
            return
        await self._let_go(session)
        if session.is_stopped or session.is_over:
            await connection.close(SESSION_IS_OVER, "Session is over")
        else:
            await self._attach(session, connection)

    async def _attach(self, session: Session, connection: ServerConnection) -> None:
        session.connection = connection
        self._open.add(connection)
        try:
            await _send(connection, session.attach())
            await self._listen(session, connection)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == 1009:
                self.problems.append(f"a frame of more than {FRAME_BYTES} bytes")
            is_end = closed.rcvd is not None and closed.rcvd.code == 1000
            session.is_over = session.is_over or session.is_stopped or is_end
        except Exception as broken:
            self.problems.append(f"the emulator broke: {broken!r}")
            raise
        finally:
            self._open.discard(connection)
            if session.connection is connection:
                session.connection = None

    async def _let_go(self, session: Session) -> None:
        """Of a WebSocket that is dead; that two live ones carry one session is a mistake of the client's."""
        if session.connection is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.connection.wait_closed(), 0.2)
            return
        self.problems.append("a second WebSocket for a session whose first one is open")
        await session.connection.close(REPLACED, "Another connection took over")

    async def _listen(self, session: Session, connection: ServerConnection) -> None:
        before = session.seconds
        is_stalled = False
        while True:
            try:
                async with asyncio.timeout(self.idle_seconds):
                    data = await connection.recv()
            except TimeoutError:
                session.is_over = True
                await connection.close(TIMED_OUT, "No audio received")
                return
            action, pcm = self._read(data)
            if is_stalled or not action:
                continue
            if action == "stop_recording":
                await self._finish(session, connection)
                return
            trouble = await self.strike_open(connection, session.seconds - before)
            kind = trouble.kind if trouble is not None else ""
            if kind in ("close", "drop"):
                return
            if trouble is not None and kind == "error":
                await _send(connection, [session.refuse("audio_chunk", trouble.reason, trouble.code)])
            elif kind == "stall":
                is_stalled = True
            elif session.seconds > self.session_seconds:
                session.is_over = True
                await connection.close(TIMED_OUT, "Maximum session duration reached")
            else:
                await _send(connection, session.hear(pcm))

    def _read(self, data: str | bytes) -> tuple[str, bytes]:
        """The action and its sound; no action, if it is none of the vendor's."""
        if isinstance(data, bytes):
            return "audio_chunk", self._whole(data)
        try:
            message: Any = json.loads(data)
            action = message["type"]
            if action == "stop_recording":
                return action, b""
            if action == "audio_chunk":
                return action, self._whole(base64.b64decode(message["data"]["chunk"], validate=True))
        except (ValueError, TypeError, KeyError):
            action = data
        self.problems.append(f"no message of Gladia's: {action!r:.80}")
        return "", b""

    def _whole(self, pcm: bytes) -> bytes:
        if len(pcm) % 2:
            self.problems.append(f"{len(pcm)} bytes end within a sample")
        return pcm

    async def _finish(self, session: Session, connection: ServerConnection) -> None:
        await _send(connection, session.stop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.post_seconds):
                while True:
                    action, _ = self._read(await connection.recv())
                    self.problems.append(f"{action} after stop_recording")
                    await _send(connection, [session.refuse(action, "Recording already stopped", 409)])
        await _send(connection, session.conclude())
        await connection.close(1000)


async def _send(connection: ServerConnection, messages: Iterable[Message]) -> None:
    for message in messages:
        await connection.send(json.dumps(message))


@contextlib.asynccontextmanager
async def gladia_server(
    sentences: Sequence[str] = ("where is my order",),
    *,
    key: str = "gladia-emulated",
    models: Sequence[str] = ("solaria-1",),
) -> AsyncIterator[GladiaServer]:
    """The server, while the block runs. Each session hears the sentences from the first one on.

    Raises:
        AssertionError: at the end, something broke the rules of the API.
    """
    emulated = GladiaServer(sentences, key, models)
    posts = await asyncio.start_server(emulated.serve_post, "127.0.0.1", 0)
    sockets = await serve(
        emulated.serve_socket,
        "127.0.0.1",
        0,
        process_request=emulated.upgrade,
        max_size=FRAME_BYTES,
        max_queue=None,  # a client that goes on talking would keep its answer to our close from being read
        open_timeout=None,
        logger=QUIET,
    )
    emulated.socket_url = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}"
    url = f"http://127.0.0.1:{posts.sockets[0].getsockname()[1]}"
    emulated.environ = {"GLADIA_URL": url, "GLADIA_API_KEY": key}
    try:
        yield emulated
    finally:
        emulated.kill()
        posts.close()
        sockets.close()
        await emulated.end_posts()
        await sockets.wait_closed()
        await posts.wait_closed()
    assert not emulated.problems, emulated.problems

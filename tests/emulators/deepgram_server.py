"""A server on loopback that speaks Deepgram's streams: ``/v1/listen`` (Nova-3, Nova-2) and ``/v2/listen`` (Flux).

    async with deepgram_server(["Where is my order?"]) as server:
        environ = server.environ            # DEEPGRAM_API_KEY, and DEEPGRAM_URL such as ws://127.0.0.1:4321
        ...
        server.requests                     # each stream that was opened: path, parameters, messages, seconds
        server.connections                  # how many sockets were opened so far; server.open_connections: now
        server.trouble = Trouble("drop", after=3.0)
        server.kill(); server.revive()      # everything is reset, and so is whoever connects until it is revived

Its ears say the next of ``sentences`` whenever there is sound. It is strict: what Deepgram refuses is answered as
Deepgram does, and written down in ``server.problems``, which must be empty at the end of the block; so is what it takes
though no client should send it (an option it does not know, a message after CloseStream). A wrong key, and a model or
a language it does not have, are no problem, only an answer. A test that means to do wrong clears ``problems``.

Troubles: ``refuse`` (any status, in Deepgram's form), ``hang`` (the handshake is never answered), ``close``, ``drop``,
``stall``, ``garbage`` (one text message that is no JSON), ``error`` (an ``Error`` message, ``code`` its variant or
code; Flux closes then, without a code). ``after`` counts seconds of sound on the stream; 0 is right after it opened.

To be set by tests: ``nova_idle`` and ``flux_idle``, the seconds after which a silent client is cut off (audio and text
count; for Flux pings do too, and Nova wants audio before its first text counts); ``segment_words``, after which Nova
makes a part of a sentence final; ``concurrency``, above which it answers 429.

What Deepgram does not document is chosen: the words of some refusals, the ``code`` of Flux's ConfigureFailure (none),
and how Flux cuts off the idle (an ``Error``). It hears one channel of linear16, linear32, mulaw or alaw, and takes the
key in the Authorization header only. The sources are named in the parts; of this file:
https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors, …/docs/errors,
…/docs/audio-keep-alive, …/reference/api-rate-limits; on pings
https://github.com/deepgram/deepgram-python-sdk/issues/618, read in November 2026.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators._deepgram_flux import Flux
from tests.emulators._deepgram_nova import Nova
from tests.emulators._deepgram_rules import FLUX_PATH, NOVA_PATH, wrong_address
from tests.emulators._deepgram_session import Message, Session
from tests.emulators._deepgram_socket import Asked, Socket
from tests.emulators.trouble import Kind, Trouble
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.http11 import Request, Response


@dataclass
class DeepgramServer:
    """What a test sees of the server."""

    sentences: Sequence[str]
    key: str
    url: str = ""
    trouble: Trouble | None = None
    requests: list[Asked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    connections: int = 0
    sockets: set[Socket] = field(default_factory=set)
    nova_idle: float = 10.0
    flux_idle: float = 60.0
    segment_words: int = 10
    concurrency: int = 150
    _is_dead: bool = False

    @property
    def environ(self) -> dict[str, str]:
        """What points an adapter here."""
        return {"DEEPGRAM_API_KEY": self.key, "DEEPGRAM_URL": self.url}

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return len(self.sockets)

    def kill(self) -> None:
        """Reset everything, and whoever connects from now on."""
        self._is_dead = True
        self.reset()

    def revive(self) -> None:
        """Be well again."""
        self._is_dead = False

    def reset(self) -> None:
        """Drop all connections."""
        for socket in list(self.sockets):
            socket.transport.abort()

    # the handshake

    async def judge(self, socket: ServerConnection, request: Request) -> Response | None:
        """The refusal of a handshake, if it is refused."""
        assert isinstance(socket, Socket)
        if self._is_dead:
            socket.transport.abort()
        if self._is_dead or self._suffers("hang"):
            await socket.wait_closed()
            return socket.refusal(503)
        if trouble := self._suffers("refuse"):
            return socket.refusal(trouble.status, trouble.headers)
        if len(self.sockets) > self.concurrency:
            return socket.refusal(429)
        address = urlsplit(request.path)
        if address.path not in (NOVA_PATH, FLUX_PATH):
            self.problems.append(f"there is no {address.path}")
            return socket.refusal(404)
        if not self._is_authorized(request.headers.get("Authorization", "")):
            return socket.refusal(401)
        return self._open(socket, address.path, address.query)

    def _open(self, socket: Socket, path: str, query: str) -> Response | None:
        asked = parse_qs(query, keep_blank_values=True)
        wrong = list(wrong_address(path, asked))
        self.problems += [each.message for each in wrong if each.is_problem]
        for each in wrong:
            if each.is_refused:
                return socket.refusal(400, error=(each.code, each.message))
        session: Session
        if path == FLUX_PATH:
            session = Flux(asked, self.sentences, self.problems.append)
        else:
            session = Nova(asked, self.sentences, self.problems.append, segment_words=self.segment_words)
        socket.asked = Asked(path, asked, session)
        socket.request_id = session.request_id
        self.requests.append(socket.asked)
        return None

    def _is_authorized(self, header: str) -> bool:
        if not header:
            self.problems.append("no Authorization header")
        scheme, _, key = header.partition(" ")
        return scheme.lower() == "token" and key == self.key

    # the stream

    async def serve(self, connection: ServerConnection) -> None:
        """Hear one stream to its end."""
        assert isinstance(connection, Socket)
        assert connection.asked is not None
        session = connection.asked.session
        with contextlib.suppress(ConnectionClosed):
            await self._say(connection, session.open())
            while await self._fares_well(connection, session):
                if session.ending is not None:
                    code, reason = session.ending
                    await connection.close(code, reason)  # type: ignore[arg-type]  # a close frame may have no code
                    return
                await self._say(connection, await self._next(connection, session))

    async def _next(self, socket: Socket, session: Session) -> list[Message]:
        """What is said to the next message, or to there being none for too long."""
        try:
            async with asyncio.timeout(max(self._patience(socket), 0)):
                frame = await socket.recv()
        except TimeoutError:
            if self._patience(socket) > 0:
                return []
            self.problems.append("neither audio nor a keep-alive in time")
            return session.expire()
        return session.hear(frame) if isinstance(frame, bytes) else session.take(frame)

    def _patience(self, socket: Socket) -> float:
        """Seconds until the client must have sent something that counts."""
        assert socket.asked is not None
        last = socket.last_at
        if socket.asked.path == FLUX_PATH:
            counting, idle = (Opcode.BINARY, Opcode.TEXT, Opcode.PING), self.flux_idle
        else:
            counting = (Opcode.BINARY, Opcode.TEXT) if Opcode.BINARY in last else ()
            idle = self.nova_idle
        heard_at = max((last[kind] for kind in counting if kind in last), default=socket.opened_at)
        return heard_at + idle - socket.loop.time()

    async def _say(self, socket: Socket, messages: Sequence[Message]) -> None:
        for message in messages:
            await socket.send(json.dumps(message))

    # the troubles

    def _suffers(self, *kinds: Kind, seconds: float = 0.0) -> Trouble | None:
        """The trouble, if it is one of these kinds and its time has come; it is counted."""
        trouble = self.trouble
        if trouble is None or trouble.kind not in kinds or seconds < trouble.after:
            return None
        if trouble.times:
            self.trouble = replace(trouble, times=trouble.times - 1) if trouble.times > 1 else None
        return trouble

    async def _fares_well(self, socket: Socket, session: Session) -> bool:
        """Whether the stream goes on after what goes wrong now, if anything does."""
        if socket.suffered is not None and socket.suffered is self.trouble:
            return True
        trouble = self._suffers("close", "drop", "stall", "garbage", "error", seconds=session.seconds)
        if trouble is None:
            return True
        socket.suffered = self.trouble
        if trouble.kind == "garbage":
            await socket.send("\x00garbage{")
            return True
        if trouble.kind == "error":
            code = trouble.code if isinstance(trouble.code, str) else "INTERNAL_SERVER_ERROR"
            await self._say(socket, session.error(code, trouble.reason))
            return True
        if trouble.kind == "drop":
            socket.transport.abort()
        elif trouble.kind == "close":
            await socket.close(int(trouble.code), trouble.reason)
        else:
            async for _ in socket:
                pass
        return False


@contextlib.asynccontextmanager
async def deepgram_server(
    sentences: Sequence[str] = ("Where is my order?",), *, key: str = "dg-emulated"
) -> AsyncIterator[DeepgramServer]:
    """The server, while the block runs. ``sentences`` are what is said, again and again.

    Raises:
        AssertionError: at the end, a client broke the rules of the API.
    """
    emulated = DeepgramServer(sentences, key)

    def tag(connection: ServerConnection, request: Request, response: Response) -> Response:
        assert isinstance(connection, Socket)
        response.headers["dg-request-id"] = connection.request_id
        return response

    def make(*args: Any, **kwargs: Any) -> Socket:
        return Socket(*args, owner=emulated, **kwargs)

    server: Server = await serve(
        emulated.serve,
        "127.0.0.1",
        0,
        process_request=emulated.judge,
        process_response=tag,
        create_connection=make,  # type: ignore[arg-type]  # a factory will do
        open_timeout=None,
        ping_interval=None,
        close_timeout=1,
    )
    emulated.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    try:
        yield emulated
    finally:
        emulated.reset()
        server.close()
        await server.wait_closed()
    assert not emulated.problems, emulated.problems

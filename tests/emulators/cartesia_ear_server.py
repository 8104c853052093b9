"""A server on loopback that speaks Cartesia's realtime speech to text, ``/stt/websocket`` ("manual").

    async with cartesia_ear_server(["where is my order"]) as server:
        server.environ         # CARTESIA_API_KEY, and CARTESIA_URL as the library's ``base_url``: http://127.0.0.1:port
        server.requests        # the parameters of each connection that was taken: {"model": ["ink-whisper"], …}
        server.commands        # what was said in text, in order: finalize, close
        server.trouble = Trouble("drop", after=0.5)

Takes signed 16-bit mono. A sentence is final when ``finalize`` asks for it, or after half a second of quiet; what is
final comes in two pieces that are to be joined as they are. Parameters that are wrong get an ``error`` and a close.

Trouble: ``refuse`` and ``hang`` strike the upgrade; ``close``, ``drop``, ``stall``, ``garbage`` and ``error`` a
connection that carried ``after`` seconds of sound. What the vendor does not document is a guess: close codes, the
limits of the two options of ink-whisper, that it takes no keyterms, and how long it bears silence.

Sources, read in November 2026: https://docs.cartesia.ai/api-reference/stt/websocket,
https://docs.cartesia.ai/build-with-cartesia/stt-models, https://docs.cartesia.ai/use-the-api/stt/languages, and the
types of cartesia 4.2.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators._cartesia_rules import VERSIONS
from tests.emulators._sockets import QUIET, Vendor, answer
from tests.emulators._sound import Ear, Heard
from tests.emulators.trouble import Trouble
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

PATH = "/stt/websocket"
MODELS = ("ink-2", "ink-whisper", "ink-whisper-2025-06-04")
NEEDED = frozenset(("model", "encoding", "sample_rate"))
SECRETS = frozenset(("cartesia_version", "access_token", "api_key"))
OF_WHISPER = frozenset(("language", "min_volume", "max_silence_duration_secs"))

Query = Mapping[str, Sequence[str]]
Message = dict[str, Any]


def _wrong(query: Query) -> Iterator[tuple[str, str]]:
    """What is refused of a connection: the code and the sentence."""
    model = query["model"][0]
    if model not in MODELS:
        yield "model_not_found", "The model is not valid, make sure it is a valid model ID."
    if query["encoding"] != ["pcm_s16le"] or not query["sample_rate"][0].isdigit():
        yield "", "encoding and sample_rate must be those of the sound"
    taken = OF_WHISPER if model.startswith("ink-whisper") else frozenset(("keyterm",))
    for name in sorted(query.keys() - NEEDED - SECRETS - taken):
        yield "", f"{name} is not a parameter of {model}"
    if len(query.get("keyterm", ())) > 100 or sum(map(len, query.get("keyterm", ()))) > 1200:
        yield "", "at most 100 keyterms of 1200 characters"


class CartesiaEarServer(Vendor):
    """What a test sees of the server. ``idle_seconds``: how long a connection may be without a message."""

    def __init__(self, sentences: Sequence[str], key: str) -> None:
        super().__init__(key)
        self.sentences = tuple(sentences)
        self.commands: list[str] = []
        self.idle_seconds = 180.0

    async def upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """Judge a handshake."""
        if not self._is_dead and (trouble := self.strike("refuse")):
            self.connections += 1
            words = {"error_code": None, "title": trouble.reason, "message": trouble.reason, "request_id": "r"}
            return answer(trouble.status, words, trouble.headers)
        if not await self.at_the_door(connection):
            return None
        url = urlsplit(request.path)
        query = parse_qs(url.query)
        version = (query.get("cartesia_version") or [request.headers.get("Cartesia-Version")])[0]
        if url.path != PATH or not query.keys() >= NEEDED or version not in VERSIONS:
            self.problems.append(f"no connection of Cartesia's: {url.path} {sorted(query)} {version}")
            return answer(400, {"title": "Bad request", "message": "The request is not valid."})
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key not in (bearer, request.headers.get("X-API-Key")):
            return answer(401, {"error_code": None, "title": "Unauthorized", "message": "The API key is invalid."})
        return None

    async def serve_socket(self, connection: ServerConnection) -> None:
        """One connection, from its opening to its end."""
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        self._open.add(connection)
        try:
            await _Listening(self, connection, query).run()
        except ConnectionClosed:
            pass
        except Exception as broken:
            self.problems.append(f"the emulator broke: {broken!r}")
            raise
        finally:
            self._open.discard(connection)


class _Listening:
    """What goes on over one connection."""

    def __init__(self, server: CartesiaEarServer, connection: ServerConnection, query: Query) -> None:
        self._server = server
        self._connection = connection
        self._query = query
        self._id = str(uuid.uuid4())

    async def run(self) -> None:
        if faults := list(_wrong(self._query)):
            code, words = faults[0]
            await self._send([self._error(400, code, words)])
            await self._connection.close(1008)
            return
        self._server.requests.append({name: list(values) for name, values in self._query.items()})
        self._ear = Ear(self._server.sentences, int(self._query["sample_rate"][0]))
        while True:
            try:
                async with asyncio.timeout(self._server.idle_seconds):
                    data = await self._connection.recv()
            except TimeoutError:
                await self._connection.close(1000, "Idle")
                return
            trouble = await self._server.strike_open(self._connection, self._ear.seconds)
            if trouble is not None and await self._is_struck(trouble):
                return
            if await self._is_over(data):
                return

    async def _is_struck(self, trouble: Trouble) -> bool:
        if trouble.kind == "stall":
            with contextlib.suppress(ConnectionClosed):
                async for _ in self._connection:
                    pass
        if trouble.kind == "error":
            await self._send([self._error(trouble.status, str(trouble.code), trouble.reason)])
        return trouble.kind in ("close", "drop", "stall")

    async def _is_over(self, data: str | bytes) -> bool:
        """Take a message; whether it was the last."""
        if isinstance(data, bytes):
            if len(data) % 2:
                self._server.problems.append(f"{len(data)} bytes end within a sample")
            await self._send(self._told(self._ear.feed(data)))
            return False
        self._server.commands.append(data)
        if data not in ("finalize", "close"):
            self._server.problems.append(f"no command of Cartesia's: {data!r:.80}")
            await self._send([self._error(400, "", "The command is not known.")])
            return False
        await self._send(self._told(self._ear.finish()))
        await self._send([self._message("flush_done" if data == "finalize" else "done")])
        if data == "close":
            await self._connection.close(1000)
        return data == "close"

    def _told(self, found: Sequence[Heard]) -> Iterator[Message]:
        for heard in found:
            if heard.kind == "grown":
                yield self._transcript(" ".join(heard.words), is_final=False)
            elif heard.kind == "ended":
                half = len(heard.words) // 2
                first, rest = " ".join(heard.words[:half]), " ".join(heard.words[half:])
                yield self._transcript(first, is_final=True)
                yield self._transcript(f" {rest}", is_final=True)

    def _transcript(self, text: str, *, is_final: bool) -> Message:
        language = (self._query.get("language") or ["en"])[0]
        return self._message("transcript", is_final=is_final, text=text, duration=1.0, language=language)

    def _message(self, kind: str, **fields: Any) -> Message:
        return {"type": kind, "request_id": self._id, **fields}

    def _error(self, status: int, code: str, words: str) -> Message:
        return self._message("error", title="Error", message=words, error_code=code or None, status_code=status)

    async def _send(self, messages: Iterator[Message] | Sequence[Message]) -> None:
        for message in messages:
            await self._connection.send(json.dumps(message))


@contextlib.asynccontextmanager
async def cartesia_ear_server(
    sentences: Sequence[str] = ("where is my order",), *, key: str = "sk_car_emulated"
) -> AsyncIterator[CartesiaEarServer]:
    """The server, while the block runs. Each connection hears the sentences from the first one on.

    Raises:
        AssertionError: at the end, something broke the rules of the API.
    """
    emulated = CartesiaEarServer(sentences, key)
    server = await serve(
        emulated.serve_socket,
        "127.0.0.1",
        0,
        process_request=emulated.upgrade,
        max_queue=None,
        open_timeout=None,
        logger=QUIET,
    )
    port = next(iter(server.sockets)).getsockname()[1]
    emulated.environ = {"CARTESIA_URL": f"http://127.0.0.1:{port}", "CARTESIA_API_KEY": key}
    try:
        yield emulated
    finally:
        emulated.kill()
        server.close()
        await server.wait_closed()
    assert not emulated.problems, emulated.problems

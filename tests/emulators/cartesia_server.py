"""A server on loopback that speaks Cartesia's text to speech over a WebSocket, ``/tts/websocket``.

    async with cartesia_server() as server:
        server.environ         # CARTESIA_API_KEY, and CARTESIA_URL as the library's ``base_url``: http://127.0.0.1:port
        server.requests        # generation and cancel requests that were taken, in order
        server.contexts        # what became of each: .said, .seconds (of sound), .is_cancelled, .state
        server.trouble = Trouble("error", status=402, code="quota_exceeded", reason="No credits are left")

The WebSocket is at the same host and port, with the scheme ``ws`` (the vendor's library makes ``wss`` of its base, and
takes ``websocket_base_url`` for another). Every word is a tone of 0.3 s. Text is buffered as the vendor warns it may:
a sentence is spoken when another one follows, the rest when the context ends, is flushed, or ``max_buffer_delay_ms``
(3000, if it is not given) passed; with 0 all is spoken at once.

Trouble: ``refuse`` and ``hang`` strike the upgrade; ``close``, ``drop``, ``stall``, ``garbage`` and ``error`` strike in
place of the chunk that comes after ``after`` chunks of a context.

Speaks pcm_s16le and pcm_f32le only. What the vendor does not document is a guess, and is said to be one where it is
made; where two of its pages disagree, an attribute chooses.

Sources, read in November 2026: https://docs.cartesia.ai/api-reference/tts/websocket,
https://docs.cartesia.ai/use-the-api/tts-websocket/{contexts,buffering,context-flushing-and-flush-i-ds},
https://docs.cartesia.ai/use-the-api/{api-conventions,api-errors,concurrency-limits-and-timeouts},
https://docs.cartesia.ai/build-with-cartesia/tts-models/api-changes, and the types of cartesia 4.2.0.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from tests.emulators._cartesia_context import Context
from tests.emulators._cartesia_rules import MODELS, STRUCTURED_SINCE, VERSIONS, Refusal, invalid, troubled
from tests.emulators._cartesia_talk import Talk
from tests.emulators._sockets import QUIET, Vendor, answer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

PATH = "/tts/websocket"
QUERY = frozenset(("cartesia_version", "api_key", "access_token"))
SOCKETS_PER_CONTEXT = 10
"""So many WebSockets are allowed for each context that may be active."""


class CartesiaServer(Vendor):
    """What a test sees of the server.

    Attributes:
        concurrency: how many contexts of the account may be active at once (2 on the free plan, 15 on the largest).
        idle_seconds: a WebSocket on which nothing is asked or spoken for so long is closed.
        expiry_seconds: a context expires so long after its last sound was sent (not: heard), without a message.
        chunk_seconds: how much sound a chunk holds; the vendor does not say.
        pace: seconds that pass before each chunk.
        cancel_lets_finish: a cancel stops what was not begun, and what is being spoken goes on to its ``done`` (the
            vendor's guide to contexts); otherwise nothing more is sent of the context (its API reference).
    """

    def __init__(self, key: str, models: Sequence[str], voices: Sequence[str]) -> None:
        super().__init__(key)
        self.models = tuple(models)
        self.voices = tuple(voices)
        self.contexts: list[Context] = []
        self.concurrency: int | None = None
        self.idle_seconds = 300.0
        self.expiry_seconds = 1.0
        self.chunk_seconds = 0.1
        self.pace = 0.0
        self.cancel_lets_finish = True

    @property
    def active_contexts(self) -> int:
        """How many contexts may still speak."""
        return sum(context.state != "gone" for context in self.contexts)

    async def upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """Judge a handshake."""
        url = urlsplit(request.path)
        query = dict(parse_qsl(url.query))
        version = query.get("cartesia_version") or request.headers.get("Cartesia-Version") or ""
        if not self._is_dead and (trouble := self.strike("refuse")):
            self.connections += 1
            return self._refused(troubled(trouble), version or STRUCTURED_SINCE, trouble.headers)
        if not await self.at_the_door(connection):
            return None
        faulty = self._judge(url.path, query, request, version)
        return None if faulty is None else self._refused(faulty, version)

    def _judge(self, path: str, query: Mapping[str, str], request: Request, version: str) -> Refusal | None:
        """The titles and messages are guesses; the vendor documents the form alone."""
        if path != PATH:
            return Refusal(404, None, "Not found", f"There is nothing at {path}")
        if query.keys() - QUERY:
            return invalid(f"unknown query parameters: {sorted(query.keys() - QUERY)}")
        if version not in VERSIONS:
            return Refusal(400, None, "Invalid version", f"Cartesia-Version must be one of {VERSIONS}: {version!r}")
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key not in (bearer, request.headers.get("X-API-Key"), query.get("api_key"), query.get("access_token")):
            return Refusal(401, None, "Unauthorized", "The API key is invalid.", is_mistake=False)
        if self.concurrency is not None and self.open_connections >= SOCKETS_PER_CONTEXT * self.concurrency:
            message = "You have exceeded your WebSocket limit."
            return Refusal(429, None, "Too many connections", message, is_mistake=False)
        return None

    def _refused(self, refusal: Refusal, version: str, headers: Mapping[str, str] = {}) -> Response:
        self.note(refusal)
        words = refusal.words(version)
        body = words if isinstance(words, str) else {**words, "request_id": str(uuid.uuid4())}
        return answer(refusal.status, body, headers)

    def note(self, refusal: Refusal) -> None:
        """Write down what no client should get."""
        if refusal.is_mistake:
            self.problems.append(f"{refusal.title}: {refusal.message}")

    async def serve_socket(self, connection: ServerConnection) -> None:
        """One WebSocket, from its opening to its end."""
        self._open.add(connection)
        assert connection.request is not None
        query = dict(parse_qsl(urlsplit(connection.request.path).query))
        version = query.get("cartesia_version") or connection.request.headers["Cartesia-Version"]
        talk = Talk(self, connection, version)
        try:
            await talk.listen()
        except ConnectionClosed:
            pass
        except Exception as broken:
            self.problems.append(f"the emulator broke: {broken!r}")
            raise
        finally:
            self._open.discard(connection)
            await talk.end()


@contextlib.asynccontextmanager
async def cartesia_server(
    *, key: str = "sk_car_emulated", models: Sequence[str] = MODELS, voices: Sequence[str] = ()
) -> AsyncIterator[CartesiaServer]:
    """The server, while the block runs. ``voices`` are the ids it has; every UUID, if none is named.

    Raises:
        AssertionError: at the end, something broke the rules of the API.
    """
    emulated = CartesiaServer(key, models, voices)
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

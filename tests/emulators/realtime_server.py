"""A server on loopback that speaks OpenAI's Realtime API, speech to speech over WebSocket, as a test scripts it.

    async with realtime_server([says("One moment."), calls(("lookup_order", {"id": "42"}))],
                               sentences=["Where is my order?"]) as server:
        server.environ         # OPENAI_API_KEY and OPENAI_REALTIME_URL (a WebSocket base, to which /realtime is added)
        server.requests        # for each answer: model, session, response (parameters) and items, as the model saw them
        server.events          # all events of clients, in order; sound as its length in characters of base64
        server.connections     # how many sockets were opened so far; server.open_connections: now
        server.problems        # what a client must not do; must be empty at the end of the block

``answers`` is a list, one for each response, or a function from one of ``requests`` to an answer, made by ``says``,
``calls`` and ``fails`` of :mod:`tests.emulators.openai_server`; ``replace(calls(…), text="One moment.")`` says and
calls. A word is a tone of 0.3 s. ``first_after`` and ``each_after`` pace it, ``cut_after`` breaks the connection after
so many pieces, ``stream_error`` fails it at its end, and ``fails`` ends it with a ``response.done`` that failed.
The model hears speech where there is sound and takes it to be the next of ``sentences``; silence and turns are measured
on the sound that was sent, not by a clock, so that a test may send it as fast as it likes.

To be set by tests: ``session_seconds`` (the age at which a session expires), ``transcribed_after`` (seconds from a
caller's turn to its transcript; 0: before the answer), ``transcription_error`` (a message: transcripts fail with it),
``expected`` (codes of errors that the test provokes; cancelling nothing is always allowed, as in the API's words).

Troubles: ``refuse`` (an HTTP status for the upgrade), ``hang`` (upgraded, then silence), and after so many seconds of
sound ``close``, ``drop``, ``stall``, ``garbage`` (half a message) and ``error`` (an ``error`` of type ``server_error``;
the session goes on). As the vendor does it, a wrong key, an unknown model and the header of the beta are not refused
with a status, but by an ``error`` event after the upgrade, and the codes 3000 and 4000.

It is strict: what the API refuses is answered as the API does and written into ``problems``. Not emulated: images are
taken but cost nothing, MCP tools, stored prompts, transcription sessions, WebRTC and SIP, truncation of long contexts.

Sources, read in November 2026: developers.openai.com/api/docs/guides/realtime-conversations, …/realtime-websocket,
…/realtime-vad, …/realtime-costs, …/api/reference/resources/realtime (client and server events), the types of the openai
library 3.54, and for the words of errors and codes of closing what people report in the issues of client libraries.
"""

from __future__ import annotations

import contextlib
import http
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators._realtime_conversation import Item
from tests.emulators._realtime_rules import MODELS, Refusal
from tests.emulators._realtime_session import Session
from tests.emulators.openai_server import Answer, fails
from tests.emulators.trouble import Trouble
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.http11 import Response as HttpResponse

PATH = "/v1/realtime"
LARGEST_MESSAGE = 24 * 1024 * 1024

Answers = Sequence[Answer] | Callable[[dict[str, Any]], Answer]


@dataclass
class RealtimeServer:
    """What a test sees of the server."""

    answers: Answers
    sentences: Sequence[str]
    key: str
    models: Sequence[str]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=lambda: {"response_cancel_not_active"})
    trouble: Trouble | None = None
    session_seconds: float = 3600.0
    transcribed_after: float = 0.0
    transcription_error: str = ""
    connections: int = 0
    is_dead: bool = False
    _open: set[ServerConnection] = field(default_factory=set)
    _suffered: tuple[Trouble | None, int] = (None, 0)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def environ(self) -> Mapping[str, str]:
        """What points an adapter here."""
        return {"OPENAI_API_KEY": self.key, "OPENAI_REALTIME_URL": self.url}

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    def kill(self) -> None:
        """Reset what is open, and whatever comes from now on."""
        self.is_dead = True
        for connection in self._open:
            connection.transport.abort()

    def revive(self) -> None:
        """Serve again."""
        self.is_dead = False

    # for sessions

    def new_id(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers):020}"

    def note(self, event: Mapping[str, Any]) -> None:
        """Keep what a client sent."""
        is_sound = event["type"] == "input_audio_buffer.append"
        self.events.append({**event, "audio": len(event["audio"])} if is_sound else dict(event))

    def blame(self, refusal: Refusal) -> None:
        """Write down what a client did wrong, unless a test means it to, or asks for a voice that is not there."""
        if refusal.code not in self.expected and not str(refusal.param).endswith("audio.output.voice"):
            self.problems.append(f"{refusal.code}: {refusal}")

    def answer(self, session: Mapping[str, Any], response: Mapping[str, Any], items: Sequence[Item]) -> Answer:
        """The script's next."""
        request = {"model": session["model"], "session": session, "response": dict(response)}
        self.requests.append({**request, "items": [item.seen() for item in items]})
        if callable(self.answers):
            return self.answers(self.requests[-1])
        if len(self.requests) > len(self.answers):
            self.problems.append(f"the script has {len(self.answers)} answers, this is one response more")
            return fails(500, "the script is over")
        return self.answers[len(self.requests) - 1]

    def due(self, seconds: float, suffered: object) -> Trouble | None:
        """What goes wrong with a connection that has heard so much, and has suffered that already."""
        trouble = self.trouble
        if trouble is None or trouble is suffered or trouble.kind in ("refuse", "hang") or seconds < trouble.after:
            return None
        self._count(trouble)
        return trouble

    def _count(self, trouble: Trouble) -> None:
        """One more has suffered it; after the last all is well."""
        known, times = self._suffered
        self._suffered = (trouble, times + 1 if trouble is known else 1)
        if self._suffered[1] == trouble.times:
            self.trouble = None

    # connections

    def judge(self, connection: ServerConnection, request: Request) -> HttpResponse | None:
        """The refusal of an upgrade, if it is refused."""
        if self.is_dead:
            connection.transport.abort()
            return _refusal(503, "it never arrives")
        if self.trouble is not None and self.trouble.kind == "refuse":
            trouble = self.trouble
            self._count(trouble)
            return _refusal(trouble.status, trouble.reason, trouble.headers)
        if urlsplit(request.path).path != PATH:
            self.problems.append(f"no such path: {request.path}")
            return _refusal(404, f"Invalid URL (GET {request.path})")
        if "Authorization" not in request.headers:
            self.problems.append("no Authorization")
            return _refusal(401, "Missing bearer or basic authentication in header")
        return None

    async def handle(self, connection: ServerConnection) -> None:
        """One connection."""
        self.connections += 1
        self._open.add(connection)
        try:
            await self._serve(connection)
        finally:
            self._open.discard(connection)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        headers, query = connection.request.headers, parse_qs(urlsplit(connection.request.path).query)
        model = query.get("model", [""])[0]
        if query.keys() - {"model"}:
            self.problems.append(f"parameters of the URL that mean nothing: {sorted(query.keys() - {'model'})}")
        refusal = self._first_error(headers, model)
        if refusal is not None:
            await self._turn_away(connection, refusal)
            return
        hung = self.trouble if self.trouble is not None and self.trouble.kind == "hang" else None
        if hung is not None:
            self._count(hung)
        await Session(self, connection, model, is_silent=hung is not None).serve()

    def _first_error(self, headers: Headers, model: str) -> Refusal | None:
        if headers["Authorization"] != f"Bearer {self.key}":
            where = "You can find your API key at https://platform.openai.com/account/api-keys."
            return Refusal("invalid_api_key", f"Incorrect API key provided: {self.key[:3]}***. {where}")
        if "OpenAI-Beta" in headers:
            self.problems.append("the header OpenAI-Beta belongs to an API that is no more")
            text = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
            return Refusal("beta_api_shape_disabled", text)
        if not model:
            self.problems.append("no model in the URL")
            return Refusal("missing_model", "You must provide a model parameter.")
        if model not in self.models:
            return Refusal("invalid_model", f'Model "{model}" is not supported in realtime mode.')
        return None

    async def _turn_away(self, connection: ServerConnection, refusal: Refusal) -> None:
        kind = "invalid_request_error"
        error = {"type": kind, "code": refusal.code, "message": str(refusal), "param": None, "event_id": None}
        await connection.send(json.dumps({"type": "error", "event_id": self.new_id("event"), "error": error}))
        await connection.close(3000 if refusal.code == "invalid_api_key" else 4000, f"{kind}.{refusal.code}")


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    return HttpResponse(status, http.HTTPStatus(status).phrase, Headers(fields), body)


@contextlib.asynccontextmanager
async def realtime_server(
    answers: Answers = (),
    *,
    sentences: Sequence[str] = ("hello",),
    key: str = "sk-emulated",
    models: Sequence[str] = MODELS,
) -> AsyncIterator[RealtimeServer]:
    """The server, while the block runs.

    Raises:
        AssertionError: at the end, a client broke the rules of the API.
    """
    emulated = RealtimeServer(answers, sentences, key, models)
    settings: Any = {"max_size": LARGEST_MESSAGE, "compression": None, "ping_interval": None, "close_timeout": 1}
    async with serve(emulated.handle, "127.0.0.1", 0, process_request=emulated.judge, **settings) as server:
        emulated.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield emulated
    assert not emulated.problems, emulated.problems

"""What stands before every route: who asks, how often, and how much they send. One middleware over one table.

Developers, which are the key's holders and this machine where the server is open to it, are held to sizes alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pinecall_run.transports.rates import Rate, Rates, network_of
from pinecall_run.transports.refusals import Refusals
from pinecall_run.voice.admission import Access, Policy
from pinecall_run.voice.proxies import ORIGIN, Origin, Proxies
from pinecall_run.voice.surface import MOST_SOCKETS, WRONG_KEYS, Route, Who, route_of
from pinecall_run.voice.tokens import PREFIXES
from pinecall_run.voice.visitors import visitor_of

BODY_SECONDS = 10.0
"""Within which a whole body has to be there."""

MOST_BODIES = 64 * 2**20
"""Bytes of bodies that wait for their end, of everybody together."""

DRAINED, DRAIN_SECONDS = 4 * 2**20, 1.0
"""How much, and how long, is read and thrown away of a body that is too large."""

UNKNOWN = "unknown"
"""The visitor whose address nobody knows, as behind a socket of Unix."""

POLICY_VIOLATION, TOO_BIG = 1008, 1009

_LOG = logging.getLogger("pinecall_run.voice")

_ANYWHERE = {"Access-Control-Allow-Origin": "*"}
"""So that a widget can read why it was turned away."""


class Gate:
    """An ASGI middleware. ``clock`` gives seconds."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        policy: Policy,
        proxies: Proxies,
        refusals: Refusals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._policy = policy
        self._proxies = proxies
        self._http, self._sockets = refusals.at("http"), refusals.at("sockets")
        self._clock = clock
        self._rates = Rates()
        self._open: Counter[tuple[str, str]] = Counter()
        """Sockets, by visitor and route; those of developers under no name."""
        self._has_hinted = False
        self._waiting = 0
        """Bytes of bodies whose end is not there."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        origin = scope[ORIGIN] = self._proxies.origin(client[0] if client else "", scope["headers"])
        route = route_of(scope["path"].removeprefix(scope.get("root_path", "")))
        visit = _Visit(scope, receive, send, route, network_of(origin.host) or UNKNOWN)
        # Who guesses is not told by being let in that a guess was right.
        is_guessing = visit.has_key and self._key_wait(visit)
        if not is_guessing and self._is_developer(visit):
            visit.visitor = ""
        self._hint(origin)
        await (self._request if scope["type"] == "http" else self._socket)(visit)

    def _is_developer(self, visit: _Visit) -> bool:
        is_known = self._policy.access(visitor_of(visit.scope)) is Access.DEVELOPER
        return is_known or self._policy.accepts_key(visit.key_in_address)

    def _key_wait(self, visit: _Visit) -> float:
        """For how long a visitor may try no key."""
        return self._rates.wait((visit.visitor, WRONG_KEYS), WRONG_KEYS, self._clock())

    def _must_wait(self, visit: _Visit) -> float:
        """For how long a visitor must wait; what they do now is counted."""
        now = self._clock()
        if not visit.visitor:
            return 0.0
        if (visit.has_key or visit.route.who is Who.KEY_INSIDE) and (wait := self._key_wait(visit)):
            return wait
        if visit.has_key:
            self._http["keys"] += 1
            self._rates.take((visit.visitor, WRONG_KEYS), WRONG_KEYS, now)
        return self._rates.take(visit.bucket, visit.route.rate, now)

    # requests

    async def _request(self, visit: _Visit) -> None:
        if wait := self._must_wait(visit):
            await self._refuse(visit, "rates", 429, _slower(visit.route.rate), retry_after=wait)
            return
        receive = visit.receive
        if visit.has_body:
            body = await self._body(visit)
            if body is None:
                return
            receive = _again(body, visit.receive)

        async def send(message: Message) -> None:
            if visit.route.who is Who.SIGNED and message["type"] == "http.response.start" and message["status"] < 400:
                self._rates.give_back(visit.bucket)
            await visit.send(message)

        await self._app(visit.scope, receive, send)

    async def _body(self, visit: _Visit) -> bytes | None:
        """What was posted, whole; ``None`` where it was refused."""
        most, body = visit.route.body, bytearray()
        if visit.announced > most:
            await self._refuse_large(visit)
            return None
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await visit.receive()
                    if message["type"] == "http.disconnect":
                        return None
                    piece = message.get("body", b"")
                    body += piece
                    self._waiting += len(piece)
                    if len(body) > most:
                        await self._refuse_large(visit)
                        return None
                    if self._waiting > MOST_BODIES:
                        await self._refuse(visit, "too many bodies", 503, "too much is sent at once", retry_after=1)
                        return None
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            sentence = f"a request has to be there within {BODY_SECONDS:g} s"
            await self._refuse(visit, "slow bodies", 408, sentence)
            return None
        finally:
            self._waiting -= len(body)

    async def _refuse_large(self, visit: _Visit) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):  # who is still sending reads no answer
                left = DRAINED
                while left > 0 and (message := await visit.receive()).get("more_body"):
                    left -= len(message.get("body", b""))
        await self._refuse(visit, "large bodies", 413, f"a request to it has at most {visit.route.body:,} bytes")

    async def _refuse(self, visit: _Visit, kind: str, status: int, sentence: str, *, retry_after: float = 0.0) -> None:
        self._http[kind] += 1
        headers = {**_ANYWHERE, "Connection": "close"}
        if retry_after:
            headers["Retry-After"] = str(math.ceil(retry_after))
        await JSONResponse({"detail": sentence}, status, headers)(visit.scope, visit.receive, visit.send)

    # sockets

    async def _socket(self, visit: _Visit) -> None:
        if wait := self._must_wait(visit):
            await self._turn_away(visit, "rates", 429, retry_after=wait)
            return
        place = (visit.visitor, visit.route.path)
        own = self._open[place] if visit.visitor else 0
        if own >= visit.route.sockets or self._open.total() >= MOST_SOCKETS:
            await self._turn_away(visit, "too many", 503, retry_after=10)
            return
        self._open[place] += 1
        try:
            messages = _Messages(visit, self._sockets, self._failed)
            await self._app(visit.scope, messages.receive, messages.send)
        finally:
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]

    def _failed(self, visit: _Visit) -> None:
        """A socket was closed for what its visitor wanted."""
        if visit.route.who is Who.KEY_INSIDE and visit.visitor:
            self._rates.take((visit.visitor, WRONG_KEYS), WRONG_KEYS, self._clock())

    async def _turn_away(self, visit: _Visit, kind: str, status: int, *, retry_after: float) -> None:
        self._sockets[kind] += 1
        if "websocket.http.response" in (visit.scope.get("extensions") or {}):
            headers = [(b"retry-after", str(math.ceil(retry_after)).encode()), (b"connection", b"close")]
            start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
            await visit.send(start)
            await visit.send({"type": "websocket.http.response.body", "body": b""})
        else:
            await visit.send({"type": "websocket.close", "code": POLICY_VIOLATION})

    def _hint(self, origin: Origin) -> None:
        if origin.is_forwarded and not self._proxies.trusted and not self._has_hinted:
            self._has_hinted = True
            _LOG.warning("requests come by a proxy that is not trusted: all who do so are one visitor (docs/public.md)")


class _Visit:
    """One request, or one socket. ``visitor`` is empty for a developer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, route: Route, visitor: str) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.route, self.visitor = route, visitor
        # The first of a name counts, as it does where keys are compared.
        self.headers: Mapping[bytes, bytes] = {name.lower(): value for name, value in reversed(scope["headers"])}

    @property
    def bucket(self) -> tuple[str, Rate]:
        return self.visitor, self.route.rate

    @property
    def has_key(self) -> bool:
        """Whether they show one, right or wrong."""
        return self.headers.get(b"authorization", b"").lower().startswith(b"bearer ") or bool(self.key_in_address)

    @property
    def key_in_address(self) -> str:
        """``?token=`` where that may be the key, and is no token."""
        if self.route.who is not Who.DEVELOPER:
            return ""
        token = QueryParams(self.scope["query_string"]).get("token", "")
        return "" if token.startswith(PREFIXES["stream"]) else token

    @property
    def announced(self) -> int:
        """How long the body is said to be."""
        said = self.headers.get(b"content-length", b"0")
        return int(said) if said.isdigit() else 0

    @property
    def has_body(self) -> bool:
        return bool(self.announced) or b"transfer-encoding" in self.headers


class _Messages:
    """The messages of one socket, none of them larger than its route's."""

    def __init__(self, visit: _Visit, refused: Counter[str], failed: Callable[[_Visit], None]) -> None:
        self._visit = visit
        self._refused = refused
        self._failed = failed
        self._most = visit.route.first
        self._is_closed = False

    async def receive(self) -> Message:
        message = await self._visit.receive()
        if message["type"] == "websocket.disconnect" and message.get("code") == TOO_BIG and not self._is_closed:
            self._refused["giant frames"] += 1  # it was too large for any route
        if message["type"] != "websocket.receive":
            return message
        if _length(message) > self._most:
            self._refused["giant frames"] += 1
            reason = f"a message has at most {self._most:,} bytes"
            await self.send({"type": "websocket.close", "code": TOO_BIG, "reason": reason})
            return {"type": "websocket.disconnect", "code": TOO_BIG}
        self._most = self._visit.route.message
        return message

    async def send(self, message: Message) -> None:
        if self._is_closed:  # the door has not heard of it yet
            return
        if message["type"] == "websocket.close":
            self._is_closed = True
            if message.get("code") == POLICY_VIOLATION:
                self._failed(self._visit)
        await self._visit.send(message)


def _length(message: Mapping[str, Any]) -> int:
    text = message.get("text")
    return len(message.get("bytes") or b"") if text is None else len(text.encode())


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, and then whatever comes."""
    left = [body]

    async def read() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return read


def _slower(rate: Rate) -> str:
    return f"too many requests: {rate.burst} at once, and {rate.per_second:g} a second"

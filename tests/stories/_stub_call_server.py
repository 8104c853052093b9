"""A voice server of which only the doors are real: the page, and calls whose events a test plays by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

import aioice.ice
import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.voice.admission import Policy
from pinecall_run.voice.http_door import HttpDoor
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.token_door import TokenDoor

PATIENCE = 10.0
RATE = 48_000
FRAME = RATE // 50


class Tone(MediaStreamTrack):
    """A hum of 300 Hz while somebody speaks, else silence: 20 ms each."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.is_loud = False
        self._position = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        self._began = loop.time() if self._began is None else self._began
        await asyncio.sleep(max(0.0, self._began + self._position / RATE - loop.time()))
        times = (np.arange(FRAME) + self._position) * (2 * math.pi * 300 / RATE)
        samples = (np.sin(times) * (8000 if self.is_loud else 0)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._position, Fraction(1, RATE)
        self._position += FRAME
        return frame


@dataclass
class StubCall:
    """One call: what the browser sent, and a hand to play events with."""

    offer: dict[str, Any]
    connection: RTCPeerConnection = field(default_factory=RTCPeerConnection)
    voice: Tone = field(default_factory=Tone)
    actions: list[dict[str, Any]] = field(default_factory=list)
    pings: int = 0
    is_over: bool = False
    _channel: asyncio.Future[RTCDataChannel] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self) -> dict[str, Any]:
        self.connection.addTrack(self.voice)
        self.connection.on("datachannel", self._take)
        self.connection.on("connectionstatechange", self._watch)
        await self.connection.setRemoteDescription(RTCSessionDescription(self.offer["sdp"], self.offer["type"]))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        local = self.connection.localDescription
        return {"sdp": local.sdp, "type": local.type, "pc_id": "pc-1", "session_id": "wrt_1"}

    async def play(self, *events: dict[str, Any]) -> None:
        """Send events in order; ``bot.speaking`` and its end are also heard."""
        for event in events:
            if event["event"].startswith("bot.") and event["event"] != "bot.word":
                self.voice.is_loud = event["event"] == "bot.speaking"
            await self.say(json.dumps(event))

    async def say(self, text: str) -> None:
        """Send any text."""
        channel = await asyncio.wait_for(asyncio.shield(self._channel), PATIENCE)
        channel.send(text)

    async def until(self, is_so: Callable[[StubCall], bool]) -> None:
        """Wait for the browser to have done something."""
        async with asyncio.timeout(PATIENCE):
            while not is_so(self):
                self._news.clear()
                await self._news.wait()

    def _take(self, channel: RTCDataChannel) -> None:
        channel.on("message", self._hear)
        self._channel.set_result(channel)

    def _hear(self, text: str) -> None:
        if text == "ping":
            self.pings += 1
        else:
            self.actions.append(json.loads(text))
        self._news.set()

    def _watch(self) -> None:
        self.is_over = self.connection.connectionState in ("closed", "failed")
        self._news.set()


@dataclass
class StubServer:
    """The server.

    Attributes:
        refusals: status and detail that a path answers with.
        is_deaf: whether it answers offers, and then is nowhere to be found.
        pages: HTML and Content-Security-Policy of pages that embed the widget, by name.
    """

    url: str = ""
    agents: list[dict[str, Any]] = field(default_factory=lambda: [agent("support"), agent("desk", "chat")])
    calls: list[StubCall] = field(default_factory=list)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    is_deaf: bool = False
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)
    tokens: int = 0

    def app(self) -> Starlette:
        hub, policy = cast(Hub, None), Policy(key="", open_on_loopback=True)
        door = HttpDoor(hub, policy, TokenDoor(hub, policy), project="stub", version="0")
        static = [route for route in door.routes() if getattr(route, "path", "") in ("/", "/widget.js", "/page")]
        assert len(static) == 3
        cors = [Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])]
        return Starlette(
            routes=[
                *static,
                Route("/api/sdk/agents", self._agents),
                Route("/{kind}/token", self._token, middleware=cors),
                Route("/webrtc/ice-servers", self._ice_servers, middleware=cors),
                Route("/webrtc/offer", self._offer, methods=["POST", "OPTIONS"], middleware=cors),
                Route("/embedding/{name}", self._embedding),
                WebSocketRoute("/chat/ws", _chat),
            ]
        )

    async def _agents(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"agents": self.agents})

    async def _token(self, request: Request) -> Response:
        self.tokens += 1
        return self._refused(request) or JSONResponse({"token": f"wrt_{self.tokens}", "expires_in": 60})

    async def _ice_servers(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"iceServers": []})

    async def _offer(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        call = StubCall(await request.json())
        self.calls.append(call)
        answer = await call.answer()
        if self.is_deaf:
            await call.connection.close()
        return JSONResponse(answer)

    async def _embedding(self, request: Request) -> Response:
        html, policy = self.pages[request.path_params["name"]]
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    def _refused(self, request: Request) -> Response | None:
        status, detail = self.refusals.get(request.url.path, (0, ""))
        return JSONResponse({"detail": detail}, status_code=status) if status else None


def agent(slug: str, *channels: str) -> dict[str, Any]:
    """An agent as the list has it."""
    kinds = channels or ("chat", "webrtc")
    described = {kind: {"count": 1, "refs": [kind]} for kind in kinds}
    return {"slug": slug, "channels": described, "active": 0, "language": "en", "model": "m", "scripted": False}


def event(name: str, **fields: Any) -> dict[str, Any]:
    """A frame of the data channel."""
    return {"event": name, **fields}


def utterance(id: str, heard: str, *, whole: Any = "") -> list[dict[str, Any]]:
    """The agent begins to speak, and some words of it are heard."""
    words = [event("bot.word", message_id=id, word=word, word_index=at) for at, word in enumerate(heard.split())]
    return [event("bot.speaking", message_id=id, text=whole), *words]


async def _chat(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json({"event": "chat.connected", "session_id": "chat-1"})
    with contextlib.suppress(WebSocketDisconnect):
        await socket.receive_text()


def _loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"]


@asynccontextmanager
async def stub_server() -> AsyncIterator[StubServer]:
    """A server on any free port of loopback, over which calls connect too; aioice leaves loopback out by itself."""
    addresses = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = _loopback
    stub = StubServer()
    listening = socket.create_server(("127.0.0.1", 0))
    stub.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(stub.app(), log_level="warning", lifespan="off", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield stub
    finally:
        server.should_exit = True
        await asyncio.gather(*(call.connection.close() for call in stub.calls))
        await serving
        listening.close()
        aioice.ice.get_host_addresses = addresses

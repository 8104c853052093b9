"""Spoken calls without a voice engine: a reception that admits, a session that takes notes, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.transports.audio_socket import serve_audio
from pinecall_run.transports.contract import AdmittedCall, AudioOutlet, Caller, NotAdmittedError
from pinecall_run.wire.events import CallEnded, CallStarted

PATIENCE = 5.0
GOOD, DEVELOPERS = "stm_good", "stm_developer"


class Session:
    """Gives back what it hears, each sample plus one, and silence for silence."""

    def __init__(self, outlet: AudioOutlet, caller: Caller) -> None:
        self.id = "call-1"
        self.outlet, self.caller = outlet, caller
        self.heard: list[Samples] = []
        self.times: list[float] = []
        self.actions: list[Mapping[str, Any]] = []
        self.ends: list[str] = []
        outlet.event(CallStarted(agent_id="desk", call_id=self.id, transport=caller.transport))

    def hear(self, chunk: Samples) -> None:
        self.heard.append(chunk)
        self.times.append(self.caller.clock())

    def take(self) -> Samples | None:
        last = self.heard[-1]
        return last + np.int16(1) if last.any() else None

    def act(self, action: Mapping[str, Any]) -> None:
        self.actions.append(action)

    def end(self, reason: str) -> None:
        self.ends.append(reason)
        if len(self.ends) == 1:
            messages = [{"role": "tool", "content": "secret"}]
            self.outlet.event(CallEnded(agent_id="desk", call_id=self.id, reason=reason, messages=messages))
            self.outlet.ended(reason)


class Reception:
    """Admits two tokens, as often as they come."""

    def __init__(self, session: Callable[[AudioOutlet, Caller], Any] = Session) -> None:
        self.sessions: list[Any] = []
        self.kinds: list[str] = []
        self._session = session

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        self.kinds.append(kind)
        if token not in (GOOD, DEVELOPERS):
            raise NotAdmittedError("the token is not one of this server's")
        self.sessions.append(self._session(outlet, caller))
        return AdmittedCall(self.sessions[-1], is_developer=token == DEVELOPERS)


@asynccontextmanager
async def line(reception: Any, *routes: BaseRoute) -> AsyncIterator[str]:
    """A server with nothing but the socket of sound, and other routes; its address."""

    async def audio(socket: WebSocket) -> None:
        await serve_audio(socket, reception)

    app = Starlette(routes=[WebSocketRoute("/audio/ws", audio), *routes])
    config = uvicorn.Config(app, port=0, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # without its signal handlers
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:  # noqa: ASYNC110 - it has no event for that
                await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


def ramp(chunks: int) -> bytes:
    """Sound without a silent chunk: samples 1, 2, 3 …"""
    return np.arange(1, chunks * CHUNK_SAMPLES + 1, dtype="<i2").tobytes()

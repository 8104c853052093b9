"""The voice server as an ASGI application, to be run alone or mounted in another."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from importlib_metadata import version
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.protocol.keepalive import PACE, Pace
from pinecall_run.providers.opening import close_providers
from pinecall_run.transports.chat import serve_chat
from pinecall_run.transports.contract import CallReception
from pinecall_run.voice.admission import Policy
from pinecall_run.voice.call_reception import MISSING
from pinecall_run.voice.client_door import serve_client
from pinecall_run.voice.failure import described
from pinecall_run.voice.http_door import HttpDoor
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.sip_door import SipDoor
from pinecall_run.voice.sip_settings import SipSettings
from pinecall_run.voice.token_door import TokenDoor
from pinecall_run.voice.tokens import TokenMint
from pinecall_run.voice.twilio_calls import STREAM_PATH, TwilioCalls
from pinecall_run.voice.twilio_door import TwilioDoor
from pinecall_run.voice.webrtc_door import WebRtcDoor
from pinecall_run.voice.whatsapp_door import WhatsappDoor

_LOG = logging.getLogger("pinecall_run.voice")

SWEEP_SECONDS = 30.0

INTERNAL_ERROR = 1011


@dataclass(frozen=True, slots=True)
class Settings:
    """How a voice server behaves.

    Attributes:
        key: what runners send in ``connect``, and the bearer key of HTTP requests.
        open_on_loopback: whether this machine needs no key for the page and for chat.
        environ: the vendors' keys and endpoints.
        project: a mark by which a program on this machine recognises its own project's server.
        pace: how soon a runner that went silent is noticed.
        host: the IP address that is listened on, where the sound of calls arrives, too; ``0.0.0.0`` is each of this
            machine's. ``serve`` knows it.
        public_url: where the world reaches this server, ``https://…``: what vendors are told to call, and sign.
        ice_servers: STUN and TURN servers for callers elsewhere, given to every browser that asks, in the form of
            RTCConfiguration's ``iceServers``.
        sip: how calls over SIP come in, where they do.
    """

    key: str
    open_on_loopback: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    project: str = ""
    tool_timeout: float = 30.0
    pace: Pace = PACE
    host: str = "127.0.0.1"
    public_url: str = ""
    ice_servers: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    sip: SipSettings | None = None


def create_app(settings: Settings) -> Starlette:
    """The application. Its lifespan ends every conversation in good order and sweeps away what was forgotten.

    Starlette runs no lifespan of an application that is mounted in another, so there the outer one enters it:
    ``async with app.router.lifespan_context(app): yield``.
    """
    policy = Policy(settings.key, settings.open_on_loopback)
    hub = Hub(
        accepts_key=policy.accepts_key,
        environ=settings.environ,
        tokens=TokenMint(secrets.token_bytes(32), _new_id),
        new_id=_new_id,
        clock=time.time,
        tool_timeout=settings.tool_timeout,
        pace=settings.pace,
        is_eager=True,
    )
    tokens = TokenDoor(hub, policy)
    door = HttpDoor(hub, policy, tokens, project=settings.project, version=version("pinecall-run"))
    calls = WebRtcDoor(hub.calls, tokens, host=settings.host, ice_servers=settings.ice_servers)
    whatsapp = WhatsappDoor(hub.whatsapp)

    twilio = TwilioCalls(hub.phone, settings.environ, settings.public_url)
    phones = TwilioDoor(twilio)
    sip = SipDoor(hub.phone, hub.registry, settings.sip)
    hub.phone.carriers += [sip, twilio]  # a number that a trunk names is the trunk's

    async def client(socket: WebSocket) -> None:
        await _guarded(serve_client(socket, hub))

    async def chat(socket: WebSocket) -> None:
        await _guarded(serve_chat(socket, hub))

    async def audio(socket: WebSocket) -> None:
        await _guarded(_serve_audio(socket, hub.calls))

    async def stream(socket: WebSocket) -> None:
        await _guarded(phones.serve_stream(socket))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(hub))
        await sip.open()
        try:
            yield
        finally:
            sweeping.cancel()
            await hub.close()
            await calls.close()
            await twilio.close()
            await sip.close()
            await close_providers()

    sockets = {"/client": client, "/chat/ws": chat, "/audio/ws": audio, STREAM_PATH: stream}
    routes = [WebSocketRoute(path, serve) for path, serve in sockets.items()]
    doors = [*calls.routes(), *phones.routes(), *whatsapp.routes(), *door.routes()]
    app = Starlette(routes=[*routes, *doors], lifespan=lifespan)
    app.state.hub = hub
    return app


async def _serve_audio(socket: WebSocket, reception: CallReception) -> None:
    try:
        from pinecall_run.transports.audio_socket import serve_audio
    except ModuleNotFoundError:  # numpy
        await socket.accept()
        await socket.close(INTERNAL_ERROR, MISSING)
        return
    await serve_audio(socket, reception)


async def _guarded(serving: Awaitable[None]) -> None:
    """Log what goes wrong without the text of the exception, which the server below would print."""
    try:
        await serving
    except WebSocketDisconnect:
        return
    except Exception as error:  # noqa: BLE001 - the border of a connection
        _LOG.error("a connection broke: %s", described(error))


async def _sweep(hub: Hub) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        hub.conversations.sweep()
        hub.threads.sweep()


def _new_id() -> str:
    return secrets.token_hex(12)

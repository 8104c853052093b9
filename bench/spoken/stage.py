"""A voice server with our engine for the benches: the hub, the runners' socket, vendors that cost nothing; no door."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from peers.load import Measured
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from pinecall_run.providers.contracts import LanguageModel, SpeechToText, TextToSpeech
from pinecall_run.transports.contract import AudioOutlet, Caller
from pinecall_run.voice.client_door import serve_client
from pinecall_run.voice.detector import Detector
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.serving import spare_the_collector
from pinecall_run.voice.speaking import Voice
from pinecall_run.voice.spoken_call import Equipment, SpokenCall
from pinecall_run.voice.stages import Stages
from pinecall_run.voice.tokens import TokenMint
from pinecall_run.wire.events import CallEvent, TurnEnd

AGENT = "desk"
HERE = Caller("audio", time.monotonic)
"""Who calls without a door."""
MODEL = "openai:emulated"
"""What the runner registers; whatever it names, :class:`Stage` opens its own."""


class Stage:
    """Calls are begun here as a door begins them, but for the door. ``ears`` makes an ear for each call."""

    def __init__(self, hub: Hub, ears: Callable[[], SpeechToText], voice: TextToSpeech) -> None:
        self.registry, self.phone = hub.registry, hub.phone
        self._hub = hub
        self._detector = Detector()
        self._ears = ears
        self._voice = voice

    def open(self, outlet: AudioOutlet, caller: Caller) -> tuple[SpokenCall, Any]:
        """A call, and the ear that hears it."""
        ear = self._ears()
        stages = Stages([Ear("ear", ear)], [Voice("voice", self._voice)], [])
        call = self._hub.conversations.begin_spoken(
            self._hub.registry.agents[AGENT],
            secrets.token_hex(12),
            outlet,
            caller=caller,
            equipment=Equipment(self._detector, lambda _: stages),
        )
        return call, ear

    async def runner(self) -> None:
        """Until a runner has registered the agent."""
        while AGENT not in self._hub.registry.agents:  # noqa: ASYNC110 - once a run
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """End the calls."""
        await self._hub.close()
        await self._detector.close()


class Counted:
    """An outlet on its way to the door's: counts turns."""

    def __init__(self, outlet: AudioOutlet, measured: Measured) -> None:
        self.ended = outlet.ended
        self._event, self._measured = outlet.event, measured

    def event(self, event: CallEvent) -> None:
        """See the contract."""
        self._measured.turns += isinstance(event, TurnEnd)
        self._event(event)


@asynccontextmanager
async def stage(mind: LanguageModel, ears: Callable[[], SpeechToText], voice: TextToSpeech) -> AsyncIterator[Stage]:
    """The server on a port of its own, which is printed; as soon as it has a runner, which another process is."""

    def open_model(spec: object, environ: Mapping[str, str]) -> LanguageModel:
        return mind

    new_id = lambda: secrets.token_hex(12)  # noqa: E731
    hub = Hub(
        accepts_key=lambda key: True,
        environ={},
        tokens=TokenMint(b"bench", new_id),
        new_id=new_id,
        clock=time.time,
        open_model=open_model,
    )

    async def client(socket: WebSocket) -> None:
        await serve_client(socket, hub)

    app = Starlette(routes=[WebSocketRoute("/client", client)])
    config = uvicorn.Config(
        app, port=0, log_config=None, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # without its signal handlers
    while not server.started:  # noqa: ASYNC110 - it has no event for that
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    it = Stage(hub, ears, voice)
    await it.runner()
    spare_the_collector()  # as the program does
    try:
        yield it
    finally:
        await it.close()
        server.should_exit = True
        await serving

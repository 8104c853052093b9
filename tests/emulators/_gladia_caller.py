"""Callers of the emulated Gladia: the vendor's own library, and bare sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from gladiaio_sdk import GladiaClient
from gladiaio_sdk.client_options import HttpRetryOptions, WebSocketRetryOptions
from tests.emulators._sound import spoken
from tests.emulators.gladia_server import GladiaServer
from websockets.asyncio.client import ClientConnection, connect

SAID = "where is my order"
QUIET = bytes(2 * 16_000)
SOUND = spoken(SAID, 16_000)[0].astype("<i2").tobytes() + QUIET
CHUNK = 640
CONFIG: dict[str, Any] = {
    "encoding": "wav/pcm",
    "bit_depth": 16,
    "sample_rate": 16_000,
    "channels": 1,
    "model": "solaria-1",
    "endpointing": 0.3,
    "language_config": {"languages": ["es"], "code_switching": False},
    "messages_config": {"receive_partial_transcripts": True, "receive_lifecycle_events": True},
}


async def eventually(is_so: Callable[[], Any]) -> None:
    """Wait for something that nobody tells."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


class Caller:
    """A session of the library, and all it told."""

    def __init__(self, server: GladiaServer, key: str = "", config: Mapping[str, Any] = CONFIG, **more: Any) -> None:
        client = GladiaClient(
            api_key=key or server.key,
            api_url=server.environ["GLADIA_URL"],
            http_retry=HttpRetryOptions(max_attempts=1),
            ws_retry=WebSocketRetryOptions(max_attempts_per_connection=2, delay=lambda attempt: 0.005),
            **more,
        )
        self.server = server
        self.live = client.live_v2_async()
        self.session = self.live.start_session(dict(config))
        self.messages: list[Any] = []
        self.errors: list[Exception] = []
        self.ended: list[Any] = []
        self.session.on("message", self.messages.append)
        self.session.on("error", self.errors.append)
        self.session.on("ended", self.ended.append)

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.session.end_session()
        await asyncio.gather(self.session._init_session_task, return_exceptions=True)
        await asyncio.gather(self.session._start_session_task, return_exceptions=True)
        await eventually(lambda: not self.server.open_connections)
        await self.live._http_client.close()

    def of(self, kind: str) -> list[Any]:
        return [message for message in self.messages if message.type == kind]

    async def say(self, pcm: bytes) -> None:
        """Before that, the library would keep all of it and send it as one frame."""
        await eventually(lambda: self.session.status == "connected")
        for at in range(0, len(pcm), CHUNK):
            self.session.send_audio(pcm[at : at + CHUNK])

    async def over(self) -> Any:
        await eventually(lambda: self.ended)
        return self.ended[0]


async def init(server: GladiaServer, body: Any = CONFIG, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        fields = {"x-gladia-key": server.key, **headers}
        return await client.post(server.environ["GLADIA_URL"] + "/v2/live", json=body, headers=fields)


async def attached(server: GladiaServer, **config: Any) -> ClientConnection:
    response = await init(server, {**CONFIG, **config})
    assert response.status_code == 201, response.text
    return await connect(response.json()["url"])


async def heard(socket: ClientConnection, pcm: bytes = SOUND) -> list[dict[str, Any]]:
    """All that is said until everything was acknowledged."""
    found: list[dict[str, Any]] = []
    for at in range(0, len(pcm), CHUNK):
        await socket.send(pcm[at : at + CHUNK])
        found.append(json.loads(await socket.recv()))
        while found[-1]["type"] != "audio_chunk":
            found.append(json.loads(await socket.recv()))
    return found

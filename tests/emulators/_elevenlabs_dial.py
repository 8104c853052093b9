"""How tests of the emulated ElevenLabs reach it: the vendor's library, and sockets without it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
from elevenlabs.client import AsyncElevenLabs
from tests.emulators._sound import spoken
from tests.emulators.elevenlabs_server import ElevenLabsServer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

GEORGE = "JBFqnCBsd6RMkjVDRZzb"
FLASH = "eleven_flash_v2_5"
ONE_TRY: Any = {"max_retries": 0}


@asynccontextmanager
async def client(server: ElevenLabsServer, key: str | None = None) -> AsyncIterator[AsyncElevenLabs]:
    async with httpx.AsyncClient() as http:
        yield AsyncElevenLabs(base_url=server.url, api_key=key or server.key, httpx_client=http)


async def spoken_by_request(server: ElevenLabsServer, text: str, *, voice: str = GEORGE, **more: Any) -> bytes:
    given = {"model_id": FLASH, "output_format": "pcm_16000", **more}
    async with client(server) as library:
        stream = library.text_to_speech.stream(voice, text=text, request_options=ONE_TRY, **given)
        return b"".join([piece async for piece in stream])


def forgive(server: ElevenLabsServer, *problems: str) -> None:
    """There were exactly these."""
    assert len(server.problems) == len(problems), server.problems
    for found, wanted in zip(server.problems, problems, strict=True):
        assert wanted in found
    server.problems.clear()


def dial(server: ElevenLabsServer, place: str = "multi-stream-input", *, voice: str = GEORGE, **named: Any) -> connect:
    given = {"model_id": FLASH, "output_format": "pcm_16000", **named}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    headers = {"xi-api-key": server.key}
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/{voice}/{place}?{query}"
    return connect(url, additional_headers=headers)


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def read(socket: ClientConnection) -> Any:
    async with asyncio.timeout(2):
        return json.loads(await socket.recv())


async def to_final(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the first isFinal, which is the last of them."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["isFinal"] is not True:
        found.append(await read(socket))
    return found


def sound(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(message["audio"]) for message in messages if message["audio"])


async def ending(socket: ClientConnection) -> tuple[dict[str, Any] | None, int | None, str]:
    """The last message, if there was one, and how the server closed."""
    last = None
    try:
        while True:
            last = await read(socket)
    except ConnectionClosed:
        return last, socket.close_code, socket.close_reason or ""


def expected(text: str, rate: int = 16_000) -> bytes:
    return spoken(text, rate)[0].tobytes()


async def committed(socket: ClientConnection) -> str:
    while (message := await read(socket))["message_type"] != "committed_transcript":
        assert message["message_type"] == "partial_transcript"
    return str(message["text"])


def listen(server: ElevenLabsServer, query: str = "model_id=scribe_v2_realtime") -> connect:
    url = f"{server.url.replace('http', 'ws')}/v1/speech-to-text/realtime?{query}"
    return connect(url, additional_headers={"xi-api-key": server.key})


def chunk(samples: int, level: int = 0, **more: Any) -> str:
    audio = base64.b64encode(np.full(samples, level, "<i2").tobytes()).decode()
    message = {"message_type": "input_audio_chunk", "audio_base_64": audio, "commit": False, "sample_rate": 16_000}
    return json.dumps({**message, **more})

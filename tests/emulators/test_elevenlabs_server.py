"""The emulated ElevenLabs before the vendor's own library, and its troubles."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from elevenlabs import AudioFormat, CommitStrategy, RealtimeEvents, VoiceSettings
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.unchecked_base_model import construct_type
from elevenlabs.errors import UnprocessableEntityError
from elevenlabs.types.audio_output_multi import AudioOutputMulti
from tests.emulators._elevenlabs_dial import (
    FLASH,
    GEORGE,
    ONE_TRY,
    chunk,
    client,
    dial,
    ending,
    expected,
    forgive,
    listen,
    read,
    send,
    spoken_by_request,
)
from tests.emulators.elevenlabs_server import ElevenLabsServer, elevenlabs_server
from tests.emulators.trouble import Trouble
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with elevenlabs_server(["where is my order", "thank you"]) as server:
        yield server


async def test_the_library_speaks_by_request(server: ElevenLabsServer) -> None:
    settings = VoiceSettings(stability=0.4, speed=1.1)
    assert await spoken_by_request(server, "hello there", voice_settings=settings) == expected("hello there")
    assert server.requests[0].body["voice_settings"]["speed"] == 1.1
    assert [said.text for said in server.said] == ["hello there"]


@pytest.mark.filterwarnings("ignore:ConnectionClosed.code is deprecated:DeprecationWarning")
async def test_the_library_speaks_by_one_context(server: ElevenLabsServer) -> None:
    library = ElevenLabs(base_url=server.url, api_key=server.key).text_to_speech
    library._ws_base_url = server.url.replace("http", "ws")  # it makes wss of every base

    def text() -> Iterator[str]:
        yield "Hello there. "
        yield "Goodbye now."

    def speak() -> bytes:
        found = library.convert_realtime(GEORGE, text=text(), model_id=FLASH, output_format="pcm_16000")
        return b"".join(found)

    assert await asyncio.to_thread(speak) == expected("Hello there. Goodbye now.")


async def test_the_library_reads_a_message_of_several_contexts(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="one two ", context_id="a", flush=True)
        message = await read(socket)
    read_by_library: Any = construct_type(type_=AudioOutputMulti, object_=message)
    assert read_by_library.context_id == "a"
    assert read_by_library.alignment.chars == list("one two ")
    assert read_by_library.normalized_alignment.chars == list(" one two ")


async def test_the_library_lists_voices_and_models(server: ElevenLabsServer) -> None:
    async with client(server) as library:
        voices = await library.voices.get_all()
        assert {voice.voice_id: voice.name for voice in voices.voices} == dict(server.voices)
        assert (await library.voices.get(GEORGE)).name == "George"
        models = {model.model_id: model for model in await library.models.list()}
    assert models[FLASH].maximum_text_length_per_request == 40_000


async def test_the_library_hears(server: ElevenLabsServer) -> None:
    connection = await AsyncElevenLabs(base_url=server.url, api_key=server.key).speech_to_text.realtime.connect(
        {
            "model_id": "scribe_v2_realtime",
            "audio_format": AudioFormat.PCM_16000,
            "sample_rate": 16_000,
            "commit_strategy": CommitStrategy.VAD,
            "vad_silence_threshold_secs": 0.6,
            "include_timestamps": True,
        }
    )
    heard: asyncio.Queue[Any] = asyncio.Queue()
    for event in RealtimeEvents:
        connection.on(event, heard.put_nowait)
    pcm = np.zeros(16_000 * 5, np.int16)
    pcm[16_000:54_400] = 9_000  # 2.4 s
    for part in pcm.reshape(-1, 1_600):
        await connection.send({"audio_base_64": base64.b64encode(part.tobytes()).decode()})
    found: list[Any] = []
    async with asyncio.timeout(2):
        while not found or found[-1]["message_type"] != "committed_transcript_with_timestamps":
            found.append(await heard.get())
    await connection.close()
    assert [message["message_type"] for message in found[:2]] == ["session_started", "partial_transcript"]
    assert found[0]["config"]["vad_commit_strategy"] is True
    assert found[1]["text"] == "where is my order"
    assert found[-2] == {"message_type": "committed_transcript", "text": "where is my order"}
    assert [word["text"] for word in found[-1]["words"]] == ["where", "is", "my", "order"]
    assert found[-1]["words"][1]["start"] == pytest.approx(1.3, abs=0.01)


@pytest.mark.parametrize("kind", ["quota_exceeded", "rate_limited", "session_time_limit_exceeded"])
async def test_the_library_hears_of_an_ears_error(server: ElevenLabsServer, kind: str) -> None:
    server.trouble = Trouble("error", after=0.5, code=kind, reason="no more")
    connection = await AsyncElevenLabs(base_url=server.url, api_key=server.key).speech_to_text.realtime.connect(
        {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.ULAW_8000, "sample_rate": 8_000}
    )
    errors: asyncio.Queue[Any] = asyncio.Queue()
    closed: asyncio.Queue[Any] = asyncio.Queue()
    connection.on(RealtimeEvents.ERROR, errors.put_nowait)
    connection.on(RealtimeEvents.CLOSE, closed.put_nowait)
    await connection.send({"audio_base_64": base64.b64encode(bytes(8_000)).decode()})
    async with asyncio.timeout(2):
        assert await errors.get() == {"message_type": kind, "error": "no more"}
        assert await closed.get() == {"code": 1000, "reason": kind}
    await connection.close()


async def test_a_wrong_key_is_refused_in_each_places_own_way(server: ElevenLabsServer) -> None:
    async with client(server, "sk_wrong") as library:
        with pytest.raises(ApiError) as caught:
            await library.voices.get_all()
        assert caught.value.status_code == 401
        assert caught.value.body["detail"]["status"] == "invalid_api_key"
        connection = await library.speech_to_text.realtime.connect(
            {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_16000, "sample_rate": 16_000}
        )
        refused: asyncio.Queue[Any] = asyncio.Queue()
        connection.on(RealtimeEvents.AUTH_ERROR, refused.put_nowait)
        async with asyncio.timeout(2):
            assert (await refused.get())["error"] == "You must be authenticated to use this endpoint."
        await connection.close()


async def test_a_voices_key_comes_in_the_header_or_the_first_message(server: ElevenLabsServer) -> None:
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/{GEORGE}/multi-stream-input?output_format=pcm_16000"
    async with connect(url, additional_headers={"xi-api-key": "sk_wrong"}) as socket:
        assert await ending(socket) == (
            {"message": "Invalid API key", "error": "invalid_api_key", "code": 1008},
            1008,
            "Invalid API key",
        )
    async with connect(url) as socket:
        await send(socket, text=" ", context_id="a", xi_api_key=server.key)
        await send(socket, text="hello ", context_id="a", flush=True)
        assert (await read(socket))["contextId"] == "a"


@pytest.mark.parametrize("status", [400, 402, 403, 404, 429, 500, 503])
async def test_the_library_raises_each_status(server: ElevenLabsServer, status: int) -> None:
    server.trouble = Trouble("refuse", status=status, headers={"Retry-After": "7"}, reason="not now", times=2)
    async with client(server) as library:
        with pytest.raises(ApiError) as caught:
            await library.models.list(request_options=ONE_TRY)
    assert caught.value.status_code == status
    assert caught.value.headers is not None
    assert caught.value.headers["retry-after"] == "7"
    assert caught.value.body["detail"]["message"] == "not now"
    with pytest.raises(InvalidStatus) as refused:
        await dial(server)
    assert refused.value.response.status_code == status
    assert await spoken_by_request(server, "well again")


@pytest.mark.parametrize(
    ("voice", "model", "text", "status", "code"),
    [
        ("nobody", FLASH, "hi", 404, "voice_not_found"),
        (GEORGE, "eleven_x", "hi", 400, "model_not_found"),
        (GEORGE, "eleven_v3", "x" * 5_001, 400, "max_character_limit_exceeded"),
        (GEORGE, FLASH, "hello there", 401, "quota_exceeded"),
    ],
)
async def test_the_library_raises_what_a_request_lacks(
    server: ElevenLabsServer, voice: str, model: str, text: str, status: int, code: str
) -> None:
    server.credits = 5
    with pytest.raises(ApiError) as caught:
        await spoken_by_request(server, text, voice=voice, model_id=model)
    assert (caught.value.status_code, caught.value.body["detail"]["code"]) == (status, code)
    forgive(server, *["character limit"] * (len(text) > 5_000))


async def test_the_library_raises_what_a_request_gets_wrong(server: ElevenLabsServer) -> None:
    with pytest.raises(UnprocessableEntityError):
        await spoken_by_request(server, 7)  # type: ignore[arg-type]
    forgive(server, "got 7")


# troubles


@pytest.mark.parametrize(
    ("trouble", "error", "code"),
    [
        (Trouble("close", after=1, code=1012), None, 1012),
        (Trouble("error", after=1, code="system_busy", reason="busy"), "system_busy", 1008),
        (Trouble("drop", after=1), None, 1006),
    ],
)
async def test_a_voice_breaks_off(server: ElevenLabsServer, trouble: Trouble, error: str | None, code: int) -> None:
    server.trouble = trouble
    async with dial(server) as socket:
        await send(socket, text="one two three ", context_id="a", flush=True)
        assert (await read(socket))["audio"]
        last, closed, _ = await ending(socket)
    assert (last and last["error"], closed) == (error, code)


async def test_a_voice_stalls_hangs_and_talks_rubbish(server: ElevenLabsServer) -> None:
    server.trouble = Trouble("garbage", times=1)
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        assert await socket.recv() == "<html>502 Bad Gateway</html>"
        assert (await read(socket))["audio"]
        server.trouble = Trouble("stall")
        await send(socket, text="two ", context_id="a", flush=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await socket.recv()
    server.trouble = Trouble("hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await dial(server)
    server.trouble = Trouble("stall", after=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await spoken_by_request(server, "one two three")
    server.trouble = Trouble("stall", after=0.1)
    async with listen(server) as socket:
        await socket.send(chunk(3_200, commit=True))
        assert (await read(socket))["message_type"] == "session_started"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await socket.recv()
    async with asyncio.timeout(1):
        while server.open_connections:  # noqa: ASYNC110  (it notices a little later that all clients left)
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("kind", ["close", "drop", "garbage"])
async def test_a_request_breaks_off(server: ElevenLabsServer, kind: Any) -> None:
    server.trouble = Trouble(kind, after=1, times=1)
    with pytest.raises(httpx.TransportError):
        await spoken_by_request(server, "one two three")
    assert await spoken_by_request(server, "one") == expected("one")


async def test_it_is_killed_and_comes_back(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        await read(socket)
        assert (server.connections, server.open_connections) == (1, 1)
        server.kill()
        assert (await ending(socket))[1] == 1006
    with pytest.raises((ConnectionError, InvalidMessage)):  # by when the reset is seen
        await dial(server)
    assert server.open_connections == 0
    server.revive()
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        assert (await read(socket))["audio"]

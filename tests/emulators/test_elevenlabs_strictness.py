"""The emulated ElevenLabs before clients that do what the vendor's library never would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from tests.emulators._elevenlabs_dial import (
    GEORGE,
    chunk,
    committed,
    dial,
    ending,
    forgive,
    listen,
    read,
    send,
    to_final,
)
from tests.emulators.elevenlabs_server import ElevenLabsServer, elevenlabs_server
from tests.emulators.trouble import Trouble
from websockets.exceptions import ConnectionClosed, InvalidStatus


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with elevenlabs_server(["where is my order", "thank you"]) as server:
        yield server


SETTINGS = {"stability": 0.5}
NOTHING = {"text": "", "context_id": "a"}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"text": " ", "context_id": str(n)} for n in range(6)], "max_active_conversations: Maximum simultaneous"),
        (
            [{"text": "", "context_id": "a"}, {"text": " ", "context_id": "a", "voice_settings": SETTINGS}],
            "must be pro",
        ),
        ([{"text": " ", "voice_settings": {"speed": 2}}], "expected to be greater or equal to 0.7"),
        ([{"text": " ", "voice_settings": {"pitch": 2}}], "Unknown setting pitch"),
        ([{"text": " ", "generation_config": {"chunk_length_schedule": [20]}}], "range 50-500"),
        ([{"text": 7}], "text is 7"),
        ([{"text": "a ", "flush": "yes"}], "flush is 'yes'"),
        ([b"{}"], "not a JSON object in a text frame"),
        (["[]"], "not a JSON object in a text frame"),
    ],
)
async def test_a_socket_refuses(server: ElevenLabsServer, messages: list[Any], problem: str) -> None:
    async with dial(server) as socket:
        for message in messages:
            await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        last, code, _ = await ending(socket)
    assert last is not None
    assert code == last["code"] == 1008
    assert problem in f"{last['error']}: {last['message']}"
    assert problem in server.problems.pop()
    forgive(server, *["opened by a message without text"] * (messages[0] == NOTHING))


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"context_id": "a", "flush": True}], "context a was opened by a message without text"),
        ([{"text": "", "context_id": "a"}], "context a was opened by a message without text"),
        ([{"text": "a ", "language": "en"}], "an unknown field language"),
        ([{"close_socket": True}, {"text": "a "}], "a message after the last one"),
    ],
)
async def test_a_socket_minds(server: ElevenLabsServer, messages: list[Any], problem: str) -> None:
    async with dial(server) as socket:
        for message in messages:
            await send(socket, **message)
        if not messages[0].get("close_socket"):
            await send(socket, close_socket=True)
        assert (await ending(socket))[1] == 1000
    forgive(server, problem)


async def test_messages_may_come_in_fragments(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await socket.send(['{"text": "one ", ', '"context_id": "a", ', '"flush": true}'])
        assert (await read(socket))["contextId"] == "a"


async def test_settings_may_be_said_again_and_keep_alives_need_no_context(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="")
        for _ in range(2):
            await send(socket, text=" ", context_id="a", voice_settings=SETTINGS)
        await send(socket, text="", context_id="a")
        await send(socket, text="one ", context_id="a", flush=True)
        assert (await read(socket))["audio"]


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ({"inactivity_timeout": 181}, 403),
        ({"auto_mode": "yes"}, 403),
        ({"output_format": "pcm_11025"}, 403),
        ({"output_format": "mp3_44100_128"}, 403),
        ({"output_format": None}, 403),
        ({"apply_text_normalization": "always"}, 403),
        ({"place": "stream"}, 403),
    ],
)
async def test_an_upgrade_is_refused(server: ElevenLabsServer, named: dict[str, Any], status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await dial(server, **named)
    assert caught.value.response.status_code == status
    assert server.problems
    server.problems.clear()


@pytest.mark.parametrize(
    ("named", "problems"),
    [
        ({"language_code": "en-US"}, ["no language en-US", "unsupported_language"]),
        ({"language": "en"}, ["unknown parameter language"]),
        ({"language_code": "xx"}, ["no language xx"]),
        ({"apply_text_normalization": "on"}, ["cannot be on for eleven_flash_v2_5"]),
    ],
)
async def test_an_upgrade_is_minded(server: ElevenLabsServer, named: dict[str, Any], problems: list[str]) -> None:
    async with dial(server, **named) as socket:
        with suppress(ConnectionClosed):
            await send(socket, close_socket=True)
        await ending(socket)
    forgive(server, *problems)


async def test_one_context_begins_with_a_space_and_ends_with_nothing(server: ElevenLabsServer) -> None:
    for first in (" ", "one "):
        async with dial(server, "stream-input") as socket:
            await send(socket, text=first)
            await send(socket, text="two ", flush=True)
            assert (await read(socket))["isFinal"] is None
            await send(socket, text="")
            assert "contextId" not in (await to_final(socket))[-1]
            assert (await ending(socket))[1] == 1000
    forgive(server, "must have the text ' '")


async def test_the_end_of_the_block_minds_what_was_wrong() -> None:
    block = elevenlabs_server()
    server = await block.__aenter__()
    server.problem("something")
    with pytest.raises(AssertionError, match="something"):
        await block.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/nothing", None, 404),
        ("GET", f"/v1/text-to-speech/{GEORGE}/stream", None, 405),
        ("POST", f"/v1/text-to-speech/{GEORGE}/stream?output_format=pcm_16000", {}, 422),
        ("POST", f"/v1/text-to-speech/{GEORGE}/stream?output_format=x", {"text": "hi"}, 403),
        ("POST", f"/v1/text-to-speech/{GEORGE}/stream", {"text": "a", "voice_settings": {"style": 2}}, 400),
    ],
)
async def test_a_request_is_refused(server: ElevenLabsServer, method: str, path: str, body: Any, status: int) -> None:
    async with httpx.AsyncClient(headers={"xi-api-key": server.key}) as http:
        answer = await http.request(method, server.url + path, json=body)
    assert answer.status_code == status
    forgive(server, f"{status}: ")


# the ear


async def test_an_ear_commits_when_it_is_told(server: ElevenLabsServer) -> None:
    async with listen(server) as socket:
        assert (await read(socket))["message_type"] == "session_started"
        await socket.send(chunk(24_000, 9_000, previous_text="so"))
        await socket.send(chunk(0, commit=True))
        assert await committed(socket) == "where is my order"
        await socket.send(chunk(16_000))
        await socket.send(chunk(9_600, 9_000, commit=True))
        assert await committed(socket) == "thank you"
        await socket.send(chunk(9_600, commit=True))
        assert await committed(socket) == ""


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([chunk(160, commit=True)], "commit_throttled: Commit request ignored: only 0.01s of"),
        ([chunk(160, sample_rate=8_000)], "input_error: sample_rate 8000"),
        ([chunk(160), chunk(160, previous_text="so")], "input_error: previous_text"),
        ([chunk(160, audio_base_64="%")], "input_error: audio_base_64 is not base64"),
        ([chunk(160, message_type="audio")], "input_error: not an input_audio_chunk"),
        ([chunk(160, commit=None)], "input_error: missing or wrong"),
        ([b"\0\0"], "input_error: not an input_audio_chunk"),
    ],
)
async def test_an_ear_refuses(server: ElevenLabsServer, messages: list[Any], problem: str) -> None:
    async with listen(server) as socket:
        for message in messages:
            await socket.send(message)
        last, code, reason = await ending(socket)
    assert last is not None
    assert (last["message_type"], code) == (reason, 1000)
    assert problem in f"{last['message_type']}: {last['error']}"
    forgive(server, problem)


@pytest.mark.parametrize("query", ["", "model_id=scribe_v1", "model_id=scribe_v2_realtime&language_code=en-US"])
async def test_an_ear_refuses_its_parameters(server: ElevenLabsServer, query: str) -> None:
    async with listen(server, query) as socket:
        last, code, _ = await ending(socket)
    assert last is not None
    assert (last["message_type"], code) == ("invalid_request", 1008)
    forgive(server, "invalid_request")


async def test_an_ear_gives_up_on_silence_and_suffers(server: ElevenLabsServer) -> None:
    server.silent_seconds = 0.02
    async with listen(server) as socket:
        assert (await ending(socket))[2] == "insufficient_audio_activity"
    server.silent_seconds = 5.0
    for trouble, code in [(Trouble("close", after=0.1, code=1011), 1011), (Trouble("drop", after=0.1), 1006)]:
        server.trouble = trouble
        async with listen(server) as socket:
            await socket.send(chunk(800))
            await socket.send(chunk(800))
            assert (await ending(socket))[1] == code

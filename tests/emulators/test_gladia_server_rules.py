"""What the emulated Gladia does with what the vendor's library would never do."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from tests.emulators._gladia_caller import CHUNK, CONFIG, QUIET, SAID, SOUND, attached, eventually, heard, init
from tests.emulators.gladia_server import gladia_server
from tests.emulators.trouble import Kind, Trouble
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


async def test_a_session_goes_on_with_the_byte_after_the_last_acknowledged_one() -> None:
    async with gladia_server([SAID]) as server:
        server.trouble = Trouble("close", after=0.5, times=1)
        url = (await init(server)).json()["url"]
        acknowledged, told, codes = 0, [], []
        while acknowledged < len(SOUND):
            async with connect(url) as socket:
                for at in range(acknowledged, len(SOUND), CHUNK):
                    await socket.send(SOUND[at : at + CHUNK])
                try:
                    while acknowledged < len(SOUND):
                        told.append(json.loads(await socket.recv()))
                        if told[-1]["type"] == "audio_chunk":
                            acknowledged = told[-1]["data"]["byte_range"][1]
                    await socket.send('{"type": "stop_recording"}')
                    told += [json.loads(message) async for message in socket]
                except ConnectionClosed:
                    codes.append(socket.close_code)
        (session,) = server.sessions
        assert (session.attached, bytes(session.heard) == SOUND, codes) == (2, True, [1011])
        assert [m["data"]["is_final"] for m in told if m["type"] == "transcript"] == [False] * 4 + [True]
        assert [m["type"] for m in told].count("start_session") == 1


async def test_both_forms_of_sound_and_their_acknowledgements() -> None:
    async with gladia_server() as server, await attached(server) as socket:
        await socket.recv()
        await socket.send(QUIET[:640])
        assert json.loads(await socket.recv())["type"] == "start_recording"
        first = json.loads(await socket.recv())
        chunk = base64.b64encode(QUIET[:320]).decode()
        await socket.send(json.dumps({"type": "audio_chunk", "data": {"chunk": chunk}}))
        second = json.loads(await socket.recv())
        assert first["acknowledged"] is second["acknowledged"] is True
        assert [first["data"]["byte_range"], second["data"]["byte_range"]] == [[0, 640], [640, 960]]
        assert second["data"]["time_range"] == [0.02, 0.03]
        server.sessions[0].ends_inclusive = True
        await socket.send(QUIET[:2])
        assert json.loads(await socket.recv())["data"]["byte_range"] == [960, 961]


async def test_only_what_was_asked_for_is_told() -> None:
    none = dict.fromkeys(("receive_acknowledgments", "receive_speech_events", "receive_post_processing_events"), False)
    async with gladia_server([SAID]) as server, await attached(server, messages_config=none) as socket:
        await socket.send(SOUND)
        await socket.send('{"type": "stop_recording"}')
        told = [json.loads(message) async for message in socket]
        assert [message["type"] for message in told] == ["transcript"]
        assert socket.close_code == 1000


async def test_each_utterance_has_its_id_and_its_times() -> None:
    finals = dict.fromkeys(("receive_acknowledgments", "receive_post_processing_events"), False)
    async with gladia_server(["one", "two"]) as server, await attached(server, messages_config=finals) as socket:
        await socket.send(SOUND)
        await socket.send(SOUND)
        await socket.send('{"type": "stop_recording"}')
        told = [json.loads(message)["data"] async for message in socket]
        assert [
            (data["id"], data["utterance"]["text"], data["utterance"]["start"]) for data in told if "id" in data
        ] == [
            ("00-00000000", "one", 0.001),
            ("00-00000001", "two", 2.201),
        ]


async def test_a_session_that_is_over_cannot_be_attached_to() -> None:
    async with gladia_server() as server:
        url = (await init(server)).json()["url"]
        for code in (1001, 1000):
            socket = await connect(url)
            await socket.close(code)
            await eventually(lambda: not server.open_connections)
        assert server.sessions[0].attached == 2
        async with connect(url) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 4403


async def test_time_is_up() -> None:
    async with gladia_server() as server:
        server.idle_seconds = 0.02
        async with await attached(server, messages_config={}) as socket:
            with pytest.raises(ConnectionClosed, match="4408"):
                await socket.recv()
        server.idle_seconds, server.session_seconds = 5, 0.5
        async with await attached(server) as socket:
            with pytest.raises(ConnectionClosed, match="4408"):
                await heard(socket)
        assert all(session.is_over for session in server.sessions)


async def test_no_more_sessions_than_the_plan_has() -> None:
    async with gladia_server() as server:
        server.concurrency = 1
        async with await attached(server):
            await eventually(lambda: server.open_connections)
            assert (await init(server)).status_code == 429


async def test_models_and_regions() -> None:
    async with gladia_server() as server:
        answer = (await init(server, {**CONFIG, "model": "solaria-3"})).json()
        assert answer["validation_errors"] == ["model must be one of the following values: solaria-1"]
        assert (answer["statusCode"], server.problems) == (400, [])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], "the body must be an object"),
        ({"encoding": "wav/mp3"}, "encoding must be one of the following values: wav/pcm, wav/alaw, wav/ulaw"),
        ({"sample_rate": 24000}, "sample_rate must be one of the following values: 8000, 16000, 32000, 44100, 48000"),
        ({"channels": 0}, "channels must not be less than 1"),
        ({"channels": True}, "channels must be an integer number"),
        ({"endpointing": "0.3"}, "endpointing must be a number"),
        ({"language_config": {"languages": ["es-ES"]}}, "each value in language_config.languages must be one of"),
        ({"language_config": {"language": "es"}}, "property language_config.language should not exist"),
        ({"messages_config": {"receive_partials": True}}, "property messages_config.receive_partials should not exist"),
        ({"maximum_duration_without_endpointing": 4}, "maximum_duration_without_endpointing must not be less than 5"),
        ({"realtime_processing": {"custom_vocabulary_config": {}}}, "vocabulary should not be empty"),
        (
            {"realtime_processing": {"custom_vocabulary_config": {"vocabulary": ["a", {"intensity": 2}]}}},
            "intensity must not be greater than 1",
        ),
    ],
)
async def test_a_body_that_is_refused(body: Any, fault: str) -> None:
    async with gladia_server() as server:
        answer = await init(server, body)
        assert answer.status_code == 400
        assert fault in "; ".join(answer.json()["validation_errors"])
        assert fault in server.problems.pop()


async def test_requests_that_are_refused() -> None:
    async with gladia_server() as server, httpx.AsyncClient(headers={"x-gladia-key": server.key}) as client:
        url = server.environ["GLADIA_URL"]
        answers = [
            await client.get(url + "/v2/live"),
            await client.post(url + "/v2/transcription", json={}),
            await client.post(url + "/v2/live?region=mars", json={}),
            await client.post(url + "/v2/live", content="{", headers={"content-type": "application/json"}),
            await client.post(url + "/v2/live", content="{}"),
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 400, 400, 400]
        assert len(server.problems) == 5
        server.problems.clear()
        assert (await client.post(url + "/v2/live?region=us-west", json={"encoding": "wav/ulaw"})).status_code == 201
        assert "hears" in server.problems.pop()


async def test_handshakes_that_are_refused() -> None:
    async with gladia_server() as server:
        with pytest.raises(InvalidStatus, match="404"):
            await connect(server.socket_url + "/v2/live")
        async with connect(server.socket_url + "/v2/live?token=mine") as socket:
            with pytest.raises(ConnectionClosed, match="4401"):
                await socket.recv()
        assert len(server.problems) == 2
        server.problems.clear()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('{"type": "stop"}', "no message of Gladia's"),
        ('{"type": "audio_chunk", "data": {"chunk": "*"}}', "no message of Gladia's"),
        ("[]", "no message of Gladia's"),
        ("{", "no message of Gladia's"),
        (b"\0\0\0", "3 bytes end within a sample"),
        (bytes(2**20 + 2), "a frame of more than 1048576 bytes"),
    ],
)
async def test_messages_that_are_problems(data: str | bytes, problem: str) -> None:
    async with gladia_server() as server:
        async with await attached(server) as socket:
            await socket.send(data)
            await eventually(lambda: server.problems)
        assert problem in server.problems.pop()


async def test_nothing_may_follow_the_end() -> None:
    async with gladia_server() as server:
        server.post_seconds = 0.05
        async with await attached(server, messages_config={}) as socket:
            await socket.send('{"type": "stop_recording"}')
            await socket.send(QUIET[:640])
            told = [json.loads(message) async for message in socket]
        assert [(message["type"], message.get("acknowledged")) for message in told] == [
            ("stop_recording", True),
            ("audio_chunk", False),
            ("post_transcript", None),
            ("post_final_transcript", None),
        ]
        assert told[1]["error"]["message"] == "Recording already stopped"
        assert server.problems.pop() == "audio_chunk after stop_recording"


async def test_two_live_sockets_are_one_too_many() -> None:
    async with gladia_server() as server:
        url = (await init(server)).json()["url"]
        async with connect(url) as first, connect(url) as second:
            with pytest.raises(ConnectionClosed, match="4409"):
                [message async for message in first]
            await second.send(QUIET[:640])
        assert "second WebSocket" in server.problems.pop()


async def test_troubles_of_an_open_socket() -> None:
    async with gladia_server([SAID]) as server, await attached(server, messages_config={}) as socket:
        await heard(socket, QUIET[: 50 * CHUNK])
        server.trouble = Trouble("error", after=1.0, code=500, reason="no model is free", times=1)
        await socket.send(QUIET[:CHUNK])
        refused = json.loads(await socket.recv())
        assert (refused["acknowledged"], refused["error"]["message"]) == (False, "no model is free")
        assert (await heard(socket, QUIET[:CHUNK]))[0]["data"]["byte_range"][0] == 50 * CHUNK
        server.trouble = Trouble("stall")
        await socket.send(SOUND)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.03)


@pytest.mark.parametrize("kind", ["close", "drop", "garbage"])
async def test_troubles_of_the_post(kind: Kind) -> None:
    async with gladia_server() as server:
        server.strikes_at = "init"
        server.trouble = Trouble(kind)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, ValueError)):
            (await init(server)).json()
        server.strikes_at = "socket"
        assert (await init(server)).status_code == 201


async def test_a_refused_upgrade() -> None:
    async with gladia_server() as server:
        server.strikes_at = "socket"
        server.trouble = Trouble("refuse", status=503, headers={"Retry-After": "1"}, times=1)
        url = (await init(server)).json()["url"]
        with pytest.raises(InvalidStatus) as refusal:
            await connect(url)
        assert refusal.value.response.headers["Retry-After"] == "1"
        async with connect(url):
            pass


async def test_problems_fail_the_test_that_made_them() -> None:
    with pytest.raises(AssertionError, match="endpointing must be a number"):
        async with gladia_server() as server:
            await init(server, {"endpointing": "soon"})

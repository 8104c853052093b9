"""What the emulated Cartesia does with what the vendor's library would never do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.emulators.cartesia_server import CartesiaServer, cartesia_server
from tests.emulators.trouble import Trouble
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

VERSION = "2026-03-01"
REQUEST: dict[str, Any] = {
    "context_id": "mine",
    "model_id": "sonic-3.5",
    "transcript": "one two. ",
    "voice": {"mode": "id", "id": "f786b574-daa5-4673-aa0c-cbe3e8534c02"},
    "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16_000},
    "max_buffer_delay_ms": 0,
}
MORE = {**REQUEST, "continue": True}
CLOSED = "Context has closed and is no longer accepting new inputs"


def dial(server: CartesiaServer, query: str = "", headers: Mapping[str, str] | None = None) -> connect:
    url = server.environ["CARTESIA_URL"].replace("http", "ws", 1) + "/tts/websocket" + query
    given = {"X-API-Key": server.key, "Cartesia-Version": VERSION} if headers is None else headers
    return connect(url, additional_headers=given)


async def ask(socket: ClientConnection, request: Mapping[str, Any] | str | bytes) -> None:
    await socket.send(request if isinstance(request, str | bytes) else json.dumps(request))


async def told(socket: ClientConnection, until: str) -> dict[str, Any]:
    """The next message of a kind."""
    async with asyncio.timeout(3):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == until:
                return message


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Authorization": "Bearer KEY", "Cartesia-Version": "2026-08-14"}),
        ("?cartesia_version=2026-03-01&api_key=KEY", {}),
        ("?access_token=KEY", {"Cartesia-Version": "2025-04-16"}),
    ],
)
async def test_ways_to_show_the_key(query: str, headers: dict[str, str]) -> None:
    async with cartesia_server(key="KEY") as server, dial(server, query, headers) as socket:
        await ask(socket, REQUEST)
        await told(socket, "done")


@pytest.mark.parametrize(
    ("query", "headers", "status", "is_problem"),
    [
        ("/", {"X-API-Key": "KEY", "Cartesia-Version": VERSION}, 404, True),
        ("?voice=katie", {"X-API-Key": "KEY", "Cartesia-Version": VERSION}, 400, True),
        ("", {"X-API-Key": "KEY"}, 400, True),
        ("", {"X-API-Key": "KEY", "Cartesia-Version": "2026-03-02"}, 400, True),
        ("", {"Authorization": "KEYS", "Cartesia-Version": VERSION}, 401, False),
        ("", {"Cartesia-Version": VERSION}, 401, False),
    ],
)
async def test_handshakes_that_are_refused(query: str, headers: dict[str, str], status: int, is_problem: bool) -> None:
    async with cartesia_server(key="KEY") as server:
        with pytest.raises(InvalidStatus) as refusal:
            await dial(server, query, headers)
        assert refusal.value.response.status_code == status
        assert bool(server.problems) is is_problem
        server.problems.clear()


async def test_errors_have_the_form_of_the_version() -> None:
    async with cartesia_server() as server:
        bodies = []
        for version in (VERSION, "2025-04-16"):
            with pytest.raises(InvalidStatus) as refusal:
                await dial(server, "", {"X-API-Key": "wrong", "Cartesia-Version": version})
            bodies.append(refusal.value.response.body or b"")
        assert json.loads(bodies[0]).keys() == {"error_code", "title", "message", "request_id"}
        assert bodies[1] == b"Unauthorized: The API key is invalid."
        async with dial(server, "?cartesia_version=2025-04-16") as socket:
            await ask(socket, {**REQUEST, "model_id": "sonic"})
            assert await told(socket, "error") == {
                "type": "error",
                "done": True,
                "status_code": 400,
                "error": "Model sunsetted: The requested model has been sunsetted and is no longer available.",
                "context_id": "mine",
            }


async def test_as_many_sockets_as_ten_for_each_context() -> None:
    async with cartesia_server() as server:
        server.concurrency = 1
        sockets = [await dial(server) for _ in range(10)]
        with pytest.raises(InvalidStatus, match="429"):
            await dial(server)
        for socket in sockets:
            await socket.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"transcript": None}, "transcript is required"),
        ({"transcript": ""}, "transcript is empty"),
        ({"transcript": 5}, "transcript is invalid"),
        ({"context_id": ""}, "context_id is invalid"),
        ({"text": "hello"}, "text is not a field"),
        ({"voice": "f786b574-daa5-4673-aa0c-cbe3e8534c02"}, "voice must be an object"),
        ({"voice": {"id": "f786b574-daa5-4673-aa0c-cbe3e8534c02"}}, "voice.mode must be id"),
        ({"voice": {"mode": "id"}}, "voice.id is required"),
        ({"output_format": {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 16_000}}, "output_format is"),
        ({"output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 12_000}}, "output_format is"),
        ({"output_format": {"container": "raw", "encoding": "pcm_s16le"}}, "output_format needs"),
        ({"output_format": "pcm_16000"}, "output_format is invalid"),
        ({"max_buffer_delay_ms": 5001}, "max_buffer_delay_ms is invalid"),
        ({"max_buffer_delay_ms": True}, "max_buffer_delay_ms is invalid"),
        ({"generation_config": {"speed": 2}}, "generation_config is invalid"),
        ({"generation_config": {"pitch": 1}}, "generation_config is invalid"),
        ({"continue": "yes"}, "continue is invalid"),
        ({"language": "es-es"}, "language is invalid"),
        ({"language": "es", "locale": "es-MX"}, "only one of language and locale"),
    ],
)
async def test_requests_that_are_refused(change: dict[str, Any], words: str) -> None:
    async with cartesia_server() as server:
        async with dial(server) as socket:
            await ask(socket, {**REQUEST, **change})
            event = await told(socket, "error")
        assert (event["status_code"], event["error_code"]) == (400, None)
        assert words in event["message"]
        assert words in server.problems.pop()
        assert not server.requests


@pytest.mark.parametrize("name", ["context_id", "model_id", "transcript", "voice", "output_format"])
async def test_what_is_needed(name: str) -> None:
    async with cartesia_server() as server:
        async with dial(server) as socket:
            await ask(socket, {key: value for key, value in REQUEST.items() if key != name})
            assert (await told(socket, "error"))["message"] == f"{name} is required"
        assert server.problems.pop()


@pytest.mark.parametrize("data", ["{", "[]", b"{}", '{"cancel": true}', '{"cancel": true, "context_id": "other"}'])
async def test_no_requests_at_all(data: str | bytes) -> None:
    async with cartesia_server() as server:
        async with dial(server) as socket:
            await ask(socket, data)
            assert (await told(socket, "error"))["status_code"] == 400
        assert server.problems.pop()


async def test_inputs_of_a_context_have_all_in_common() -> None:
    async with cartesia_server() as server:
        async with dial(server) as socket:
            await ask(socket, MORE)
            await told(socket, "chunk")
            await ask(socket, {**MORE, "language": "es"})
            assert "in common" in (await told(socket, "error"))["message"]
        assert server.problems.pop()


@pytest.mark.parametrize("last", [REQUEST, {"context_id": "mine", "cancel": True}])
async def test_nothing_may_follow_the_end_of_a_context(last: dict[str, Any]) -> None:
    async with cartesia_server() as server:
        async with dial(server) as socket:
            await ask(socket, MORE)
            await ask(socket, last)
            await ask(socket, REQUEST)
            event = await told(socket, "error")
        assert (event["message"], event["context_id"]) == (CLOSED, "mine")
        assert CLOSED in server.problems.pop()


@pytest.mark.parametrize(("lets_finish", "after"), [(True, ["chunk"] * 5 + ["done"]), (False, [])])
async def test_a_cancel_stops_what_was_not_begun_and_perhaps_what_was(lets_finish: bool, after: list[str]) -> None:
    async with cartesia_server() as server, dial(server) as socket:
        server.pace, server.cancel_lets_finish = 0.03, lets_finish
        await ask(socket, MORE)
        await ask(socket, MORE)
        await told(socket, "chunk")
        await ask(socket, {"context_id": "mine", "cancel": True})
        await ask(socket, {**REQUEST, "context_id": "next"})
        async with asyncio.timeout(3):
            messages = [json.loads(await socket.recv()) for _ in range(7 + len(after))]
        assert [message["type"] for message in messages if message["context_id"] == "mine"] == after


async def test_a_context_expires_after_its_last_sound() -> None:
    async with cartesia_server() as server, dial(server) as socket:
        server.expiry_seconds = 0.02
        await ask(socket, {**MORE, "transcript": "one two. three. ", "max_buffer_delay_ms": 40})
        for _ in range(9):  # the rest of the text is not forgotten meanwhile
            await told(socket, "chunk")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.04)
        assert server.active_contexts == 0
        await ask(socket, MORE)
        assert (await told(socket, "error"))["message"] == CLOSED
        await ask(socket, {**REQUEST, "context_id": "another"})
        assert (await told(socket, "done"))["context_id"] == "another"


@pytest.mark.parametrize(("delay", "chunks"), [(None, 3), (0, 9)])
async def test_what_no_sentence_follows_waits(delay: int | None, chunks: int) -> None:
    async with cartesia_server() as server, dial(server) as socket:
        await ask(socket, {**MORE, "transcript": "one. two three.", "max_buffer_delay_ms": delay})
        for _ in range(chunks):
            await told(socket, "chunk")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.03)
        await ask(socket, {**REQUEST, "transcript": "", "max_buffer_delay_ms": delay})
        assert (await told(socket, "chunk" if delay is None else "done"))["context_id"] == "mine"


async def test_word_times_come_after_the_chunk_that_a_word_begins_in() -> None:
    async with cartesia_server() as server, dial(server) as socket:
        server.chunk_seconds = 0.3
        await ask(socket, {**REQUEST, "add_timestamps": True})
        async with asyncio.timeout(3):
            kinds = [json.loads(await socket.recv())["type"] for _ in range(5)]
        assert kinds == ["chunk", "timestamps", "chunk", "timestamps", "done"]


async def test_idle_sockets_are_closed() -> None:
    async with cartesia_server() as server, dial(server) as socket:
        server.idle_seconds = 0.02
        server.expiry_seconds = 0.05
        await ask(socket, MORE)
        with pytest.raises(ConnectionClosed, match="1000"):
            await told(socket, "done")
        assert server.active_contexts == 0


async def test_an_encoding_that_the_emulator_does_not_speak_is_no_silence() -> None:
    form = {**REQUEST["output_format"], "encoding": "pcm_mulaw"}
    async with cartesia_server() as server:
        async with dial(server) as socket:
            await ask(socket, {**REQUEST, "output_format": form})
            await told(socket, "done")
        assert "speaks pcm_s16le" in server.problems.pop()


async def test_problems_fail_the_test_that_made_them() -> None:
    with pytest.raises(AssertionError, match="no JSON object"):
        await _say_nonsense()


async def _say_nonsense() -> None:
    async with cartesia_server() as server, dial(server) as socket:
        await ask(socket, "hello")
        await told(socket, "error")


async def test_a_trouble_happens_as_often_as_it_should() -> None:
    async with cartesia_server() as server, dial(server) as socket:
        server.trouble = Trouble("error", times=2)
        kinds = []
        for name in ("a", "b", "c"):
            await ask(socket, {**REQUEST, "context_id": name})
            kinds.append(json.loads(await socket.recv())["type"])
        assert kinds == ["error", "error", "chunk"]
        assert server.trouble is None

"""The emulated Cartesia, driven by the vendor's own library."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from cartesia import AsyncCartesia
from tests.emulators._sound import spoken
from tests.emulators.cartesia_server import CartesiaServer, cartesia_server
from tests.emulators.trouble import Trouble
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

VOICE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
FORM = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}
SAID = "It ships on Tuesday."


@contextlib.asynccontextmanager
async def library(server: CartesiaServer, key: str = "") -> AsyncIterator[Any]:
    """A connection of the library."""
    base = server.environ["CARTESIA_URL"]
    client = AsyncCartesia(api_key=key or server.key, base_url=base, websocket_base_url=base.replace("http", "ws", 1))
    async with client, client.tts.websocket_connect() as connection:
        yield connection


def context(connection: Any, **options: Any) -> Any:
    given = {"model_id": "sonic-3.5", "voice": VOICE, "output_format": FORM, "language": "en", "timeout": 3, **options}
    return connection.context(**given)


async def all_of(context: Any) -> list[Any]:
    return [event async for event in context.receive()]


def sound(events: list[Any]) -> bytes:
    return b"".join(event.audio for event in events if event.type == "chunk")


async def test_the_library_gets_a_text_spoken() -> None:
    async with cartesia_server() as server, library(server) as connection:
        mine = context(connection, add_timestamps=True)
        for piece in ("It ships ", "on Tue", "sday."):
            await mine.push(piece)
        await mine.no_more_inputs()
        events = await all_of(mine)
        samples, words = spoken(SAID, 24_000)
        assert sound(events) == samples.astype("<i2").tobytes()
        times = [event.word_timestamps for event in events if event.type == "timestamps"]
        assert [word for time in times for word in time.words] == SAID.split()
        assert [end for time in times for end in time.end] == pytest.approx([word.end for word in words])
        assert (events[-1].type, events[-1].done) == ("done", True)
        (heard,) = server.contexts
        assert (heard.said, heard.seconds, heard.state) == (SAID, pytest.approx(1.2), "gone")
        assert [request["continue"] for request in server.requests] == [True, True, True, False]


async def test_the_library_speaks_two_contexts_at_once() -> None:
    async with cartesia_server() as server, library(server) as connection:
        server.pace = 0.001
        first, second = context(connection), context(connection, output_format={**FORM, "encoding": "pcm_f32le"})
        for mine, text in ((first, "one two three"), (second, "four five six")):
            await mine.push(text, continue_=False)
        one, two = await asyncio.gather(all_of(first), all_of(second))
        assert sound(one) == spoken("one two three", 24_000)[0].astype("<i2").tobytes()
        expected = spoken("four five six", 24_000)[0] / 32_768
        assert np.frombuffer(sound(two), "<f4") == pytest.approx(expected, abs=1e-6)
        assert server.connections == 1


async def test_the_library_flushes() -> None:
    async with cartesia_server() as server, library(server) as connection:
        mine = context(connection)
        await mine.push("one ")
        await mine.push("", flush=True)
        await mine.push("two", continue_=False)
        events = await all_of(mine)
        flushed = [event.type for event in events].index("flush_done")
        assert events[flushed].flush_id == 1
        assert {event.flush_id for event in events[:flushed]} == {1}
        assert {event.flush_id for event in events[flushed + 1 : -1]} == {2}


@pytest.mark.parametrize("lets_finish", [True, False])
async def test_the_library_cancels(lets_finish: bool) -> None:
    async with cartesia_server() as server, library(server) as connection:
        server.pace, server.cancel_lets_finish = 0.002, lets_finish
        mine = context(connection)
        await mine.push("one two three four five. ")
        await mine.push("six seven eight. ")
        await mine.push("nine. ")
        events = mine.receive()
        await anext(events)
        await mine.cancel()
        (cancelled,) = server.contexts
        async with asyncio.timeout(3):
            while cancelled.state != "gone":  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        assert cancelled.is_cancelled
        assert cancelled.seconds == pytest.approx(1.5)
        assert server.requests[-1] == {"context_id": cancelled.id, "cancel": True}


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"model_id": "sonic-9"}, 400, "model_not_found"),
        ({"model_id": "sonic-2-2025-04-16"}, 400, "model_sunsetted"),
        ({"voice": "00000000-0000-0000-0000-000000000000"}, 404, "voice_not_found"),
        ({"voice": {"id": "katie"}}, 404, "voice_not_found"),
        ({"language": "xx"}, 400, "language_not_supported"),
    ],
)
async def test_the_library_is_told_what_is_not_there(options: dict[str, Any], status: int, code: str) -> None:
    async with cartesia_server(voices=[VOICE]) as server, library(server) as connection:
        mine = context(connection, **options)
        await mine.push(SAID, continue_=False)
        (event,) = await all_of(mine)
        assert (event.type, event.status_code, event.error_code, event.done) == ("error", status, code, True)
        assert event.context_id == mine._context_id
        again = context(connection)
        await again.push(SAID, continue_=False)
        assert sound(await all_of(again))


async def test_the_library_meets_the_limit_of_contexts() -> None:
    async with cartesia_server() as server, library(server) as connection:
        server.concurrency = 1
        first, second = context(connection), context(connection)
        await first.push("one. ")
        await second.push("two. ")
        (event,) = await all_of(second)
        assert (event.status_code, event.error_code) == (429, "concurrency_limited")
        await first.no_more_inputs()
        await all_of(first)
        third = context(connection)
        await third.push("three. ", continue_=False)
        assert (await all_of(third))[-1].type == "done"


@pytest.mark.parametrize(("status", "code"), [(402, "quota_exceeded"), (500, 1011)])
async def test_an_error_in_the_middle_of_an_answer(status: int, code: int | str) -> None:
    async with cartesia_server() as server, library(server) as connection:
        server.trouble = Trouble("error", after=2, times=1, status=status, code=code, reason="it is over")
        mine = context(connection)
        await mine.push(SAID, continue_=False)
        events = await all_of(mine)
        assert [event.type for event in events] == ["chunk", "chunk", "error"]
        assert (events[-1].status_code, events[-1].message) == (status, "it is over")
        assert events[-1].error_code == (code if isinstance(code, str) else None)


@pytest.mark.parametrize("status", [401, 402, 403, 429, 503])
async def test_refusals_of_the_upgrade_reach_the_caller_of_the_library(status: int) -> None:
    async with cartesia_server() as server:
        if status != 401:
            server.trouble = Trouble("refuse", status=status, code="no", headers={"Retry-After": "2"})
        with pytest.raises(InvalidStatus) as refusal:
            async with library(server, "wrong" if status == 401 else ""):
                pass
        assert refusal.value.response.status_code == status
        assert status == 401 or refusal.value.response.headers["Retry-After"] == "2"


async def test_the_library_loses_its_connection() -> None:
    async with cartesia_server() as server:
        server.trouble = Trouble("drop", after=1, times=1)
        async with library(server) as connection:
            await connection.send(request())
            assert (await connection.recv()).type == "chunk"
            with pytest.raises(ConnectionClosedError):
                await connection.recv()
        server.trouble = Trouble("close", code=1012, reason="restart", times=1)
        async with library(server) as connection:
            await connection.send(request())
            with pytest.raises(ConnectionClosed, match="1012"):
                await connection.recv()
        server.trouble = Trouble("garbage", times=1)
        async with library(server) as connection:
            await connection.send(request())
            with pytest.raises(ValueError, match="control character"):
                await connection.recv()
        server.trouble = Trouble("stall", after=1, times=1)
        async with library(server) as connection:
            mine = context(connection, timeout=0.03)
            await mine.push(SAID, continue_=False)
            with pytest.raises(TimeoutError):
                await all_of(mine)


async def test_a_dead_vendor_and_its_return() -> None:
    async with cartesia_server() as server:
        async with library(server) as connection:
            await connection.send({**request(), "continue": True, "max_buffer_delay_ms": 0})
            await connection.recv()
            server.kill()
            with pytest.raises(ConnectionClosedError):
                [await connection.recv() for _ in range(100)]
            assert server.open_connections == 0
        with pytest.raises((ConnectionError, InvalidMessage)):
            async with library(server):
                pass
        server.revive()
        async with library(server) as connection:
            await connection.send(request())
            assert (await connection.recv()).type == "chunk"


async def test_a_vendor_that_hangs() -> None:
    async with cartesia_server() as server:
        server.trouble = Trouble("hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03), library(server):
                pass


def request() -> dict[str, Any]:
    return {
        "context_id": "mine",
        "model_id": "sonic-3.5",
        "transcript": SAID,
        "voice": {"id": VOICE},
        "output_format": FORM,
    }

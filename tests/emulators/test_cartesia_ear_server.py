"""The emulated speech to text of Cartesia, driven by the vendor's own library, and strict."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cartesia import AsyncCartesia
from tests.emulators._sound import spoken
from tests.emulators.cartesia_ear_server import CartesiaEarServer, cartesia_ear_server
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SAID = "where is my order"
SOUND = spoken(SAID, 16_000)[0].astype("<i2").tobytes()


@contextlib.asynccontextmanager
async def library(server: CartesiaEarServer, model: Any = "ink-whisper", **options: Any) -> AsyncIterator[Any]:
    """A connection of the library."""
    base = server.environ["CARTESIA_URL"]
    async with (
        AsyncCartesia(api_key=server.key, base_url=base, websocket_base_url=base.replace("http", "ws", 1)) as client,
        client.stt.manual_finalize.websocket(
            model=model, encoding="pcm_s16le", sample_rate=16_000, **options
        ) as connection,
    ):
        yield connection


async def all_until(connection: Any, kind: str) -> list[Any]:
    events = [await connection.recv()]
    while events[-1].type != kind:
        events.append(await connection.recv())
    return events


async def test_the_library_gets_sound_heard() -> None:
    async with cartesia_ear_server([SAID]) as server, library(server) as connection:
        await connection.send_raw(SOUND)
        await connection.send("finalize")
        events = await all_until(connection, "flush_done")
        assert (events[0].text, events[0].is_final) == ("where", False)
        finals = [event.text for event in events if event.type == "transcript" and event.is_final]
        assert (finals, "".join(finals)) == (["where is", " my order"], SAID)
        await connection.send("finalize")
        assert [event.type for event in await all_until(connection, "flush_done")] == ["flush_done"]
        await connection.send("close")
        await all_until(connection, "done")
        assert server.commands == ["finalize", "finalize", "close"]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [("ink-9", {}, "model is not valid"), ("ink-2", {"language": "en"}, "language is not a parameter of ink-2"),
     ("ink-whisper", {"keyterm": ["Acme"]}, "keyterm is not a parameter of ink-whisper"),
     ("ink-2", {"extra_query": {"noise": "1"}}, "noise is not a parameter of ink-2")],
)  # fmt: skip
async def test_what_the_model_does_not_take_gets_an_error(model: str, options: dict[str, Any], words: str) -> None:
    async with cartesia_ear_server() as server, library(server, model, **options) as connection:
        assert words in (await connection.recv()).message
        with pytest.raises(ConnectionClosed):
            await connection.recv()


async def _says(data: Any) -> None:
    async with cartesia_ear_server() as server, library(server) as connection:
        await connection.send_raw(data)
        await connection.send("finalize")
        await all_until(connection, "flush_done")


async def _connects(path: str) -> None:
    async with cartesia_ear_server() as server:
        with pytest.raises(InvalidStatus):
            await connect(server.environ["CARTESIA_URL"].replace("http", "ws") + path)


async def test_mistakes_of_a_client_are_told_at_the_end() -> None:
    with pytest.raises(AssertionError, match="no command of Cartesia's: 'done'"):
        await _says("done")
    with pytest.raises(AssertionError, match="within a sample"):
        await _says(b"\0")
    with pytest.raises(AssertionError, match="no connection of Cartesia's: /stt/other"):
        await _connects("/stt/other")

"""A socket to a vendor fails in one way only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.providers._acme import VENDOR, acme
from websockets.asyncio.server import ServerConnection, serve

from pinecall_run.providers import vendor_socket
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.vendor_socket import Address, VendorSocket


async def test_messages_go_both_ways() -> None:
    async with acme() as vendor:
        socket = await VendorSocket.connected(VENDOR, Address(vendor.url))
        assert socket.is_open
        await socket.send("one")
        await socket.send(b"two")
        socket.push("three")
        socket.push(b"four")
        assert await vendor.until(4) == ["one", b"two", "three", b"four"]
        await vendor.says(a=1)
        assert await socket.receive() == '{"a": 1}'
        await socket.close()
        assert not socket.is_open
        with pytest.raises(ProviderError):
            await socket.send("more")
        socket.push("more")
        await socket.close()


@asynccontextmanager
async def _peer(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server of bare TCP; at its end the client must have let go of the connection."""
    is_over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        await reader.read()
        writer.close()
        is_over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(5):
        await is_over.wait()
    server.close()


async def test_one_who_takes_the_connection_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()

    monkeypatch.setattr(vendor_socket, "OPEN_SECONDS", 0.05)
    async with _peer(silent) as url:
        with pytest.raises(ProviderError, match="Acme did not answer in time"):
            await VendorSocket.connected(VENDOR, Address(url))


async def test_garbage_in_place_of_an_upgrade() -> None:
    async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"\x00\x01 hello\r\n\r\n")
        writer.write_eof()

    async with _peer(rubbish) as url:
        with pytest.raises(ProviderError, match="Acme answered what is no WebSocket"):
            await VendorSocket.connected(VENDOR, Address(url))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "ws://"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ProviderError):
        await VendorSocket.connected(VENDOR, Address(url))


def test_an_address_shows_no_key() -> None:
    assert "k1" not in repr(Address("wss://x", {"Authorization": "k1"}))


async def test_a_peer_that_does_not_read_is_found_out() -> None:
    is_told = asyncio.Event()

    async def deaf(line: ServerConnection) -> None:
        line.transport.pause_reading()  # type: ignore[attr-defined]
        await is_told.wait()
        line.transport.resume_reading()  # type: ignore[attr-defined]
        async for _ in line:
            pass

    async with serve(deaf, "127.0.0.1", 0, max_size=None) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        socket = await VendorSocket.connected(VENDOR, Address(url))
        assert socket.is_read
        for _ in range(100):
            socket.push(bytes(200_000))
        assert not socket.is_read
        is_told.set()
        async with asyncio.timeout(5):
            while not socket.is_read:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        await socket.close()

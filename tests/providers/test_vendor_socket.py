"""A socket to a vendor fails in one way only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.providers._acme import VENDOR, acme

from pinecall_run.providers import vendor_socket
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.vendor_socket import Address, VendorSocket


async def test_messages_go_both_ways() -> None:
    async with acme() as vendor:
        socket = await VendorSocket.connected(VENDOR, Address(vendor.url))
        assert socket.is_open
        await socket.send("one")
        await socket.send(b"two")
        assert await vendor.until(2) == ["one", b"two"]
        await vendor.says(a=1)
        assert await socket.receive() == '{"a": 1}'
        await socket.close()
        assert not socket.is_open
        with pytest.raises(ProviderError):
            await socket.send("more")
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

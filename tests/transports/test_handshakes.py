"""TLS on a listener of our own, with Python's as the other side: handshakes that end, that do not, and too many."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.voice._fakes import until
from tests.voice.test_certificate import certified

from pinecall_run.transports import handshakes
from pinecall_run.transports.handshakes import Handshakes


class Echo(asyncio.Protocol):
    """Says what it hears, and how it was treated."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def connection_made(self, transport: Any) -> None:
        assert transport.get_extra_info("sslcontext") is not None
        self._told.append("made")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def eof_received(self) -> None:
        self._told.append("end")

    def connection_lost(self, exc: Exception | None) -> None:
        self._told.append("lost")


@dataclass
class Place:
    port: int
    ours: ssl.SSLContext
    all: Handshakes
    refused: Counter[str]
    told: list[str] = field(default_factory=list)

    async def plain(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    certificate, key = certified(folder)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    refused: Counter[str] = Counter()
    all_, told = Handshakes(theirs, refused), list[str]()
    secured = all_.before(lambda: Echo(told))
    server = await asyncio.get_running_loop().create_server(secured, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Place(port, ssl.create_default_context(cafile=certificate), all_, refused, told)
    finally:
        server.close()
        await all_.close()
        assert not all_.under_way
        assert not all_.count._held


async def test_who_shakes_hands_is_served(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        for text in (b"hello", b"x" * 300_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.port, ssl=it.ours)
            writer.write(text)
            assert await asyncio.wait_for(reader.readexactly(len(text)), 5) == text
            writer.close()
            await writer.wait_closed()
        await until(lambda: it.told.count("lost") == 2)
        assert [each for each in it.told if each != "end"] == ["made", "lost"] * 2
        assert not it.refused


def said_with_the_handshake(it: Place, text: bytes) -> tuple[ssl.SSLObject, ssl.MemoryBIO, socket.socket]:
    """Have a text in the same packet as the end of the handshake."""
    raw = socket.create_connection(("127.0.0.1", it.port), timeout=5)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = it.ours.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            secured.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(65_536))
    secured.write(text)
    raw.sendall(outgoing.read())
    return secured, incoming, raw


async def test_what_comes_with_the_end_of_the_handshake_is_not_lost(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        secured, incoming, raw = await asyncio.to_thread(said_with_the_handshake, it, b"at once")
        got = b""
        while not got:
            incoming.write(await asyncio.to_thread(raw.recv, 65_536))
            try:
                got = secured.read()
            except ssl.SSLWantReadError:  # tickets for a next time
                continue
        assert got == b"at once"
        raw.close()
        await until(lambda: it.told[-1] == "lost")


async def test_who_says_nothing_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "SECONDS", 0.1)
    async with place(tmp_path) as it:
        reader, writer = await it.plain()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await until(lambda: it.refused)
        assert (it.refused, it.told) == ({"slow handshakes": 1}, [])


async def test_plain_text_is_no_handshake(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        reader, writer = await it.plain()
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await until(lambda: it.refused)
        assert (it.refused, it.told) == ({"failed handshakes": 1}, [])


async def test_who_only_looks_whether_the_port_is_open_is_not_counted(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        _, writer = await it.plain()
        await until(lambda: it.all.under_way)
        writer.close()
        await until(lambda: not it.all.under_way)
        assert (it.refused, it.told) == ({}, [])


async def test_they_have_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "MOST", 2)
    async with place(tmp_path) as it:
        waiting = [await it.plain() for _ in range(2)]
        await until(lambda: len(it.all.under_way) == 2)
        reader, writer = await it.plain()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert it.refused == {"too many handshakes": 1}
        for _, each in waiting:
            each.close()
        await until(lambda: not it.all.under_way)
        _, writer = await asyncio.open_connection("127.0.0.1", it.port, ssl=it.ours)
        writer.close()


async def test_those_under_way_end_with_the_listener(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        reader, writer = await it.plain()
        await until(lambda: it.all.under_way)
        await it.all.close()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

"""Connections that say nothing, say it slowly, or say nonsense."""

from __future__ import annotations

import asyncio

import pytest
from tests.voice._door import Socket, client, counted, get, server
from tests.voice._stage import LOOKING
from websockets.asyncio.client import connect

from pinecall_run.transports import headcount
from pinecall_run.voice import patient_http
from pinecall_run.voice.proxies import read_proxies


async def said(address: str, *pieces: bytes, every: float = 0.05) -> bytes:
    """Say something piece by piece; what is answered until the server closes."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(every)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("pieces", [[], [b"GET /healthz HTTP/1.1\r\n"], [b"G", b"E", b"T", b" ", b"/", b"x"]])
async def test_a_head_has_to_be_there_in_time(pieces: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    async with server() as address:
        before = await counted(address)
        monkeypatch.setattr(patient_http, "HEAD_SECONDS", 0.2)
        assert await said(address, *pieces) == b""
        assert await counted(address, before) == {"http slow heads": 1}


async def test_so_has_the_next_one_on_the_same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_http, "HEAD_SECONDS", 0.3)
    async with server() as address:
        before = await counted(address)
        whole = f"GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n".encode()
        answer = await said(address, whole, whole, b"GET /he")
        assert answer.count(b"HTTP/1.1 200") == 2
        assert await counted(address, before) == {"http slow heads": 1}


async def test_a_socket_outlasts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_http, "HEAD_SECONDS", 0.1)
    async with server() as address, client(address, "desk", llm=LOOKING) as runner:
        await asyncio.sleep(0.3)
        assert await runner.so_far() == []


async def test_a_head_has_so_many_bytes() -> None:
    async with server() as address:
        before = await counted(address)
        assert (await get(address, "/healthz", x="y" * 12_000)).status == 200
        head = b"GET /healthz HTTP/1.1\r\nx: "
        assert (await said(address, head, *([b"y" * 10_000] * 3), every=0.02)).startswith(b"HTTP/1.1 400")
        assert (await get(address, "/healthz", **{"x:y z\x00": "w"})).status == 400
        assert await counted(address, before) == {"http malformed requests": 2}


async def test_connections_have_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_http, "MOST_CONNECTIONS", 2)
    async with server() as address:
        before = await counted(address)
        waiting = [await asyncio.open_connection(*address.split(":")) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert await said(address, b"GET /healthz HTTP/1.1\r\n\r\n") == b""
        for _, writer in waiting:
            writer.close()
        await asyncio.sleep(0.05)
        async with connect(f"ws://{address}/client") as one, connect(f"ws://{address}/client") as other:
            for each in (one, other):
                await Socket(each).send("ping")
            assert (await get(address, "/healthz")).status == 200, "sockets are counted elsewhere"
        assert await counted(address, before) == {"http too many connections": 1}


@pytest.mark.parametrize(("is_proxied", "refused"), [(False, 1), (True, 0)])
async def test_one_address_has_so_many_of_them(is_proxied: bool, refused: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_http, "MOST_OF_ONE", 2)
    monkeypatch.setattr(headcount, "_is_near", lambda host: False)
    async with server(**({"proxies": read_proxies(["127.0.0.1"])} if is_proxied else {})) as address:
        before = await counted(address)
        waiting = [await asyncio.open_connection(*address.split(":")) for _ in range(3)]
        await asyncio.sleep(0.05)
        for _, writer in waiting:
            writer.close()
        await asyncio.sleep(0.05)
        assert (await counted(address, before)).get("http too many connections", 0) == refused

"""Probes and scrapers are answered; whoever is slow, long or many costs little and stops nobody."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pinecall_run.live.notices import AgentUp, Connected
from pinecall_run.telemetry import endpoint as module
from pinecall_run.telemetry.endpoint import CONNECTIONS, Answer, Endpoint, Page, Scrape, bound, probes
from pinecall_run.telemetry.readiness import Readiness

PATIENCE = 5.0
LARGE = 50_000_000
"""Bytes that no socket buffers."""


@asynccontextmanager
async def telling(pages: dict[str, Answer]) -> AsyncIterator[int]:
    listening = bound("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    async with asyncio.timeout(PATIENCE), Endpoint(listening, pages):
        yield port


async def asked(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def hello() -> Page:
    return Page.of(200, "hello")


REQUESTS = [
    (get("/hello"), 200, "hello\n"),
    (get("/hello?x=1"), 200, "hello\n"),
    (b"HEAD /hello HTTP/1.0\r\n\r\n", 200, ""),
    (get("/"), 404, "there are /hello\n"),
    (b"POST /hello HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405, "only GET and HEAD are answered\n"),
    (b"\x16\x03\x01\x02\x00\r\n\r\n", 400, "this is not HTTP/1.1\n"),
    (b"GET /hello SPDY/9\r\n\r\n", 400, "this is not HTTP/1.1\n"),
    (b"GET /" + b"x" * 20_000, 431, "the request is too long\n"),
]


@pytest.mark.parametrize(("request_", "status", "body"), REQUESTS)
async def test_a_request_is_answered_and_the_connection_closed(request_: bytes, status: int, body: str) -> None:
    async with telling({"/hello": hello}) as port:
        head, _, told = (await asked(port, request_)).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert told.decode() == body


async def test_probes_say_whether_it_lives_and_what_it_lacks() -> None:
    readiness = Readiness(lambda: ["desk"])
    async with telling(probes(readiness)) as port:
        assert (await asked(port, get("/-/healthy"))).startswith(b"HTTP/1.1 200 OK")
        answer = await asked(port, get("/-/ready"))
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable")
        assert answer.endswith(b"\r\n\r\nthe voice server is not connected\n")
        readiness(Connected(1))
        readiness(AgentUp("desk"))
        assert (await asked(port, get("/-/ready"))).endswith(b"\r\n\r\nready\n")


async def test_who_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.05)
    async with telling({"/hello": hello}) as port:
        assert (await asked(port, b"GET /hel")).startswith(b"HTTP/1.1 408 ")


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)

    async def flood() -> Page:
        return Page(200, b"x" * LARGE)

    async with telling({"/flood": flood}) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(get("/flood"))
        await asyncio.sleep(0.2)
        told = b""
        with contextlib.suppress(ConnectionError):
            told = await reader.read()
        writer.close()
    assert len(told) < LARGE


async def test_of_too_many_the_oldest_goes_and_the_newest_is_answered() -> None:
    async with telling({"/hello": hello}) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
        assert b"hello" in await asked(port, get("/hello"))
        with contextlib.suppress(ConnectionError):
            assert await silent[0][0].read() == b""
        assert not silent[-1][0].at_eof()
        for _, writer in silent:
            writer.close()


async def test_metrics_are_written_once_for_all_who_ask_and_never_in_the_loop() -> None:
    threads: list[int] = []

    def write() -> bytes:
        threads.append(threading.get_ident())
        return b"up 1\n"

    async with telling({"/metrics": Scrape(write, "text/plain; version=1.0.0")}) as port:
        answers = await asyncio.gather(*(asked(port, get("/metrics")) for _ in range(10)))
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    assert all(answer.endswith(b"up 1\n") and b"version=1.0.0" in answer for answer in answers)


async def test_metrics_are_written_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    told = iter([b"1", b"2"])
    scrape = Scrape(lambda: next(told), "text/plain")
    assert [(await scrape()).body, (await scrape()).body] == [b"1", b"2"]


async def test_metrics_of_a_project_that_fail_are_one_sentence() -> None:
    def fail() -> bytes:
        raise ValueError("my card is 4111")

    page = await Scrape(fail, "text/plain")()
    assert (page.status, page.body) == (500, b"the metrics cannot be written: ValueError\n")


def test_a_port_that_is_taken_is_an_error() -> None:
    with bound("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            bound("127.0.0.1", first.getsockname()[1])

"""A port for probes and scrapers: three pages of plain text, one request for each connection.

Whoever asks gets little of the runner: so many bytes of a request, so many seconds for it and for its answer, so many
connections at once. Beyond that the oldest connection goes: an honest one lasts milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pinecall_run.telemetry.readiness import Readiness

CONNECTIONS = 32
REQUEST_BYTES = 8192
REQUEST_SECONDS, ANSWER_SECONDS = 5.0, 10.0
FRESH_SECONDS = 1.0
"""For so long everybody gets the same metrics: to write them takes time when there are thousands of agents."""

_PLAIN = "text/plain; charset=utf-8"
_STATUS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    status: int
    body: bytes
    type: str = _PLAIN

    @classmethod
    def of(cls, status: int, sentence: str) -> Page:
        """A page of one sentence."""
        return cls(status, f"{sentence}\n".encode())

    def encoded(self, *, with_body: bool) -> bytes:
        """The page as HTTP/1.1."""
        head = (
            f"HTTP/1.1 {self.status} {_STATUS[self.status]}\r\nContent-Type: {self.type}\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\n"
            f"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + (self.body if with_body else b"")


Answer = Callable[[], Awaitable[Page]]


def probes(readiness: Readiness) -> dict[str, Answer]:
    """The pages of probes. That one is answered at all says that the event loop turns: it is answered in it."""

    async def healthy() -> Page:
        return Page.of(200, "healthy")

    async def ready() -> Page:
        missing = readiness.missing()
        return Page.of(200, "ready") if missing is None else Page.of(503, missing)

    return {"/-/healthy": healthy, "/-/ready": ready}


class Scrape:
    """The page of metrics, written in a thread, by one at a time, and for all who ask within a second."""

    def __init__(self, write: Callable[[], bytes], type: str) -> None:
        self._write = write
        self._type = type
        self._begun_at = 0.0
        self._writing: asyncio.Task[Page] | None = None

    async def __call__(self) -> Page:
        """The page."""
        now = time.monotonic()
        if self._writing is None or (self._writing.done() and now - self._begun_at > FRESH_SECONDS):
            self._begun_at = now
            self._writing = asyncio.create_task(self._page())
        return await asyncio.shield(self._writing)  # who goes away takes it from nobody

    async def _page(self) -> Page:
        try:
            return Page(200, await asyncio.to_thread(self._write), self._type)
        except Exception as error:  # noqa: BLE001 - a project's own metrics may fail in any way
            return Page.of(500, f"the metrics cannot be written: {type(error).__name__}")


class Endpoint:
    """A context: while it lasts, ``pages`` are told on a bound socket."""

    def __init__(self, listening: socket.socket, pages: Mapping[str, Answer]) -> None:
        self._listening = listening
        self._pages = pages
        self._asking: dict[asyncio.Task[None], None] = {}

    async def __aenter__(self) -> Endpoint:
        self._server = await asyncio.start_server(self._connected, sock=self._listening, limit=REQUEST_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._asking[task] = None
        if len(self._asking) > CONNECTIONS:
            next(iter(self._asking)).cancel()
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):  # also asyncio's servers log who is cancelled
            writer.transport.abort()
        finally:
            del self._asking[task]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, page = await self._answer(reader)
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(page.encoded(with_body=method != "HEAD"))
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[str, Page]:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return "", Page.of(408, "the request took too long")
        except asyncio.LimitOverrunError:
            return "", Page.of(431, "the request is too long")
        except asyncio.IncompleteReadError:
            return "", Page.of(400, "the request ends in its middle")
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return "", Page.of(400, "this is not HTTP/1.1")
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return method, Page.of(405, "only GET and HEAD are answered")
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            return method, Page.of(404, f"there are {', '.join(sorted(self._pages))}")
        return method, await page()


def bound(host: str, port: int) -> socket.socket:
    """A socket for an :class:`Endpoint`; port 0 is any.

    Raises:
        OSError: the port is taken, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    with contextlib.ExitStack() as stack:
        stack.callback(listening.close)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        stack.pop_all()
    return listening

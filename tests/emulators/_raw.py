"""Requests that no vendor's library would send, and what comes back, byte by byte."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.emulators._model_server import ModelServer

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For a library's HTTP client: to read those of the system, for each client anew, takes longer than a test."""


@dataclass(frozen=True)
class Reply:
    """An answer; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The server-sent events, without the framing of HTTP."""
        lines = self.body.split("\r\n")
        assert lines[-3:] == ["0", "", ""], "the answer ends before its end"
        return [line for line in "".join(lines[1:-3:2]).split("\n\n") if line]


async def post(server: ModelServer, path: str, body: Any, *, headers: Mapping[str, str], method: str = "POST") -> Reply:
    """One request on a connection of its own. A ``body`` of bytes is sent as it is, all else as JSON."""
    address = urlsplit(server.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: loopback\r\n{lines}\r\n".encode() + data)
    answered = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, rest = answered.partition("\r\n\r\n")
    status, *named = head.split("\r\n")
    pairs = (line.partition(": ") for line in named)
    return Reply(int(status.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, rest)


def problems_of(server: ModelServer) -> list[str]:
    """What the server has written down; it forgets it, so that the end of the block finds nothing."""
    problems, server.problems = server.problems, []
    return problems


async def answering(server: ModelServer) -> None:
    """Until the server has understood a request, and is about to answer it."""
    async with asyncio.timeout(5):
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.001)

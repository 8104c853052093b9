"""One connection of the emulated ElevenLabs: requests with bodies and WebSockets come in by one port, as theirs do.

The server of the websockets library answers nothing but GET; so its protocol is driven here without its sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

LARGEST_MESSAGE = 2**24
LONGEST_REASON = 123
"""Bytes; RFC 6455, 5.5: a control frame carries 125, two of them the code."""
FAREWELL_SECONDS = 1.0
REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 422: "Unprocessable Entity", 429: "Too Many Requests", 503: "Service Unavailable",
}  # fmt: skip


class Gone(Exception):
    """The client closed, or was lost."""


class Stalled(Exception):
    """Nothing more is said to this client, until it goes."""


@dataclass(frozen=True)
class Head:
    """The first lines of a request; names of ``headers`` are lower case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def is_upgrade(self) -> bool:
        """A WebSocket is asked for."""
        return self.headers.get("upgrade", "").lower() == "websocket"


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The next request of a connection."""
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    parts = urlsplit(target)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Head(method, unquote(parts.path), parse_qsl(parts.query, keep_blank_values=True), headers, raw)


def write_answer(
    writer: asyncio.StreamWriter, status: int, body: Any, headers: Mapping[str, str] | None = None
) -> None:
    """A whole answer, in JSON."""
    data = json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\n{head}\r\n".encode() + data)


def reset(writer: asyncio.StreamWriter) -> None:
    """The peer sees that the connection was reset, not that it ended."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Socket:
    """The server's end of a WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head) -> None:
        self._reader, self.writer = reader, writer
        self._protocol = ServerProtocol(max_size=LARGEST_MESSAGE)
        self._protocol.receive_data(head.raw)
        self._request = self._protocol.events_received()[0]
        self._messages: list[str | bytes] = []
        self._part = b""
        self._is_text = True
        self._has_goodbye = False

    def accept(self) -> None:
        """101."""
        assert isinstance(self._request, Request)
        self._protocol.send_response(self._protocol.accept(self._request))
        self._write()

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            Gone: there is none.
        """
        while not self._messages:
            if self._has_goodbye:
                raise Gone
            await self._read()
        return self._messages.pop(0)

    async def send(self, message: Mapping[str, Any]) -> None:
        """One JSON message."""
        await self.send_text(json.dumps(message))

    async def send_text(self, text: str) -> None:
        """Whatever it is."""
        if self._protocol.state is not State.OPEN:
            raise Gone
        self._protocol.send_text(text.encode())
        self._write()
        await self.writer.drain()

    def say_goodbye(self, code: int, reason: str = "") -> None:
        """The closing frame; whoever receives sees the client's."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
            self._write()

    async def close(self, code: int, reason: str = "") -> None:
        """Say it, and wait until the client said it too."""
        self.say_goodbye(code, reason)
        with contextlib.suppress(TimeoutError, Gone, ConnectionError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                while not self._has_goodbye:
                    await self._read()

    async def _read(self) -> None:
        data = await self._reader.read(2**16)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            self._take(event)
        self._write()
        if not data:
            raise Gone

    def _take(self, frame: Any) -> None:
        assert isinstance(frame, Frame)
        self._has_goodbye = self._has_goodbye or frame.opcode is Opcode.CLOSE
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._part += bytes(frame.data)
        if frame.fin:
            self._messages.append(self._part.decode() if self._is_text else self._part)
            self._part = b""

    def _write(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.writer.write(data)
            elif self.writer.can_write_eof() and not self.writer.is_closing():
                self.writer.write_eof()

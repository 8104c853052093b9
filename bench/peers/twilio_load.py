"""The load of ``line_load.py`` by media streams: a caller is Twilio's end of one.

Each sends its sound as Twilio does, 20 ms of mu-law in base64, plays what it is sent in real time, and sends marks back
when they have been played. The WebSocket is written by hand (RFC 6455): a library takes several times as long for it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
from array import array
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from peers.line_load import LINE_RATE
from peers.load import CHUNK_SECONDS, Measured

TEXT, PING, PONG = 1, 9, 10
FINAL, MASKED = 0x80, 0x80
SHORT, LONG = 126, 127
NO_MASK = bytes(4)
"""A mask of zeros leaves everything as it is."""

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_SOUND = '{"event":"media",'
_MEDIA = (
    "{" + _SOUND + '"sequenceNumber":"{0}","media":{{"track":"inbound","chunk":"{0}","timestamp":"{1}",'
    '"payload":"{2}"}},"streamSid":"{3}"}}'
)


class Pace:
    """A server's side of it: which messages of a stream are sound, and when they were due."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self._due = 0.0

    def start(self, parameters: dict[str, str]) -> None:
        """What ``start`` says."""
        self._due = float(parameters["due"])

    def took(self, message: str) -> None:
        """A message was handed over."""
        if message.startswith(_SOUND):
            self._measured.heard(self._due)
            self._due += CHUNK_SECONDS


class _Line(asyncio.Protocol):
    def __init__(self, number: int, place: str, sound: Sequence[str], lost: asyncio.Future[None]) -> None:
        self.received = 0
        self.late: array[float] = array("d")
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number, self._sid = number, f"MZ{number}"
        self._place, self._sound, self._lost = place, sound, lost
        self._sent = 0
        self._buffer = b""
        self._plays_until = 0.0
        self._marks: deque[tuple[float, str]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HANDSHAKE.format(path="/", host=self._place).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_exception(ConnectionError("a stream was closed"))

    def start(self, due: float) -> None:
        """See :class:`peers.line_load.Line`."""
        start = {
            "streamSid": self._sid,
            "callSid": f"CA{self._number}",
            "accountSid": "AC1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": LINE_RATE, "channels": 1},
            "customParameters": {"token": "t", "due": str(due)},
        }
        self._write(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        self._write(json.dumps({"event": "start", "start": start, "streamSid": self._sid}))

    def say(self, at: int) -> None:
        """See :class:`peers.line_load.Line`."""
        while self._marks and self._marks[0][0] <= time.monotonic():
            _, name = self._marks.popleft()
            self._write(json.dumps({"event": "mark", "streamSid": self._sid, "mark": {"name": name}}))
        self._sent += 1
        self._write(_MEDIA.format(self._sent, self._sent * 20, self._sound[at], self._sid))

    def _write(self, text: str) -> None:
        self._send(TEXT, text.encode())

    def _send(self, kind: int, data: bytes) -> None:
        size = bytes((MASKED | len(data),)) if len(data) < SHORT else struct.pack("!BH", MASKED | SHORT, len(data))
        self._transport.write(bytes((FINAL | kind,)) + size + NO_MASK + data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.opened.done():
            head, ends, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not ends:
                self._buffer = head
                return
            self.opened.set_result(None)
        at = 0
        while (frame := self._frame(at)) is not None:
            kind, begins, at = frame
            self._take(kind, self._buffer[begins:at])
        self._buffer = self._buffer[at:]

    def _frame(self, at: int) -> tuple[int, int, int] | None:
        """The kind of the frame there, where what is in it begins and ends; ``None`` where it is not whole."""
        head, there = self._buffer[at : at + 4], len(self._buffer)
        if len(head) < 2:
            return None
        assert head[1] != LONG, "longer than any message of a stream"
        begins, length = at + 2, head[1]
        if length == SHORT:
            begins, length = at + 4, int.from_bytes(head[2:])
        return (head[0] & 15, begins, begins + length) if begins + length <= there else None

    def _take(self, kind: int, data: bytes) -> None:
        if kind == PING:
            self._send(PONG, data)
        if kind != TEXT:
            return
        said = json.loads(data)
        match said["event"]:
            case "media":
                length = len(base64.b64decode(said["media"]["payload"]))
                self.received += length
                self._plays_until = max(self._plays_until, time.monotonic()) + length / LINE_RATE
            case "mark":
                self._marks.append((self._plays_until, said["mark"]["name"]))
            case "clear":
                self._plays_until = 0.0


async def streams(address: str, sound: Sequence[bytes], count: int, lost: asyncio.Future[None]) -> list[_Line]:
    """See :data:`peers.line_load.Place`."""
    loop, at = asyncio.get_running_loop(), urlsplit(address)
    encoded = [base64.b64encode(chunk).decode() for chunk in sound]
    lines = []
    for number in range(count):
        line = _Line(number, at.netloc, encoded, lost)
        await loop.create_connection(lambda line=line: line, at.hostname, at.port)
        await line.opened
        lines.append(line)
    return lines

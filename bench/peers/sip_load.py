"""The load of ``line_load.py`` over SIP and RTP: a caller is a telephone that calls over UDP (RFC 3261, RFC 3550).

All telephones share a few sockets: what they send is told apart by where it goes, and what they are sent by where it
comes from.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from array import array
from collections.abc import Sequence

from peers.load import CHUNK_BYTES, CHUNK_SECONDS

HOST = "127.0.0.1"
SOCKETS = 8
ROOM = 1 << 20
"""Bytes that may wait in a socket: a server's packets come all at once."""

MAX_DATAGRAM = 2_048
HEADER = struct.Struct("!BBHLL")
SAMPLES = CHUNK_BYTES // 4
QUIET = b"\xff" * SAMPLES

_INVITE = """\
INVITE sip:{user}@{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {ours};branch=z9hG4bK{number};rport
From: <sip:caller{number}@{ours}>;tag=t{number}
To: <sip:{user}@{host}:{port}>
Call-ID: {number}@bench
CSeq: 1 INVITE
Contact: <sip:caller{number}@{ours}>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: {length}

{body}"""
_OFFER = """\
v=0
o=- 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio {sound} RTP/AVP 0 101
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp-mux
"""
_ACK = """\
ACK {target} SIP/2.0
Via: SIP/2.0/UDP {ours};branch=z9hG4bKa{number};rport
From: <sip:caller{number}@{ours}>;tag=t{number}
To: {to}
Call-ID: {number}@bench
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

"""


class _Line:
    """One telephone, whose call is up."""

    def __init__(self, number: int, way: socket.socket, port: int, sound: Sequence[bytes]) -> None:
        self.received = 0
        self.late: array[float] = array("d")
        self._way, self._to, self._sound = way, (HOST, port), sound
        self._ssrc = number + 1
        self._sent = 0
        self._first = -1

    def start(self, due: float) -> None:
        """See :class:`peers.line_load.Line`: a telephone's sound says nothing of when it was made."""

    def say(self, at: int) -> None:
        """See :class:`peers.line_load.Line`."""
        self._sent += 1
        self._way.sendto(
            HEADER.pack(0x80, 0, self._sent & 0xFFFF, self._sent * SAMPLES, self._ssrc) + self._sound[at], self._to
        )

    def take(self, data: bytes, now: float) -> None:
        """A packet came."""
        if 64 <= data[1] & 0x7F < 96:  # a report
            return
        number = int.from_bytes(data[2:4])
        if self._first < 0:
            self._first = number
        self.late.append(now - (number - self._first & 0xFFFF) * CHUNK_SECONDS)
        if data[HEADER.size :] != QUIET:
            self.received += SAMPLES


class _Signals(asyncio.DatagramProtocol):
    """Calls, and waits for answers. Nothing is sent again: on one machine nothing is lost."""

    def __init__(self, server: tuple[str, int], lost: asyncio.Future[None]) -> None:
        self._server, self._lost = server, lost
        self._ringing: dict[str, asyncio.Future[int]] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self._ours = f"{HOST}:{transport.get_extra_info('sockname')[1]}"

    async def call(self, user: str, number: int, sound: int) -> int:
        """The port that the server has sound at, when it has answered."""
        answered = self._ringing[str(number)] = asyncio.get_running_loop().create_future()
        body, (host, port) = _OFFER.format(host=HOST, sound=sound), self._server
        names = {"user": user, "host": host, "port": port, "ours": self._ours, "number": number}
        self._send(_INVITE.format(**names, body=body, length=len(_lines(body))))
        return await answered

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        number = _found(r"Call-ID: (\d+)@", text)
        if text.startswith("SIP/2.0 1"):
            return
        if text.startswith("SIP/2.0 200"):
            target, to = _found(r"Contact: <([^>]+)>", text), _found(r"To: ([^\r]+)", text)
            self._send(_ACK.format(target=target, ours=self._ours, number=number, to=to))
            if not self._ringing[number].done():
                self._ringing[number].set_result(int(_found(r"m=audio (\d+)", text)))
        elif not self._lost.done():
            self._lost.set_exception(ConnectionError(text.partition("\r\n")[0]))

    def _send(self, text: str) -> None:
        self._transport.sendto(_lines(text).encode(), self._server)


def _lines(text: str) -> str:
    return text.replace("\n", "\r\n")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.IGNORECASE)
    assert found is not None, pattern
    return found[1]


def _way() -> socket.socket:
    way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    way.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    way.setblocking(False)
    way.bind((HOST, 0))
    return way


async def telephones(address: str, sound: Sequence[bytes], count: int, lost: asyncio.Future[None]) -> list[_Line]:
    """See :data:`peers.line_load.Place`. ``address`` is ``user@host:port``."""
    loop, ways, lines = asyncio.get_running_loop(), [_way() for _ in range(SOCKETS)], {}
    user, host, port = re.split("[@:]", address)
    _, signals = await loop.create_datagram_endpoint(lambda: _Signals((host, int(port)), lost), local_addr=(HOST, 0))

    def read(way: socket.socket) -> None:
        try:
            while True:
                data, (_, source) = way.recvfrom(MAX_DATAGRAM)
                if (line := lines.get(source)) is not None:
                    line.take(data, time.monotonic())
        except BlockingIOError:
            return

    for way in ways:
        loop.add_reader(way, read, way)
    for number in range(count):
        way = ways[number % SOCKETS]
        calling = asyncio.ensure_future(signals.call(user, number, way.getsockname()[1]))
        await asyncio.wait([calling, lost], return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            lost.result()
        lines[calling.result()] = _Line(number, way, calling.result(), sound)
    return list(lines.values())

"""RTP packets and the reports about them (RFC 3550), as much of both as one stream of sound each way needs."""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

from aiortc.clock import current_ntp_time
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket, RtcpSenderInfo, RtcpSrPacket

_HEADER = struct.Struct("!BBHLL")

_NAME_HEADER = struct.Struct("!LBB")
NAME = b"agent"

WORD = 0xFFFF_FFFF
MOST_LOST = 0x7F_FFFF


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of sound."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram is a report and no sound (RFC 5761, 4)."""
    return 64 <= data[1] & 0x7F < 96


def parse(data: bytes) -> Packet | None:
    """The packet in a decrypted datagram; ``None`` where there is none, or none with sound in it."""
    if len(data) < _HEADER.size:
        return None
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = _HEADER.size + 4 * (flags & 0x0F), len(data)
    if flags & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    if flags & 0x20:
        end -= data[-1]
    if flags >> 6 != 2 or end <= start:
        return None
    return Packet(kind & 0x7F, sequence, timestamp, ssrc, data[start:end])


class Outgoing:
    """Numbers the packets of our stream and counts them."""

    def __init__(self, payload_type: int, ssrc: int) -> None:
        self.ssrc = ssrc
        self.payload_type = payload_type
        # In the lower half: one that wraps soon breaks decryption for whoever missed that (RFC 3711, 3.3.1).
        self._sequence = secrets.randbits(15)
        self._first = self._timestamp = secrets.randbits(32)
        self._packets = self._octets = 0

    def packet(self, payload: bytes, at: int, *, is_first: bool) -> bytes:
        """The packet of a payload that plays ``at`` timestamps after the beginning; ``is_first`` after a pause."""
        self._timestamp = (self._first + at) & WORD
        kind = self.payload_type | (0x80 if is_first else 0)
        header = _HEADER.pack(0x80, kind, self._sequence, self._timestamp, self.ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._packets += 1
        self._octets += len(payload)
        return header + payload

    def info(self) -> RtcpSenderInfo:
        """What a sender's report says."""
        return RtcpSenderInfo(current_ntp_time(), self._timestamp, self._packets & WORD, self._octets & WORD)


class Incoming:
    """Counts the packets of one stream of the other side (RFC 3550, A.3). Its jitter is not told: nobody reads it."""

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self._first = self._highest = sequence
        self._received = 0
        self._before = 0, 0

    def count(self, sequence: int) -> None:
        """A packet arrived."""
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < 0x8000:
            self._highest += ahead
        self._received += 1

    def info(self) -> RtcpReceiverInfo:
        """What a receiver's report says, since the one before."""
        expected = self._highest - self._first + 1
        expected_now, received_now = expected - self._before[0], self._received - self._before[1]
        self._before = expected, self._received
        lost_now = max(expected_now - received_now, 0)
        return RtcpReceiverInfo(
            ssrc=self.ssrc,
            fraction_lost=min((lost_now << 8) // expected_now, 255) if expected_now > 0 else 0,
            packets_lost=min(max(expected - self._received, 0), MOST_LOST),
            highest_sequence=self._highest & WORD,
            jitter=0,
            lsr=0,
            dlsr=0,
        )


def report(outgoing: Outgoing, incoming: Incoming | None, *, has_sent: bool) -> bytes:
    """A compound packet: what we sent and what of theirs arrived, and our name (RFC 3550, 6.1)."""
    reports = [incoming.info()] if incoming else []
    first = RtcpSrPacket(outgoing.ssrc, outgoing.info(), reports) if has_sent else RtcpRrPacket(outgoing.ssrc, reports)
    return bytes(first) + _name(outgoing.ssrc)


def _name(ssrc: int) -> bytes:
    """Who sends (RFC 3550, 6.5). aiortc ends a name of this length with a word too many: malformed to others."""
    chunk = _NAME_HEADER.pack(ssrc, 1, len(NAME)) + NAME
    chunk += bytes(4 - len(chunk) % 4)
    return struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk

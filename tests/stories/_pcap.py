"""A capture of a telephone's sound, such as sipp plays: mu-law in RTP, a packet each 20 ms."""

from __future__ import annotations

import struct

LAW_BYTES = 160
SILENCE = b"\xff"


def pcap(sound: bytes) -> bytes:
    """The file (https://www.ietf.org/archive/id/draft-gharris-opsawg-pcap-01.html): Ethernet, IPv4, UDP, RTP."""
    sound += SILENCE * (-len(sound) % LAW_BYTES)
    packets = (_packet(number, sound[at : at + LAW_BYTES]) for number, at in enumerate(range(0, len(sound), LAW_BYTES)))
    return struct.pack("<LHHlLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1) + b"".join(packets)


def _packet(number: int, payload: bytes) -> bytes:
    rtp = struct.pack("!BBHLL", 0x80, 0x80 * (number == 0), number + 1, (number + 1) * LAW_BYTES, 0x5EED) + payload
    udp = struct.pack("!HHHH", 6_000, 6_000, 8 + len(rtp), 0) + rtp
    ip = struct.pack("!BBHHHBBHLL", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, 0x7F000001, 0x7F000001)
    frame = bytes(12) + b"\x08\x00" + ip + udp
    seconds, micros = divmod(number * 20_000, 1_000_000)
    return struct.pack("<LLLL", seconds, micros, len(frame), len(frame)) + frame

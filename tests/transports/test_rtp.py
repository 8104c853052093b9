"""RTP packets there and back, against aiortc's own reading of them, and whatever else may come."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.transports.rtp import Incoming, Outgoing, Packet, is_rtcp, parse, report


def test_what_we_write_others_read() -> None:
    outgoing = Outgoing(111, ssrc=77)
    first, second = (RtpPacket.parse(outgoing.packet(b"abc", at, is_first=at == 0)) for at in (0, 1920))
    assert (first.payload_type, first.ssrc, first.payload, first.marker) == (111, 77, b"abc", 1)
    assert second.marker == 0
    assert (second.sequence_number - first.sequence_number) & 0xFFFF == 1
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 1920


def test_numbers_wrap() -> None:
    outgoing = Outgoing(111, ssrc=77)
    outgoing._sequence, outgoing._first = 0xFFFF, 0xFFFFFFFF
    packets = [RtpPacket.parse(outgoing.packet(b"a", at, is_first=False)) for at in (0, 1)]
    assert [packet.sequence_number for packet in packets] == [0xFFFF, 0]
    assert [packet.timestamp for packet in packets] == [0xFFFFFFFF, 0]


@given(
    st.binary(min_size=1, max_size=40),
    st.lists(st.integers(0, 2**32 - 1), max_size=15),
    st.integers(0, 20),
    st.booleans(),
)
def test_we_read_what_others_write(payload: bytes, sources: list[int], padding: int, has_extension: bool) -> None:
    packet = RtpPacket(payload_type=96, marker=1, sequence_number=5, timestamp=6, ssrc=7, payload=payload)
    packet.csrc, packet.padding_size = sources, padding
    data = packet.serialize()
    if has_extension:
        at = 12 + 4 * len(sources)
        data = bytes((data[0] | 0x10,)) + data[1:at] + b"\xbe\xde\x00\x01abcd" + data[at:]
    assert parse(data) == Packet(96, 5, 6, 7, payload)


@given(st.binary(max_size=80))
def test_whatever_comes_is_a_packet_with_sound_or_none(data: bytes) -> None:
    packet = parse(data)
    assert packet is None or packet.payload


def test_packets_without_sound_are_none() -> None:
    header = RtpPacket(payload_type=96).serialize()
    assert parse(header) is None
    assert parse(b"\x90" + header[1:] + b"\xbe\xde") is None
    assert parse(b"\xa0" + header[1:] + b"\x40") is None
    assert parse(b"\x40" + header[1:] + b"abc") is None


@pytest.mark.parametrize(
    ("kind", "expected"), [(200, True), (201, True), (206, True), (111, False), (0x80 | 111, False)]
)
def test_reports_are_told_apart(kind: int, expected: bool) -> None:
    assert is_rtcp(bytes((0x80, kind))) is expected


def test_a_report_says_what_was_sent_and_what_arrived() -> None:
    outgoing, incoming = Outgoing(111, ssrc=77), Incoming(5, 65_530)
    for _ in range(3):
        outgoing.packet(b"abcd", 0, is_first=False)
    for number in range(20):
        if number % 4:
            incoming.count((65_530 + number) & 0xFFFF)
    sent, name = RtcpPacket.parse(report(outgoing, incoming, has_sent=True))
    assert isinstance(sent, RtcpSrPacket)
    assert (sent.ssrc, sent.sender_info.packet_count, sent.sender_info.octet_count) == (77, 3, 12)
    (arrived,) = sent.reports
    assert (arrived.ssrc, arrived.packets_lost, arrived.highest_sequence) == (5, 5, 65_530 + 19)
    assert arrived.fraction_lost == 256 * 5 // 20
    assert isinstance(name, RtcpSdesPacket)
    (only,) = RtcpPacket.parse(report(outgoing, incoming, has_sent=False))[0].reports  # type: ignore[union-attr]
    assert only.fraction_lost == 0  # nothing since
    assert isinstance(RtcpPacket.parse(report(outgoing, None, has_sent=False))[0], RtcpRrPacket)


def test_late_packets_do_not_count_as_new_ones() -> None:
    incoming = Incoming(5, 10)
    for number in (10, 12, 11, 13):
        incoming.count(number)
    assert (incoming.info().packets_lost, incoming.info().highest_sequence) == (0, 13)


def test_a_report_has_no_byte_too_many() -> None:
    data = report(Outgoing(111, ssrc=77), None, has_sent=False)
    assert data[8:] == b"\x81\xca\x00\x03" + b"\x00\x00\x00\x4d" + b"\x01\x05agent" + b"\x00"

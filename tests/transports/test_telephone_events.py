"""Keys as packets, read and pressed; held against what RFC 4733 says."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.transports.rtp import Packet
from pinecall_run.transports.telephone_events import KEYS, PAUSE_BEATS, WAIT_BEATS, KeyReader, pressed


def event(code: int, timestamp: int, *, duration: int = 160, is_end: bool = False, ssrc: int = 1) -> Packet:
    return Packet(101, 0, timestamp, ssrc, struct.pack("!BBH", code, 0x80 * is_end | 10, duration))


def test_a_key_is_told_once_whatever_is_lost_of_it() -> None:
    reader = KeyReader()
    told = [reader.read(event(5, 1000, duration=160 * step)) for step in range(1, 6)]
    told += [reader.read(event(5, 1000, is_end=True)) for _ in range(3)]
    assert told == ["5", *[""] * 7]
    assert reader.read(event(11, 9000, is_end=True)) == "#", "only its end arrived"
    assert reader.read(event(5, 1000, is_end=True)) == "", "a late packet of the key before"
    assert reader.read(event(5, 200, ssrc=2)) == "5", "another stream has times of its own"


def test_a_key_that_is_held_for_long_is_one_key() -> None:
    reader = KeyReader()
    assert [reader.read(event(1, 100 + 0xFFFF * part)) for part in range(3)] == ["1", "", ""]
    assert reader.read(event(1, 100 + 0xFFFF * 3 + 800)) == "1"


def test_times_that_wrap() -> None:
    reader = KeyReader()
    assert reader.read(event(1, 0xFFFF_FFF0)) == "1"
    assert reader.read(event(2, 0x0000_0400)) == "2"


@given(st.binary(max_size=40), st.integers(0, 0xFFFF_FFFF))
def test_anything_is_a_key_or_nothing(payload: bytes, timestamp: int) -> None:
    assert KeyReader().read(Packet(101, 0, timestamp, 1, payload)) in ("", *KEYS)


def test_keys_are_pressed_as_they_are_read() -> None:
    reader, told, at = KeyReader(), "", 0
    for number, beat in enumerate(pressed("1w#", 8_000)):
        at = 160 * number if beat.key else at
        for payload in beat.payloads:
            told += reader.read(Packet(101, 0, at, 1, payload))
    assert told == "1#"


@pytest.mark.parametrize("step", [160, 960])
def test_a_key_grows_and_ends_three_times(step: int) -> None:
    beats = list(pressed("9", 50 * step))
    sent = [struct.unpack("!BBH", payload) for beat in beats for payload in beat.payloads]
    assert [duration for _, _, duration in sent] == [*range(step, 8 * step, step), *[8 * step] * 3]
    assert [flags >> 7 for _, flags, _ in sent] == [0] * 7 + [1] * 3
    assert [beat.key for beat in beats] == ["9", *[""] * (len(beats) - 1)]
    assert not any(beat.payloads for beat in beats[-PAUSE_BEATS:])
    assert len(list(pressed("w", 8_000))) == WAIT_BEATS

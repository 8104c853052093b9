"""A call's sound as datagrams on a simulated line; the time of each beat is an argument."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from aiortc.rtp import RtpPacket
from tests.transports._peers import share, tone

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.transports.webrtc_media import KEEP_ALIVE, MAX_STREAMS, TAIL, Ear, Mouth

SECONDS = 6


class Plain:
    """A cipher that hides nothing, and refuses what begins with 0xBA."""

    def protect(self, packet: bytes) -> bytes:
        return packet

    protect_rtcp = protect

    def unprotect(self, packet: bytes) -> bytes:
        if packet[0] == 0xBA:
            raise ValueError("replayed")
        return packet


def spoken(samples: Samples, *, pauses: tuple[int, int] = (0, 0)) -> list[bytes | None]:
    """The datagrams of a mouth, one or none for each 20 ms; between ``pauses`` it is silent."""
    sent: list[bytes] = []
    mouth, datagrams = Mouth(111, Plain(), sent.append, ssrc=5), list[bytes | None]()
    for number, chunk in enumerate(samples.reshape(-1, CHUNK_SAMPLES)):
        mouth.say(None if pauses[0] <= number < pauses[1] else chunk)
        datagrams.append(sent.pop() if sent else None)
    return datagrams


def heard(datagrams: list[bytes | None], arrives: Callable[[int], float | None]) -> Samples:
    """What an ear makes of them, from the moment at which the first was sent."""
    now = [0.0]
    ear = Ear(111, Plain(), lambda: now[0])
    arrivals = sorted(
        (0.02 * n + late, n) for n, data in enumerate(datagrams) if data and (late := arrives(n)) is not None
    )
    chunks = list[Samples]()
    for beat in range(len(datagrams) + 15):
        while arrivals and arrivals[0][0] <= beat * 0.02 + 0.005:
            now[0], number = arrivals.pop(0)
            data = datagrams[number]
            assert data is not None
            ear.receive(data)
        chunks += ear.chunks(beat * 0.02 + 0.005)
    assert {chunk.shape for chunk in chunks} == {(CHUNK_SAMPLES,)}
    return np.concatenate(chunks)


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def test_a_good_line_carries_the_sound_whole_and_soon() -> None:
    said = tone(300, SECONDS)
    got = heard(spoken(said), lambda n: 0.0)
    assert share(got[RATE : 5 * RATE], 300) > 0.99
    onset = int(np.argmax(np.abs(got) > 1000))
    assert onset / RATE < 0.08
    quiet = np.abs(got[onset + 1600 : onset + 5 * RATE]).reshape(-1, 160).max(axis=1) < 1000
    assert not quiet.any()  # not one hole of 10 ms


@pytest.mark.parametrize(("loss", "jitter", "purity"), [(0.2, 0.0, 0.85), (0.0, 0.2, 0.95), (0.2, 0.2, 0.8)])
def test_bad_lines_carry_it_still(loss: float, jitter: float, purity: float) -> None:
    chance = random.Random(7)
    said = tone(300, 20)
    got = heard(spoken(said), lambda n: None if chance.random() < loss else chance.random() * jitter)
    settled = got[6 * RATE : 19 * RATE]
    assert share(settled, 300, width=60) > purity
    assert loudness(settled) > 0.7 * loudness(said)
    holes = np.abs(settled).reshape(-1, CHUNK_SAMPLES).max(axis=1) < 300
    assert holes.mean() < 0.02


def test_a_long_loss_fades_instead_of_sticking() -> None:
    got = heard(spoken(tone(300, 2)), lambda n: None if 40 <= n < 70 else 0.0)
    assert loudness(got[int(1.1 * RATE) : int(1.4 * RATE)]) < 50
    assert share(got[int(1.6 * RATE) : int(2.0 * RATE)], 300) > 0.95


def test_most_of_a_silence_is_not_sent_and_it_lasts_as_long() -> None:
    datagrams = spoken(tone(300, SECONDS), pauses=(100, 200))
    pause = datagrams[100:200]
    assert all(pause[:TAIL])
    assert sum(data is not None for data in pause) == TAIL + 100 // KEEP_ALIVE
    packets = [RtpPacket.parse(data) for data in datagrams if data]
    assert [packet.sequence_number - packets[0].sequence_number for packet in packets] == list(range(len(packets)))
    assert [packet.marker for packet in packets].count(1) == 1
    first_after = next(packet for packet in packets if packet.marker)
    assert (first_after.timestamp - packets[0].timestamp) & 0xFFFFFFFF == 200 * 960
    got = heard(datagrams, lambda n: 0.0)
    silent = np.abs(got[: SECONDS * RATE]).reshape(-1, CHUNK_SAMPLES).max(axis=1) < 200
    assert 94 <= silent[20:].sum() <= 104
    assert share(got[int(4.5 * RATE) : int(5.5 * RATE)], 300) > 0.98


def test_streams_without_end_are_not_followed() -> None:
    """libsrtp keeps something of each."""
    deciphered = []

    class Counting(Plain):
        def unprotect(self, packet: bytes) -> bytes:
            deciphered.append(packet)
            return super().unprotect(packet)

    ear = Ear(111, Counting(), lambda: 0.0)
    for ssrc in range(1000):
        ear.receive(RtpPacket(payload_type=111, payload=b"\x48", ssrc=ssrc).serialize())
    assert len(deciphered) == MAX_STREAMS
    ear.receive(RtpPacket(payload_type=111, payload=b"\x48", ssrc=0).serialize())
    assert len(deciphered) == MAX_STREAMS + 1
    assert ear.ignored == 1000 - MAX_STREAMS


def test_what_is_not_this_calls_sound_is_counted_and_left() -> None:
    ear = Ear(111, Plain(), lambda: 0.0)
    other = RtpPacket(payload_type=0, payload=b"x").serialize()
    for data in (b"\xba" + bytes(20), b"\x80\x6f", other):
        ear.receive(data)
    assert ear.ignored == 3
    ear.receive(b"\x80\xc8" + bytes(20))  # a report
    assert (ear.ignored, ear.incoming) == (3, None)


def test_another_source_is_listened_to_from_its_beginning() -> None:
    first, second = spoken(tone(300, 1)), spoken(tone(800, 1))
    changed = [data and data[:8] + b"\0\0\0\x09" + data[12:] for data in second]
    got = heard(first + changed, lambda n: 0.0)
    assert share(got[int(0.2 * RATE) : int(0.9 * RATE)], 300) > 0.98
    assert share(got[int(1.2 * RATE) : int(1.9 * RATE)], 800) > 0.98


def test_a_report_tells_what_was_sent() -> None:
    sent: list[bytes] = []
    mouth = Mouth(111, Plain(), sent.append, ssrc=5)
    mouth.report(None)
    mouth.say(tone(300, 0.02))
    mouth.report(None)
    assert [data[1] for data in sent] == [201, 111, 200]

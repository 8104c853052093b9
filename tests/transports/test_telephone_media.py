"""A telephone's sound as packets on a simulated line; the time of each beat is an argument."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.transports._pcap import RTCP, RTP, needs_tshark, read, write
from tests.transports._peers import share, tone

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.sip.media import CODECS, G722, OPUS, PCMA, PCMU, Codec
from pinecall_run.transports import rtp
from pinecall_run.transports.telephone_codecs import CODINGS
from pinecall_run.transports.telephone_events import pressed
from pinecall_run.transports.telephone_media import Ear, Mouth

SECONDS = 4
FRAME = 160
Line = Callable[[int], float | None]


def sent(samples: Samples, codec: Codec = PCMU) -> list[rtp.Packet]:
    mouth = Mouth(7)
    mouth.agree(codec, codec.payload_type)
    packets = [rtp.parse(mouth.say(chunk)) for chunk in samples.reshape(-1, CHUNK_SAMPLES)]
    return [packet for packet in packets if packet is not None]


def heard(packets: list[rtp.Packet], late: Line = lambda _: 0.0, codec: Codec = PCMU) -> Samples:
    """What an ear makes of packets, each of which is so late, or lost where that is ``None``."""
    ear = Ear()
    ear.agree(codec)
    arrivals = sorted((0.02 * n + by, n) for n in range(len(packets)) if (by := late(n)) is not None)
    chunks = list[Samples]()
    for beat in range(len(packets) + 15):
        while arrivals and arrivals[0][0] <= beat * 0.02 + 0.005:
            at, number = arrivals.pop(0)
            assert ear.receive(packets[number], codec, at)
        chunks += ear.chunks(beat * 0.02 + 0.01)
    assert {chunk.shape for chunk in chunks} == {(CHUNK_SAMPLES,)}
    return np.concatenate(chunks)


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


@pytest.mark.parametrize("codec", CODECS)
def test_a_tone_arrives_as_it_was_sent(codec: Codec) -> None:
    wave = tone(440, SECONDS)
    packets = sent(wave, codec)
    assert {CODINGS[codec].duration(packet.payload) for packet in packets} == {codec.clock_rate // 50}
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)}
    assert steps == {codec.clock_rate // 50}
    assert {packet.payload_type for packet in packets} == {codec.payload_type}
    got = heard(packets, codec=codec)
    body = got[RATE : 3 * RATE]
    assert share(body, 440) > 0.98
    assert 0.9 < loudness(body) / loudness(wave[RATE : 3 * RATE]) < 1.1


@pytest.mark.parametrize("codec", CODECS)
def test_what_comes_late_and_in_disorder_is_put_in_order(codec: Codec) -> None:
    chance = random.Random(4)
    got = heard(sent(tone(440, SECONDS), codec), lambda _: chance.random() * 0.05, codec)
    assert share(got[RATE : 3 * RATE], 440) > 0.9


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_lost_is_made_up(codec: Codec) -> None:
    chance = random.Random(4)
    lost = {number for number in range(SECONDS * 50) if chance.random() < 0.05}
    packets = sent(tone(400, SECONDS), codec)
    got = heard(packets, lambda number: None if number in lost else 0.0, codec)
    frames = got[RATE : 3 * RATE].reshape(-1, CHUNK_SAMPLES)
    assert sum(not frame.any() for frame in frames) == 0, "no hole"
    assert share(got[RATE : 3 * RATE], 400) > 0.8


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_silence_without_a_click(codec: Codec) -> None:
    got = heard(sent(tone(440, SECONDS), codec), lambda number: 0.0 if number < 100 else None, codec)
    assert not got[int(2.5 * RATE) :].any()


def test_silence_is_sent_and_times_go_on() -> None:
    mouth = Mouth(7)
    chunks = [*tone(440, 0.2).reshape(-1, CHUNK_SAMPLES), None, None, None, *tone(440, 0.1).reshape(-1, CHUNK_SAMPLES)]
    packets = [rtp.parse(mouth.say(chunk)) for chunk in chunks]
    times = [packet.timestamp for packet in packets if packet]
    assert {(b - a) & 0xFFFFFFFF for a, b in pairwise(times)} == {FRAME}
    assert packets[12] is not None
    assert set(packets[12].payload) == {0xFF}


def test_a_key_has_one_time_and_sound_after_it_begins_anew() -> None:
    mouth = Mouth(7)
    before = rtp.parse(mouth.say(None))
    raw = [packet for beat in pressed("5", 8_000) for packet in mouth.press(beat, 101)]
    after = mouth.say(None)
    keys = [rtp.parse(packet) for packet in raw]
    assert before is not None
    assert {key.timestamp for key in keys if key} == {(before.timestamp + FRAME) & 0xFFFFFFFF}
    assert [packet[1] >> 7 for packet in raw] == [1] + [0] * 9
    assert after[1] == 0x80
    resumed = rtp.parse(after)
    assert resumed is not None
    assert (resumed.timestamp - before.timestamp) & 0xFFFFFFFF == FRAME * 14


def test_another_stream_is_taken_only_when_the_first_is_silent() -> None:
    ear, packet = Ear(), sent(tone(440, 0.1))[0]
    other = rtp.Packet(0, 1, 1, 99, packet.payload)
    assert ear.receive(packet, PCMU, 1.0)
    assert not ear.receive(other, PCMU, 1.05)
    assert ear.receive(other, PCMU, 1.2)


def test_another_codec_in_the_middle_of_it() -> None:
    """What was agreed on anew is heard at once, of the same stream or of another."""
    mouth, ear, now, got = Mouth(7), Ear(), 0.0, []
    streams = set()
    for codec in (PCMU, OPUS, G722, PCMA):
        mouth.agree(codec, codec.payload_type)
        ear.agree(codec)
        for chunk in tone(440, 1).reshape(-1, CHUNK_SAMPLES):
            packet = rtp.parse(mouth.say(chunk))
            assert packet is not None
            assert (packet.payload_type, ear.receive(packet, codec, now)) == (codec.payload_type, True)
            streams.add((packet.ssrc, codec.clock_rate))
            got += ear.chunks(now + 0.01)
            now += 0.02
    assert len(streams) == len({ssrc for ssrc, _ in streams}) == 3, "each clock has a stream of its own (RFC 7160)"
    heard = np.concatenate(got)
    for second in range(4):
        assert share(heard[int((second + 0.3) * RATE) : (second + 1) * RATE], 440) > 0.95


def test_the_same_codec_again_changes_nothing() -> None:
    packets, ear = sent(tone(440, 1)), Ear()
    for number, packet in enumerate(packets):
        ear.receive(packet, PCMU, number * 0.02)
        ear.agree(PCMU)
        heard = ear.chunks(number * 0.02 + 0.01)
    assert heard[0].any()


def test_a_change_without_a_word_is_followed() -> None:
    """Who has answered with several codecs may use any of them (RFC 3264, 6.1)."""
    ear, now, got = Ear(), 0.0, []
    for codec in (PCMU, G722):
        for packet in sent(tone(440, 1), codec):
            assert ear.receive(packet, codec, now)
            got += ear.chunks(now + 0.01)
            now += 0.02
    assert share(np.concatenate(got)[int(1.4 * RATE) :], 440) > 0.95


@pytest.mark.parametrize("milliseconds", [10, 40, 60])
def test_packets_of_another_length(milliseconds: int) -> None:
    """Of G.722, each byte is two samples and one tick of its clock."""
    stream = b"".join(packet.payload for packet in sent(tone(440, 2), G722))
    size = 8 * milliseconds
    cut = [stream[at : at + size] for at in range(0, len(stream), size)]
    ear, now, got, number = Ear(), 0.0, [], 0
    ear.agree(G722)
    for beat in range(100):
        now = beat * 0.02
        while number < len(cut) and number * milliseconds <= beat * 20:
            assert ear.receive(rtp.Packet(9, number, number * size, 1, cut[number]), G722, now)
            number += 1
        got += ear.chunks(now + 0.01)
    assert share(np.concatenate(got)[RATE // 2 :], 440) > 0.95


@needs_tshark
def test_wireshark_finds_no_fault_in_it(tmp_path: Path) -> None:
    """Every codec, keys in between, a hold, and reports."""
    mouth, now = Mouth(7), 0.0
    packets: list[tuple[float, int, bytes]] = []
    for codec in CODECS:
        mouth.agree(codec, codec.payload_type)
        for chunk in [*tone(440, 1).reshape(-1, CHUNK_SAMPLES), None, None]:
            packets.append((now := now + 0.02, RTP, mouth.say(chunk)))
        packets.append((now, RTCP, mouth.report(None)))
        for beat in pressed("5", codec.clock_rate):
            now += 0.02
            packets += [(now, RTP, packet) for packet in mouth.press(beat, 101)]
        for _ in range(10):
            mouth.skip()
            now += 0.02
    write(tmp_path / "call.pcap", packets)
    faults = "_ws.malformed || _ws.expert.severity >= 0x600000"
    assert read(tmp_path / "call.pcap", "-Y", faults) == ""
    assert len(read(tmp_path / "call.pcap", "-Y", "rtcp.pt == 200").splitlines()) == len(CODECS)
    table = read(tmp_path / "call.pcap", "-q", "-z", "rtp,streams")
    rows = [line for line in table.splitlines() if "192.0.2.1" in line]
    assert len(rows) == 2, "one for each clock"
    assert all(" 0 (0.0%)" in row for row in rows), "nothing is lost"


def test_reports_say_what_was_lost() -> None:
    ear, packets = Ear(), sent(tone(440, 1))
    for number, packet in enumerate(packets):
        if number % 5:
            ear.receive(packet, PCMU, number * 0.02)
    mouth = Mouth(7)
    assert mouth.report(None)[1] == 201, "a receiver's, before anything is sent"
    mouth.say(None)
    report = mouth.report(ear.incoming)
    assert report[1] == 200
    assert report[32] > 40, "a fifth of 256"

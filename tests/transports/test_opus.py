"""Sound through Opus and back, whole and with holes."""

from __future__ import annotations

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transports._peers import share, tone

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples
from pinecall_run.transports.opus import FADE, Decoder, Encoder


def packets(samples: Samples) -> list[bytes]:
    encoder = Encoder()
    return [encoder.encode(chunk) for chunk in samples.reshape(-1, CHUNK_SAMPLES)]


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def test_a_chunk_is_a_packet_and_comes_back_as_loud_and_as_high() -> None:
    said = tone(300, 2)
    sent = packets(said)
    assert len(sent) == 100
    assert all(40 <= len(packet) <= 140 for packet in sent[5:])  # about 32 kbit/s
    decoder = Decoder()
    pieces = [decoder.decode(packet) for packet in sent]
    assert [len(piece) for piece in pieces[1:]] == [CHUNK_SAMPLES] * 99
    heard = np.concatenate(pieces)
    assert abs(loudness(heard[-RATE:]) / loudness(said) - 1) < 0.05
    assert share(heard[-RATE:], 300) > 0.99


def test_stereo_packets_of_browsers_are_heard_too() -> None:
    codec = av.CodecContext.create("libopus", "w")
    codec.format, codec.layout, codec.sample_rate, codec.bit_rate = "s16", "stereo", 48_000, 64_000  # type: ignore
    frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
    frame.sample_rate = 48_000
    decoder, heard = Decoder(), []
    for number in range(50):
        said = tone(500, 1, 48_000)[number * 960 : number * 960 + 960]
        frame.planes[0].update(np.repeat(said, 2).tobytes())
        frame.pts = number * 960
        heard += [decoder.decode(bytes(packet)) for packet in codec.encode(frame)]  # type: ignore[attr-defined]
    assert share(np.concatenate(heard)[-8000:], 500) > 0.98


def test_a_lost_packet_goes_on_as_before_and_many_fade_to_silence() -> None:
    sent, decoder = packets(tone(200, 2)), Decoder()
    before = [decoder.decode(packet) for packet in sent[:50]]
    made_up = [decoder.conceal() for _ in range(len(FADE) + 2)]
    assert loudness(made_up[0]) > 0.5 * loudness(before[-1])
    assert share(np.concatenate((before[-1], made_up[0])), 200, width=60) > 0.8
    assert loudness(made_up[3]) < 0.3 * loudness(before[-1])
    assert not made_up[-1].any()
    after = np.concatenate([decoder.decode(packet) for packet in sent[50:]])
    assert share(after[RATE // 2 :], 200) > 0.98


def test_no_click_where_a_packet_is_missing() -> None:
    """The steps between neighbouring samples stay about as large as the tone's own."""
    sent, decoder = packets(tone(200, 2)), Decoder()
    heard = [decoder.conceal() if n % 10 == 5 else decoder.decode(packet) for n, packet in enumerate(sent)]
    steps = np.abs(np.diff(np.concatenate(heard[3:]).astype(int)))
    assert steps.max() < 2.0 * np.abs(np.diff(tone(200, 2).astype(int))).max()


def test_before_anything_was_heard_silence_is_made_up() -> None:
    assert loudness(Decoder().conceal()) < 5


def test_silence_is_a_small_packet() -> None:
    encoder = Encoder()
    assert len([encoder.encode(SILENCE) for _ in range(10)][-1]) <= 100


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=10))
def test_what_is_no_packet_is_made_up_and_never_longer_than_one_may_be(payloads: list[bytes]) -> None:
    decoder = Decoder()
    for payload in payloads:
        assert len(decoder.decode(payload)) <= RATE * 0.121
    assert share(np.concatenate([decoder.decode(packet) for packet in packets(tone(300, 1))])[-8000:], 300) > 0.98

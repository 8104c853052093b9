"""Both sides of a call, paired, laid over each other and cut into pieces."""

import numpy as np
import pytest
from tests.audio._tones import rms, tone

from pinecall_run.audio.blend import HUSH, Blend, laid_over
from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples

CALLER, AGENT = tone(500, RATE), tone(1_500, RATE)


def chunks(sound: Samples) -> list[Samples]:
    return list(sound.reshape(-1, CHUNK_SAMPLES))


def blended(blend: Blend, heard: list[Samples], played: list[Samples | None]) -> list[bytes]:
    pieces: list[bytes] = []
    for one, other in zip(heard, played, strict=True):
        blend.heard(one)
        pieces += blend.played(other)
    return pieces


def level_at(sound: Samples, rate: int, hertz: int) -> float:
    return float(abs(np.fft.rfft(sound[:rate])[hertz])) / rate


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_both_sides_are_in_pieces_of_fifty_milliseconds(rate: int) -> None:
    pieces = blended(Blend(rate), [*chunks(CALLER), *[SILENCE] * 3], [*chunks(AGENT), None, None, None])
    assert {len(piece) for piece in pieces} == {rate // 10}
    assert len(pieces) in (20, 21)
    sound = np.frombuffer(b"".join(pieces), "<i2")
    caller, agent = level_at(sound, rate, 500), level_at(sound, rate, 1_500)
    assert caller == pytest.approx(agent, rel=0.05)
    assert caller > 20 * level_at(sound, rate, 1_000)


def test_a_side_alone_is_heard_as_it_is() -> None:
    played: list[Samples | None] = [None] * 50
    sound = np.frombuffer(b"".join(blended(Blend(RATE), chunks(CALLER), played)), "<i2")
    assert np.array_equal(sound, CALLER[: len(sound)])


def test_what_is_too_loud_is_cut_off_and_does_not_wrap() -> None:
    loud = np.array([30_000, -30_000], np.int16)
    assert laid_over(loud, loud).tolist() == [32_767, -32_768]


def test_silence_is_given_out_for_a_second_and_then_no_more() -> None:
    blend = Blend(RATE)
    assert blended(blend, [SILENCE] * 10, [None] * 10) == [], "nothing was said yet"
    pieces = blended(blend, [*chunks(CALLER), *[SILENCE] * 200], [None] * 250)
    assert len(pieces) == (50 + HUSH) * 20 // 50
    again = blended(blend, chunks(CALLER)[:5], [None] * 5)
    assert rms(np.frombuffer(b"".join(again), "<i2")) > 0.9 * rms(CALLER)


def test_a_caller_who_comes_in_bursts_is_not_left_behind_for_ever() -> None:
    blend = Blend(RATE)
    for chunk in chunks(CALLER):
        blend.heard(chunk)
    pieces = [piece for _ in range(50) for piece in blend.played(None)]
    sound = np.frombuffer(b"".join(pieces), "<i2")
    assert np.array_equal(sound[: 10 * CHUNK_SAMPLES], CALLER[-10 * CHUNK_SAMPLES :])

"""Streams at other rates keep their sound, their length and their pace."""

import os
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio._tones import largest_step, noise, rms, strongest_hertz, tone

from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.resample import Resampler

RATES = [(48_000, 16_000), (16_000, 48_000), (24_000, 16_000), (8_000, 16_000), (16_000, 8_000), (22_050, 16_000)]


def in_chunks(samples: Samples, source: int, target: int) -> list[Samples]:
    resampler = Resampler(source, target)
    step = source // 50
    pieces = [resampler.feed(samples[at : at + step]) for at in range(0, len(samples), step)]
    return [*pieces, resampler.flush()]


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_stays_what_it_is(source: int, target: int) -> None:
    out = np.concatenate(in_chunks(tone(1_000, source), source, target))
    assert len(out) == target
    assert strongest_hertz(out, target) == pytest.approx(1_000, abs=1)
    inside = out[target // 100 : -target // 100]
    assert rms(inside) == pytest.approx(10_000 / 2**0.5, rel=0.005)
    expected = tone(1_000, target)[target // 100 : -target // 100]
    assert rms(inside.astype(float) - expected) < 10  # the same phase: nothing is moved in time
    assert largest_step(inside) <= largest_step(tone(1_000, target)) * 1.01  # no click where chunks meet


@pytest.mark.parametrize(("source", "target"), RATES)
def test_the_delay_is_two_milliseconds_at_most(source: int, target: int) -> None:
    *pieces, rest = in_chunks(noise(source), source, target)
    assert len(rest) <= target * 0.002
    assert {len(piece) for piece in pieces[1:-1]} <= {target // 50, target // 50 + 1}


@pytest.mark.parametrize(("source", "hertz"), [(48_000, 9_500), (48_000, 20_000), (24_000, 10_000)])
def test_what_the_lower_rate_cannot_hold_is_not_heard_as_something_else(source: int, hertz: float) -> None:
    out = np.concatenate(in_chunks(tone(hertz, source), source, 16_000))
    assert rms(out[1_600:-1_600]) < 10_000 / 2**0.5 / 1_000  # 60 dB below


def test_equal_rates_pass_untouched() -> None:
    resampler, samples = Resampler(16_000, 16_000), noise(320)
    assert resampler.feed(samples) is samples
    assert not len(resampler.flush())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=12), st.sampled_from(RATES))
def test_how_it_arrives_makes_no_difference(lengths: list[int], rates: tuple[int, int]) -> None:
    whole = noise(sum(lengths) + 200)
    at_once, in_pieces = Resampler(*rates), Resampler(*rates)
    pieces = [in_pieces.feed(piece) for piece in np.split(whole, np.cumsum(lengths))]
    kept = [piece.copy() for piece in pieces]
    out = np.concatenate([*pieces, in_pieces.flush()])
    assert (out == np.concatenate([at_once.feed(whole), at_once.flush()])).all()
    assert (out[: sum(map(len, kept))] == np.concatenate(kept)).all()  # what was given out is not written to again
    assert len(out) == pytest.approx(len(whole) * rates[1] / rates[0], abs=1)


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(8_000, 16_000)
    first = [resampler.feed(noise(800)), resampler.flush()]
    assert not len(resampler.flush())
    second = [resampler.feed(noise(800)), resampler.flush()]
    assert (np.concatenate(first) == np.concatenate(second)).all()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")
def test_no_stream_keeps_a_thread() -> None:
    before = len(os.listdir("/proc/self/task"))
    streams = [Resampler(48_000, 16_000) for _ in range(20)]
    assert len(os.listdir("/proc/self/task")) == before
    del streams

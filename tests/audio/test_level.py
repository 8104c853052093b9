"""Levels of known sounds, and what counts as loud."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio._tones import noise, tone

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.audio.level import SILENT, Level, level_of, loudest

MIN_VOLUME = 0.35  # protocol: interruption


def test_a_full_sine_is_three_decibels_below_a_full_square() -> None:
    square = np.array([32_767, -32_768] * 160, np.int16)
    assert level_of(square) == pytest.approx(Level(1, 1, 0), abs=0.001)
    assert level_of(tone(1_000, 16_000, 0.02, 32_767)) == pytest.approx(Level(0.7071, 1, -3.01), abs=0.01)


def test_the_most_negative_sample_is_a_peak() -> None:
    assert level_of(np.array([0, -32_768, 0, 0], np.int16)) == Level(0.5, 1.0, pytest.approx(-6.02, abs=0.01))


@pytest.mark.parametrize("samples", [SILENCE, SILENCE[:0]])
def test_silence_has_no_level(samples: np.ndarray) -> None:
    assert level_of(samples) == SILENT == Level(0, 0, -60)
    assert SILENT.volume == 0


def test_what_is_hardly_there_is_at_the_floor() -> None:
    assert level_of(np.array([1, 0, 0, 0], np.int16)).energy_db == -60


@pytest.mark.parametrize(
    ("decibels", "is_loud"),
    [(-20, True), (-26, True), (-36, True), (-38, True), (-40, False), (-45, False), (-60, False)],
)
def test_speech_at_hand_is_loud_and_a_quiet_room_is_not(decibels: float, is_loud: bool) -> None:
    level = level_of(noise(16_000, 32_768 * 10 ** (decibels / 20)))
    assert level.energy_db == pytest.approx(decibels, abs=0.3)
    assert (level.volume > MIN_VOLUME) is is_loud


@given(st.lists(st.integers(-32_768, 32_767), max_size=400))
def test_every_level_is_within_its_bounds(samples: list[int]) -> None:
    level = level_of(np.array(samples, np.int16))
    assert 0 <= level.rms <= level.peak + 1e-6 <= 1 + 2e-6
    assert -60 <= level.energy_db <= 0
    assert level.peak == max(map(abs, samples), default=0) / 32_768
    assert 0 <= level.volume <= 1


def test_the_loudest_of_some_chunks_is_as_loud_as_it_is_alone() -> None:
    quiet, loud = (np.full(320, level, np.int16) for level in (100, 8_000))
    assert loudest([quiet, loud, quiet]) == pytest.approx(level_of(loud).volume)
    assert loudest([np.zeros(320, np.int16)]) == 0.0
    assert loudest([np.ones(320, np.int16)]) == 0.0

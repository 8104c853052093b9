"""The picture of a sound shows its pitch, its time and its loudness where Whisper's models look for them."""

import numpy as np
import pytest
from tests.voice._speech import needs_flite, said
from tests.voice._turn_model import needs_peer, peers_answers

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.voice.log_mel import BANDS, FRAMES, SAMPLES, log_mel


def tone(hertz: float, level: float = 8_000) -> Samples:
    return (np.sin(np.arange(SAMPLES) * 2 * np.pi * hertz / RATE) * level).astype(np.int16)


@pytest.mark.parametrize(("hertz", "band"), [(100, 2), (1_000, 26), (4_000, 62), (7_600, 79)])
def test_a_tone_is_brightest_in_its_band(hertz: float, band: int) -> None:
    seen = log_mel(tone(hertz))
    assert (seen.shape, seen.dtype) == ((BANDS, FRAMES), np.float32)
    assert (seen[:, 5:-5].argmax(axis=0) == band).all()


def test_a_click_is_seen_when_it_comes() -> None:
    sound = np.zeros(SAMPLES, np.int16)
    sound[4 * RATE] = 20_000
    seen = log_mel(sound)[10:].max(axis=0)  # the mean that is taken away is seen further down
    assert seen.argmax() == 400
    assert np.flatnonzero(seen > seen.min() + 0.01).tolist() == [399, 400, 401], "a window is 25 ms"


def test_loudness_is_taken_out_and_what_is_far_below_the_loudest_is_cut_off() -> None:
    loud, soft = log_mel(tone(440, 16_000)), log_mel(tone(440, 160))
    assert np.abs(loud - soft).max() < 1.0, "rounding to whole samples is heard, where nothing else is"
    assert np.abs(loud.max() - soft.max()) < 0.01
    assert np.ptp(loud) <= 2.0 + 1e-6


def test_silence_is_all_of_a_colour() -> None:
    assert (log_mel(np.zeros(SAMPLES, np.int16)) == np.float32(-1.5)).all()


def test_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="128000 samples"):
        log_mel(np.zeros(SAMPLES - 1, np.int16))


@needs_peer
@needs_flite
def test_it_is_what_the_model_s_makers_compute() -> None:
    chance = np.random.default_rng(1)
    speech = np.pad(said("where is order one thousand and one"), (SAMPLES, 0))[-SAMPLES:]
    sounds = [speech, tone(440), chance.normal(0, 900, SAMPLES).astype(np.int16), np.zeros(SAMPLES, np.int16)]
    for sound, (_, features) in zip(sounds, peers_answers(sounds), strict=True):
        assert np.abs(log_mel(sound) - features).max() < 1e-5

"""A loop comes and goes gently, gives way to the voice, and meets its own beginning."""

import numpy as np
import pytest
from tests.audio._tones import largest_step, noise, rms, tone

from pinecall_run.audio.background import DUCKED, FADE_CHUNKS, Background, seamless

LOOP = tone(400, 16_000)  # whole periods: its ends meet
NATURAL_STEP = largest_step(LOOP)


def chunks(background: Background, count: int, *, is_ducked: bool = False) -> np.ndarray:
    return np.concatenate([background.take(is_ducked=is_ducked) for _ in range(count)])


def test_it_comes_stays_and_goes_without_a_click() -> None:
    background = Background(LOOP, 0.5)
    came, stays = chunks(background, FADE_CHUNKS), chunks(background, 60)
    assert rms(came[:80]) < 0.01 * rms(LOOP)
    assert rms(stays) == pytest.approx(0.5 * rms(LOOP), rel=0.001)
    background.turn_to(0)
    assert not background.is_over
    went = chunks(background, FADE_CHUNKS + 1)
    assert background.is_over
    assert rms(went[-80:]) < 0.01 * rms(LOOP)
    assert largest_step(np.concatenate((came, stays, went, [0]))) <= NATURAL_STEP * 0.51


def test_it_gives_way_and_returns() -> None:
    background = Background(LOOP, 1)
    chunks(background, FADE_CHUNKS)
    giving_way = chunks(background, FADE_CHUNKS, is_ducked=True)
    low = chunks(background, 5, is_ducked=True)
    returning = chunks(background, FADE_CHUNKS)
    assert rms(low) == pytest.approx(DUCKED * rms(LOOP), rel=0.001)
    assert rms(returning[-320:]) == pytest.approx(rms(LOOP), rel=0.05)
    assert largest_step(np.concatenate((giving_way, low, returning))) <= NATURAL_STEP * 1.01


def test_a_loop_shorter_than_a_chunk_repeats() -> None:
    background = Background(LOOP[:40], 1)  # one period
    chunks(background, FADE_CHUNKS)
    assert (chunks(background, 20) == LOOP[:6_400]).all()


@pytest.mark.parametrize("length", [16_000, 15_987, 300, 2])
def test_the_ends_of_a_seamless_loop_meet(length: int) -> None:
    sound = np.cumsum(noise(length, 30)).clip(-32_768, 32_767).astype(np.int16)  # drifts: its ends are far apart
    loop = seamless(sound)
    assert len(loop) == length - min(800, length // 2)
    twice = np.concatenate((loop, loop))
    assert largest_step(twice) <= largest_step(sound) + abs(int(sound[-1]) - int(sound[0])) / len(loop) + 60


def test_nothing_is_left_as_it_is() -> None:
    assert not len(seamless(LOOP[:0]))
    assert len(seamless(LOOP[:1])) == 1

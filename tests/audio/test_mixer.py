"""The voice comes out whole and in order, stops at once, and is never drowned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio._tones import largest_step, noise, rms, tone

from pinecall_run.audio.background import DUCKED
from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples
from pinecall_run.audio.guest import Guest
from pinecall_run.audio.mixer import Mixer

VOICE, MUSIC = tone(440, 16_000), tone(300, 16_000, amplitude=8_000)


def taken(mixer: Mixer, count: int) -> Samples:
    """So many chunks, silence for none."""
    return np.concatenate([SILENCE if chunk is None else chunk for chunk, _ in (mixer.take() for _ in range(count))])


def filled(samples: Samples, **options: float) -> Mixer:
    mixer = Mixer(**options)
    assert mixer.queue(samples)
    return mixer


def test_nothing_to_play_is_none() -> None:
    mixer = Mixer()
    assert mixer.take() == (None, 0)
    mixer.queue(VOICE[:0])
    assert mixer.take() == (None, 0)
    assert mixer.cut() == 0


@given(st.lists(st.integers(0, 1_000), max_size=20))
def test_the_voice_is_the_same_in_chunks(lengths: list[int]) -> None:
    voice = noise(sum(lengths))
    mixer = Mixer()
    for piece in np.split(voice, np.cumsum(lengths))[:-1]:
        mixer.queue(piece)
    assert mixer.queued_samples == len(voice)
    chunks, counts = [], []
    while mixer.queued_samples:
        chunk, count = mixer.take()
        assert chunk is not None
        assert len(chunk) == CHUNK_SAMPLES
        chunks.append(chunk)
        counts.append(count)
    assert sum(counts) == len(voice)
    assert set(counts[:-1]) <= {CHUNK_SAMPLES}
    out = np.concatenate([*chunks, SILENCE[:0]])
    is_whole = len(voice) % CHUNK_SAMPLES == 0
    heard = len(voice) if is_whole else max(len(voice) - 80, len(voice) // CHUNK_SAMPLES * CHUNK_SAMPLES)
    assert (out[:heard] == voice[:heard]).all()
    assert not out[len(voice) :].any()


def test_a_voice_that_runs_dry_does_not_click() -> None:
    out = taken(filled(VOICE[:1_000]), 5)
    assert largest_step(out) <= largest_step(VOICE)
    assert not out[999:].any()


def test_the_queue_is_bounded_and_says_so() -> None:
    mixer = filled(VOICE[:3_000], limit_seconds=0.2)  # 3,200 samples
    assert mixer.has_room
    assert mixer.queue(VOICE[:1_000])
    assert not mixer.has_room
    assert not mixer.queue(VOICE)
    assert mixer.queued_samples == 4_000
    for _ in range(3):
        mixer.take()
    assert mixer.has_room
    assert mixer.queue(VOICE)  # longer than the limit, and still not stuck for ever


@pytest.mark.parametrize("is_split", [True, False])
def test_a_cut_silences_within_one_chunk_and_without_a_click(is_split: bool) -> None:
    mixer = Mixer()
    for piece in np.split(VOICE, 400) if is_split else [VOICE]:
        mixer.queue(piece)
    before = taken(mixer, 10)
    assert mixer.cut() == 16_000 - 3_200 - 80
    assert mixer.queued_samples == 80
    chunk, count = mixer.take()
    assert chunk is not None
    assert count == 80
    assert not chunk[79:].any()
    assert rms(chunk[:40]) > 0.3 * rms(VOICE)  # it fades, it does not stop
    assert largest_step(np.concatenate((before, chunk))) <= largest_step(VOICE) * 1.05
    assert mixer.take() == (None, 0)


def test_after_a_cut_the_next_voice_follows_at_once() -> None:
    mixer = filled(VOICE)
    mixer.take()
    mixer.cut()
    mixer.queue(noise(240))
    chunk, count = mixer.take()
    assert chunk is not None
    assert count == CHUNK_SAMPLES
    assert (chunk[80:] == noise(240)).all()
    assert chunk[79] == 0


def test_a_cut_of_little_drops_nothing() -> None:
    mixer = filled(VOICE[:50])
    assert mixer.cut() == 0
    assert mixer.take()[1] == 50


def test_music_plays_alone_and_counts_as_no_voice() -> None:
    mixer = Mixer()
    mixer.background(MUSIC, gain=0.5)
    out = [mixer.take() for _ in range(50)]
    assert {count for _, count in out} == {0}
    assert rms(np.concatenate([chunk for chunk, _ in out if chunk is not None][20:])) == pytest.approx(
        0.5 * rms(MUSIC), rel=0.01
    )


def test_music_gives_way_to_the_voice_and_returns_after_a_pause() -> None:
    mixer = Mixer()
    mixer.background(MUSIC)
    alone = taken(mixer, 30)
    mixer.queue(VOICE)
    under = taken(mixer, 50)
    pause = taken(mixer, 24)
    after = taken(mixer, 12)
    voice_left = under[6_400:].astype(float) - VOICE[6_400:]
    assert rms(voice_left) == pytest.approx(DUCKED * rms(MUSIC), rel=0.01)
    assert rms(pause) == pytest.approx(DUCKED * rms(MUSIC), rel=0.01)
    assert rms(after[-320:]) == pytest.approx(rms(MUSIC), rel=0.1)
    assert largest_step(np.concatenate((alone, under, pause, after))) <= largest_step(MUSIC) + largest_step(VOICE)


def test_music_goes_without_a_click_and_then_there_is_nothing() -> None:
    mixer = Mixer()
    mixer.background(MUSIC)
    before = taken(mixer, 15)
    mixer.background(None)
    after = taken(mixer, 12)
    assert mixer.take() == (None, 0)
    assert largest_step(np.concatenate((before, after))) <= largest_step(MUSIC) + 1
    assert after[:320].any()


def test_one_music_passes_into_another() -> None:
    mixer, other = Mixer(), tone(500, 16_000, amplitude=8_000)
    mixer.background(MUSIC)
    before = taken(mixer, 15)
    mixer.background(other)
    across = taken(mixer, 10)
    then = taken(mixer, 10)
    assert largest_step(np.concatenate((before, across, then))) <= largest_step(MUSIC) + largest_step(other)
    assert rms(across[1_500:1_700]) > 2_000  # no hole between them
    assert (then == other[3_200:6_400]).all()


def test_the_same_music_goes_on_where_it_is() -> None:
    mixer = Mixer()
    mixer.background(MUSIC)
    taken(mixer, 10)
    mixer.background(MUSIC, gain=0.5)
    taken(mixer, 10)
    assert np.abs(taken(mixer, 10) - MUSIC[6_400:9_600] * 0.5).max() <= 1


def test_changing_one_s_mind_keeps_nothing() -> None:
    mixer = Mixer()
    for _ in range(1_000):
        mixer.background(MUSIC.copy())
        mixer.background(None)
    assert mixer.take() == (None, 0)
    mixer.background(MUSIC[:0])
    assert mixer.take() == (None, 0)


def test_what_is_too_loud_together_is_held_at_full_scale() -> None:
    loud = np.full(16_000, 30_000, np.int16)
    mixer = filled(loud)
    mixer.background(loud)
    out = taken(mixer, 20)
    assert out.min() > 30_000
    assert out.max() == 32_767


def test_a_guest_is_heard_beside_the_voice_and_is_no_part_of_it() -> None:
    mixer = Mixer()
    mixer.guest = Guest()
    said = VOICE[: 10 * CHUNK_SAMPLES]
    mixer.guest.add(said)
    chunk, voiced = mixer.take()
    assert chunk is not None
    assert voiced == 0
    assert np.array_equal(chunk, said[:CHUNK_SAMPLES])
    mixer.queue(np.full(CHUNK_SAMPLES, 100, np.int16))
    chunk, voiced = mixer.take()
    assert chunk is not None
    assert voiced == CHUNK_SAMPLES
    assert np.array_equal(chunk, said[CHUNK_SAMPLES : 2 * CHUNK_SAMPLES] + 100)

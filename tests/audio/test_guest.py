"""A guest's voice comes as a network brings it, and goes out evenly."""

import numpy as np
from tests.audio._tones import tone

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE
from pinecall_run.audio.guest import AHEAD, MOST, Guest

SAID = tone(400, RATE)


def test_what_was_said_is_heard_from_when_enough_of_it_is_there() -> None:
    guest, said = Guest(), SAID[: RATE // 2]
    heard = []
    for at in range(0, len(said), 731):
        guest.add(said[at : at + 731])
        heard.append(guest.take())
    first = next(place for place, chunk in enumerate(heard) if chunk is not None)
    assert first == 2, "three pieces of 46 ms are more than 100 ms"
    while (chunk := guest.take()) is not None:
        heard.append(chunk)
    whole = np.concatenate([chunk for chunk in heard if chunk is not None])
    assert np.array_equal(whole[: len(said)], said)
    assert not whole[len(said) :].any()
    assert guest.take() is None


def test_after_a_pause_a_little_is_kept_again() -> None:
    guest = Guest()
    guest.add(SAID[: AHEAD * CHUNK_SAMPLES])
    assert sum(guest.take() is not None for _ in range(20)) == AHEAD
    guest.add(SAID[: (AHEAD - 1) * CHUNK_SAMPLES])
    assert guest.take() is None
    guest.add(SAID[:CHUNK_SAMPLES])
    assert guest.take() is not None


def test_of_what_comes_too_fast_the_newest_is_kept() -> None:
    guest = Guest()
    for number in range(MOST + 1):
        guest.add(np.full(CHUNK_SAMPLES, number, np.int16))
    first = guest.take()
    assert first is not None
    assert first[0] == MOST + 1 - AHEAD

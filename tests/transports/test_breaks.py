"""Which sound is quiet, and how much of it is a pause."""

from __future__ import annotations

import numpy as np
import pytest

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.transports.breaks import PAUSE_SAMPLES, QUIET, Breaks, is_quiet


def chunk(amplitude: int) -> Samples:
    return np.full(CHUNK_SAMPLES, amplitude, np.int16)


@pytest.mark.parametrize("sign", [-1, 1])
def test_quiet_is_what_nobody_would_miss(sign: int) -> None:
    assert is_quiet(chunk(sign * (QUIET - 1)))
    assert not is_quiet(chunk(sign * QUIET))
    assert not is_quiet(chunk(sign * 32_767))
    assert is_quiet(chunk(0)[:0])


def test_a_pause_is_as_long_as_no_consonant_is() -> None:
    breaks = Breaks()
    assert breaks.is_pause, "nobody has spoken yet"
    assert breaks.hear(chunk(QUIET)) is False
    for _ in range(PAUSE_SAMPLES // CHUNK_SAMPLES):
        assert not breaks.is_pause
        assert breaks.hear(chunk(0)) is True
    assert breaks.is_pause
    breaks.hear(chunk(-QUIET))
    assert not breaks.is_pause


def test_silence_in_place_of_what_does_not_come_is_one() -> None:
    breaks = Breaks()
    breaks.hear(chunk(QUIET))
    breaks.pause()
    assert breaks.is_pause

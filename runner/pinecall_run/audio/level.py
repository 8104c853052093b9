"""How loud a chunk is."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import NamedTuple

import numpy as np

from pinecall_run.audio.chunk import Samples

FULL_SCALE = 32_768
FLOOR_DB = -60.0
"""What is quieter counts as silence."""


class Level(NamedTuple):
    """Loudness over a chunk: ``rms`` and ``peak`` in 0..1 of full scale, ``energy_db`` the rms in dB, -60..0."""

    rms: float
    peak: float
    energy_db: float

    @property
    def volume(self) -> float:
        """0..1, linear in dB from -60 to 0: what ``interruption.min_volume`` and ``vad.resume_min_volume`` compare.

        Telephony sets speech to -26 dB (ITU-T P.56 active speech level), which is .57; the default limit of .35 is
        -39 dB: speech at a third of the usual pressure passes in its vowels, a quiet room or a far voice does not.
        """
        return 1 - self.energy_db / FLOOR_DB


def loudest(chunks: Sequence[Samples]) -> float:
    """The volume (:attr:`Level.volume`) of the loudest of some chunks of one length.

    Speech falls silent for up to a quarter of a second at stops: whether it is loud enough is asked of so much of it.
    """
    wide = np.array(chunks, np.float32)
    square = float(np.einsum("ij,ij->i", wide, wide).max()) / wide.shape[1]
    if not square:
        return 0.0
    return 1 - max(10 * log10(square) - 20 * log10(FULL_SCALE), FLOOR_DB) / FLOOR_DB


SILENT = Level(0.0, 0.0, FLOOR_DB)


def level_of(samples: Samples) -> Level:
    """The level of any number of samples."""
    if not len(samples):
        return SILENT
    wide = samples.astype(np.float32)  # 16 bits do not hold squares, nor the opposite of their least number
    peak = max(float(wide[wide.argmax()]), -float(wide[wide.argmin()])) / FULL_SCALE
    if not peak:
        return SILENT
    rms = min((float(np.dot(wide, wide)) / len(samples)) ** 0.5 / FULL_SCALE, 1.0)  # floats round up, too
    return Level(rms, peak, max(20 * log10(rms), FLOOR_DB))

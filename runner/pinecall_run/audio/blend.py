"""Both sides of a call in one piece of sound, for whoever listens to it."""

from __future__ import annotations

from collections import deque

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE, SILENCE, Samples
from pinecall_run.audio.resample import Resampler

PIECE_SECONDS = 0.05
"""How much sound goes out at a time (protocol: live listening)."""

APART = 10
"""Chunks that the caller may run ahead: sound comes in bursts, and goes out evenly."""

HUSH = round(1.0 / CHUNK_SECONDS)
"""Chunks of nothing at all after which nothing is given out; the pauses of a conversation are part of it."""


class Blend:
    """Lays what was heard over what was played meanwhile. Pieces are s16le, mono, at ``rate``, 50 ms each."""

    def __init__(self, rate: int) -> None:
        self._heard: deque[Samples] = deque(maxlen=APART)
        self._resampler = Resampler(RATE, rate)
        self._piece = 2 * round(rate * PIECE_SECONDS)
        self._waiting = bytearray()
        self._quiet = HUSH

    def heard(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        self._heard.append(chunk)

    def played(self, chunk: Samples | None) -> list[bytes]:
        """20 ms for the caller, which go with what came from them: the pieces that are complete now."""
        mixed = _both(self._heard.popleft() if self._heard else None, chunk)
        self._quiet = self._quiet + 1 if mixed is None or not mixed.any() else 0
        if self._quiet > HUSH:
            self._waiting.clear()
            return []
        self._waiting += self._resampler.feed(SILENCE if mixed is None else mixed).astype("<i2", copy=False).tobytes()
        pieces = []
        while len(self._waiting) >= self._piece:
            pieces.append(bytes(self._waiting[: self._piece]))
            del self._waiting[: self._piece]
        return pieces


def _both(one: Samples | None, other: Samples | None) -> Samples | None:
    if one is None or other is None:
        return other if one is None else one
    return laid_over(one, other)


def laid_over(one: Samples, other: Samples) -> Samples:
    """Two sounds of one length at once; what is too loud for 16 bits is cut off."""
    wide = one.astype(np.int32) + other
    return wide.clip(-32_768, 32_767, out=wide).astype(np.int16)

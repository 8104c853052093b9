"""What sounds under the voice: a loop that comes, gives way, and goes without a click."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples

FADE_CHUNKS = 10
"""Coming, going and giving way take up to 200 ms."""
DUCKED = 0.25
"""What is left of the background while the voice speaks: 12 dB less."""
_SEAM = 800
_STEPS = np.arange(CHUNK_SAMPLES)
_RISE = np.linspace(1 / CHUNK_SAMPLES, 1, CHUNK_SAMPLES, dtype=np.float32)


def seamless(samples: Samples) -> Samples:
    """The same sound as a loop whose end runs into its beginning: 50 ms of both are blended, and it is as much
    shorter. Made once; any number of calls may play it at a time."""
    seam = min(_SEAM, len(samples) // 2)
    if not seam:
        return samples
    rise = np.linspace(0, 1, seam, endpoint=False)
    loop = samples[:-seam].copy()
    loop[:seam] = (samples[:seam] * rise + samples[-seam:] * (1 - rise)).round()
    return loop


class Background:
    """One loop from where it begins to sound to where it no longer does. The loop is not copied."""

    def __init__(self, loop: Samples, gain: float) -> None:
        self.loop = loop
        self._at = 0
        self._level = 0.0
        self.turn_to(gain)

    def turn_to(self, gain: float) -> None:
        """Become as loud as ``gain`` says, 1 for what the loop is, 0 to go."""
        self._step = max(gain, self._level) / FADE_CHUNKS
        self._gain = gain

    @property
    def is_over(self) -> bool:
        """Whether it has gone."""
        return not self._gain and not self._level

    def take(self, *, is_ducked: bool) -> npt.NDArray[np.float32]:
        """The next chunk."""
        before, target = self._level, self._gain * DUCKED if is_ducked else self._gain
        self._level = min(target, before + self._step) if before < target else max(target, before - self._step)
        piece = self.loop[self._at : self._at + CHUNK_SAMPLES]
        if len(piece) < CHUNK_SAMPLES:
            piece = self.loop.take(_STEPS + self._at, mode="wrap")
        self._at = (self._at + CHUNK_SAMPLES) % len(self.loop)
        moved = np.float32(self._level - before)
        return piece * (_RISE * moved + np.float32(before) if moved else np.float32(before))

"""The unit of sound inside the server: 20 ms of 16 kHz mono, signed 16 bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

RATE = 16_000
"""Samples a second."""

CHUNK_SAMPLES = 320
CHUNK_SECONDS = CHUNK_SAMPLES / RATE

Samples = npt.NDArray[np.int16]
"""Mono, one dimension, any length. A chunk has ``CHUNK_SAMPLES`` of them."""

SILENCE: Samples = np.zeros(CHUNK_SAMPLES, np.int16)
SILENCE.flags.writeable = False


def from_bytes(pcm: bytes | bytearray | memoryview) -> Samples:
    """Samples of little-endian 16-bit PCM, without copying; half a sample at the end is left out."""
    return np.frombuffer(pcm, "<i2", len(pcm) // 2)


class Chunker:
    """Cuts samples of any length into chunks."""

    def __init__(self) -> None:
        self._rest: Samples = SILENCE[:0]

    def feed(self, samples: Samples) -> Iterator[Samples]:
        """The chunks that are complete now."""
        if len(self._rest):
            samples = np.concatenate((self._rest, samples))
        whole = len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES
        self._rest = samples[whole:]
        return iter(samples[:whole].reshape(-1, CHUNK_SAMPLES))

    def flush(self) -> Samples | None:
        """What is left as one chunk, silence after it; ``None`` where nothing is."""
        rest, self._rest = self._rest, SILENCE[:0]
        return np.concatenate((rest, SILENCE[len(rest) :])) if len(rest) else None

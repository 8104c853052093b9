"""Sound as Whisper's models see it: the logarithm of its energy in 80 bands that are spaced as the ear spaces them."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from pinecall_run.audio.chunk import RATE, Samples

Floats = npt.NDArray[np.float32]

SECONDS = 8
SAMPLES = SECONDS * RATE
"""What one picture shows."""
BANDS, FRAMES = 80, 800
"""Its size: a frame for each 10 ms."""

_HOP, _SPAN = 160, 400
_HANN = np.hanning(_SPAN + 1)[:-1]  # periodic
_FAINTEST = 1e-10
_RANGE = 8.0
"""Powers of ten below the loudest point of a picture that are told apart."""
_BLOCK = 16
"""Frames that are multiplied at a time: so few that OpenBLAS does it in this thread. It would wake one for each core,
which takes three times the processor time."""


def log_mel(sound: Samples) -> Floats:
    """The picture of 8 s, ``BANDS`` by ``FRAMES``: what ``transformers.WhisperFeatureExtractor`` makes of them with
    ``chunk_length=8`` and ``do_normalize=True``.

    Raises:
        ValueError: it is not ``SAMPLES`` long.
    """
    if sound.shape != (SAMPLES,):
        raise ValueError(f"the sound has to be {SAMPLES} samples, not {sound.shape}")
    level = sound.astype(np.float32) / 32_768
    level = (level - level.mean()) / np.sqrt(level.var() + 1e-7)
    around = np.pad(level.astype(np.float64), _SPAN // 2, mode="reflect")
    spectrum = np.fft.rfft(sliding_window_view(around, _SPAN)[: FRAMES * _HOP : _HOP] * _HANN)
    power = spectrum.real**2 + spectrum.imag**2
    mel = (power.reshape(-1, _BLOCK, power.shape[1]) @ _FILTERS).reshape(FRAMES, BANDS)
    seen = np.log10(np.maximum(mel, _FAINTEST))
    seen = (np.maximum(seen, seen.max() - _RANGE) + 4) / 4
    return np.ascontiguousarray(seen.T, np.float32)


_LINEAR_HZ, _LINEAR_MEL = 1_000.0, 15.0
_STEP = log(6.4) / 27


def _mel(hertz: float) -> float:
    """Slaney's scale: linear up to 1 kHz, then logarithmic. For frequencies above it."""
    return _LINEAR_MEL + log(hertz / _LINEAR_HZ) / _STEP


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _LINEAR_HZ * np.exp(_STEP * (mel - _LINEAR_MEL))
    return np.where(mel < _LINEAR_MEL, mel * (_LINEAR_HZ / _LINEAR_MEL), above)


def _filters() -> npt.NDArray[np.float64]:
    """How much of each frequency of the spectrum belongs to each band: triangles of the same area, half over each
    other."""
    corners = _hertz(np.linspace(0, _mel(RATE / 2), BANDS + 2))
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    frequencies = np.linspace(0, RATE / 2, _SPAN // 2 + 1)[:, None]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))


_FILTERS = _filters()

"""Sounds of known frequency and energy, and how to find both again."""

import numpy as np
import numpy.typing as npt

from pinecall_run.audio.chunk import Samples


def tone(hertz: float, rate: int, seconds: float = 1.0, amplitude: float = 10_000) -> Samples:
    at = np.arange(round(rate * seconds)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * at)).round().astype(np.int16)


def noise(samples: int, amplitude: float = 3_000, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0, amplitude, samples).clip(-32768, 32767).astype(np.int16)


def rms(samples: npt.ArrayLike) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(samples, np.float64)))))


def strongest_hertz(samples: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def largest_step(samples: Samples) -> int:
    """The largest jump from one sample to the next: a click is one far beyond what the sound itself does."""
    return int(np.abs(np.diff(samples.astype(np.int32))).max())

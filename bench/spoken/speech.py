"""The benches' callers: what they say as 16 kHz mono, and where in it their voice begins and ends."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.wav import read_wav

_FRAME = RATE // 100
_QUIET, _VOICED = 0.01, 0.1
"""Of the loudest 10 ms: -40 dB, and -20 dB."""
_STOP = 9
"""Frames that the closure of a consonant may take."""


def caller() -> str:
    """Whose voice it is: a voice of Debian's flite, or, where that is not installed, a sound that passes for one."""
    return "flite slt" if shutil.which("flite") else "synthesised vowels"


def said(text: str, voice: str = "slt") -> Samples:
    """The sound of a text."""
    if not shutil.which("flite"):
        return _vowels(len(text.split()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "said.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(file)], check=True, timeout=60)
        return read_wav(file.read_bytes())


def voiced(sound: Samples) -> tuple[int, int]:
    """The sample with which the voice begins, and the one after its last, told from the energy alone."""
    loud = np.flatnonzero(_loudness(sound) > _QUIET)
    return int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME


def sustained(sound: Samples, seconds: float) -> int:
    """The sample with which a voice begins that goes on for so long without a pause, told from the energy alone: the
    burst of a consonant, and the stop after it, are none yet."""
    loud = _loudness(sound) > _VOICED
    frames = round(seconds * 100)
    for at in np.flatnonzero(loud):
        pauses = "".join("x" if each else " " for each in loud[at : at + frames]).split("x")
        if len(loud) - at >= frames and max(map(len, pauses)) <= _STOP:
            return int(at) * _FRAME
    raise ValueError("there is no such voice in it")


def _loudness(sound: Samples) -> npt.NDArray[np.float64]:
    """Of each 10 ms, beside the loudest of them."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    rms: npt.NDArray[np.float64] = np.sqrt((frames**2).mean(axis=1))
    return rms / rms.max()


def _vowels(words: int) -> Samples:
    """Harmonics of a voice that falls, shaped by the formants of an a and an i, a syllable a quarter of a second."""
    at = np.arange(round(RATE * 0.25 * words)) / RATE
    pitch = 2 * np.pi * np.cumsum(130 - 15 * at / max(at[-1], 1) + 6 * np.sin(2 * np.pi * 3 * at)) / RATE
    is_open = (at / 0.25).astype(int) % 2 == 0
    sound = np.zeros_like(at)
    for number in range(1, 30):
        strength = [sum(np.exp(-(((number * 125 - f) / 120) ** 2)) for f in formants) for formants in _FORMANTS]
        sound += np.where(is_open, *strength) * np.sin(number * pitch)
    envelope = np.clip(np.sin(np.pi * at / 0.25) ** 2 * 1.5, 0.15, 1)
    return (sound * envelope * 12_000 / np.abs(sound).max()).astype(np.int16)


_FORMANTS = ((730, 1090, 2440), (270, 2290, 3010))

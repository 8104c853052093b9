"""Callers that flite speaks for, the noises around them, and what lines do to both: the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.voice._speech import said

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples

Wave = npt.NDArray[Any]

VOICES = ("slt", "rms", "kal", "awb")


@dataclass(frozen=True)
class Passage:
    """What is said between two samples."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Tape:
    """What a caller's line carries, and what they say in it."""

    sound: Samples
    passages: Sequence[Passage] = ()

    @property
    def ends(self) -> float:
        """When the last word is over, in seconds."""
        return self.passages[-1].end / RATE


def tape(*parts: float | str | tuple[str, str] | Wave) -> Tape:
    """Parts one after another: seconds of silence, a text (or one with a voice), or a sound."""
    pieces: list[Samples] = []
    passages: list[Passage] = []
    at = 0
    for part in parts:
        match part:
            case int() | float():
                piece = np.zeros(round(part * RATE), np.int16)
            case np.ndarray():
                piece = part.astype(np.int16)
            case _:
                text, voice = (part, VOICES[0]) if isinstance(part, str) else part
                piece = _bare(said(text, voice))
                passages.append(Passage(at, at + len(piece), text))
        pieces.append(piece)
        at += len(piece)
    pieces.append(np.zeros(-at % CHUNK_SAMPLES, np.int16))
    return Tape(np.concatenate(pieces), passages)


def spoilt(clean: Tape, sound: Wave) -> Tape:
    """The same words by another sound."""
    return Tape(limited(sound), clean.passages)


def _bare(sound: Samples) -> Samples:
    """A voice without the silence that flite puts around it."""
    loud = np.flatnonzero(np.abs(sound) > 200)
    return sound[loud[0] : loud[-1] + 1]


def limited(wave: Wave) -> Samples:
    return np.clip(wave, -32_768, 32_767).astype(np.int16)


def power(wave: Wave) -> float:
    """The rms of what is not silence."""
    loud = wave[np.abs(wave) > 100].astype(float)
    return float(np.sqrt(np.mean(loud**2)))


# lines


def lossy(sound: Samples, share: float) -> Samples:
    """Without a share of its pieces of 20 ms: silence is in their place."""
    pieces = sound.copy().reshape(-1, CHUNK_SAMPLES)
    pieces[np.random.default_rng(5).random(len(pieces)) < share] = 0
    return pieces.reshape(-1)


def telephone(sound: Samples) -> Wave:
    """What 8 kHz leaves of it: 300 to 3,400 Hz."""
    spectrum = np.fft.rfft(sound.astype(float))
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    return np.fft.irfft(spectrum, len(sound))


def noise(like: Samples, decibels: float, length: int) -> Wave:
    """White noise, so many decibels below a voice."""
    wave = np.random.default_rng(7).normal(size=length)
    return wave * power(like) / 10 ** (decibels / 20)


def babble(like: Samples, decibels: float, length: int) -> Wave:
    """Three people who talk to each other, so many decibels below a voice."""
    talk = {
        "rms": "i told her that the meeting was moved to thursday afternoon and nobody came to the station",
        "awb": "can you pass me the salt and the pepper and one more glass of water if you do not mind",
        "kal": "so then he went all the way back to the station to fetch the umbrella of his sister in law",
    }
    voices = [_bare(said(text, voice)) for voice, text in talk.items()]
    shortest = min(map(len, voices))
    wave = sum((voice[:shortest].astype(float) for voice in voices), np.zeros(shortest))
    return np.resize(wave, length) * power(like) / power(wave) / 10 ** (decibels / 20)


# noises


def music(seconds: float) -> Wave:
    """Plucked chords of four bars, with a drum on every other beat."""
    chords = [(261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7)]
    at = np.arange(round(0.5 * RATE)) / RATE
    drum = np.random.default_rng(11).normal(size=len(at)) * np.exp(-40 * at)
    beats = []
    for beat in range(round(seconds * 2)):
        tones = [np.sin(2 * np.pi * hertz * n * at) / n for hertz in chords[beat // 2 % 4] for n in range(1, 6)]
        beats.append(sum(tones, 0 * at) * np.exp(-3 * at) + (drum * 1.5 if beat % 2 else 0))
    wave = np.concatenate(beats)
    return wave / np.abs(wave).max() * 9_000


def cough() -> Wave:
    """A third of a second of noise with the colour of a throat."""
    at = np.arange(round(0.35 * RATE)) / RATE
    spectrum = np.fft.rfft(np.random.default_rng(13).normal(size=len(at)))
    hertz = np.fft.rfftfreq(len(at), 1 / RATE)
    spectrum *= np.exp(-(((hertz - 900) / 700) ** 2)) + 0.4 * np.exp(-(((hertz - 2500) / 900) ** 2))
    wave = np.fft.irfft(spectrum, len(at)) * np.exp(-8 * at) * (1 - np.exp(-200 * at))
    return wave / np.abs(wave).max() * 20_000


def slam() -> Wave:
    """A door."""
    at = np.arange(round(0.5 * RATE)) / RATE
    crack = np.random.default_rng(17).normal(size=len(at)) * np.exp(-60 * at)
    wave = np.sin(2 * np.pi * 70 * at) * np.exp(-12 * at) + crack
    return wave / np.abs(wave).max() * 30_000

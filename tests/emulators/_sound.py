"""What emulated vendors make of sound and of text, without understanding either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
LOUD = 500
"""Above this, of 32,768, the sound of a millisecond is speech."""
PAUSE_SECONDS = 0.5
WORD_SECONDS = 0.3


@dataclass(frozen=True)
class Heard:
    """``words`` of the sentence so far, at ``at`` seconds of all sound; the last of a sentence is ``ended``."""

    kind: Literal["started", "grown", "ended"]
    words: Sequence[str]
    at: float


class Ear:
    """Takes the next of ``sentences`` (again and again) to be said whenever there is sound, a word every 0.3 s, until
    it is quiet for 0.5 s; then the whole sentence was said."""

    def __init__(self, sentences: Sequence[str], rate: int = RATE) -> None:
        self._sentences = cycle(sentences)
        self._rate = rate
        self._words: Sequence[str] = ()
        self._quiet = self._voiced = 0
        self._shown = 0
        self.samples = 0
        self._rest = b""

    @property
    def seconds(self) -> float:
        """How much sound was fed."""
        return self.samples / self._rate

    def feed(self, pcm: bytes) -> list[Heard]:
        """Signed 16-bit little-endian mono, in pieces of any length."""
        found: list[Heard] = []
        pcm = self._rest + pcm
        step = self._rate // 1000
        whole = len(pcm) // (2 * step) * 2 * step
        self._rest = pcm[whole:]
        for piece in np.frombuffer(pcm[:whole], "<i2").reshape(-1, step):
            self.samples += step
            found += self._step(bool(np.abs(piece.astype(np.int32)).max() > LOUD))
        return found

    def finish(self) -> list[Heard]:
        """What was being said is over."""
        if not self._words:
            return []
        words, self._words = self._words, ()
        return [Heard("ended", words, self.seconds)]

    def _step(self, is_loud: bool) -> list[Heard]:
        if is_loud and not self._words:
            self._words, self._voiced, self._shown = next(self._sentences).split(), 0, 0
            self._quiet = 0
            return [Heard("started", (), self.seconds)]
        if not self._words:
            return []
        self._quiet = 0 if is_loud else self._quiet + 1
        self._voiced += 1
        if self._quiet >= 1000 * PAUSE_SECONDS:
            return self.finish()
        count = min(int(self._voiced / (1000 * WORD_SECONDS)), len(self._words))
        if count > self._shown:
            self._shown = count
            return [Heard("grown", self._words[:count], self.seconds)]
        return []


@dataclass(frozen=True)
class Word:
    """When a word is spoken, in seconds from the beginning of the text."""

    text: str
    start: float
    end: float


def spoken(text: str, rate: int) -> tuple[NDArray[np.int16], list[Word]]:
    """A tone of 0.3 s for each word, its pitch by the word's letters, so that the sound can be told from another."""
    tones, words = [np.zeros(0, np.int16)], []
    times = np.arange(round(rate * WORD_SECONDS)) / rate
    for count, word in enumerate(text.split()):
        hertz = 200 + 20 * (sum(map(ord, word)) % 40)
        tones.append((8_000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16))
        words.append(Word(word, count * WORD_SECONDS, (count + 1) * WORD_SECONDS))
    return np.concatenate(tones), words

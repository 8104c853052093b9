"""Emulated vendors that take their time: hearing, thinking and speaking as a network away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
from peers.load import ANSWER, REPLY_RATE

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.providers.contracts import (
    Audio,
    Heard,
    ModelPiece,
    ModelRequest,
    Spoken,
    Text,
    Transcript,
    TurnSignal,
)

HEARING, THINKING, SPEAKING = 0.1, 0.25, 0.1
"""Seconds from a pause that is told to the text, from a question to the first word, from a sentence to its sound."""

CERTAIN = 0.3
"""Seconds of silence after which a vendor that decides about turns is certain; it foretells the end after
:data:`HEARING`."""


@dataclass(frozen=True)
class Sentence:
    """Something that a caller says. The voice begins with the sample ``begins``, is sustained from ``is_sustained_at``
    on, and has ended with ``ends``."""

    text: str
    sound: Samples
    begins: int
    ends: int
    is_sustained_at: int


class Ear:
    """One call's: understands a word when it has heard its share of the sentence."""

    def __init__(self, *, has_turns: bool) -> None:
        self.has_turns = has_turns
        self._out: asyncio.Queue[Heard] = asyncio.Queue()
        self._sentence: Sentence | None = None
        self._heard = self._given = 0

    def expect(self, sentence: Sentence) -> None:
        """The next chunk is the first of it."""
        self._sentence, self._heard, self._given = sentence, 0, 0

    async def open(self) -> Ear:
        return self

    def hear(self, chunk: Samples) -> None:
        sentence, before = self._sentence, self._heard
        self._heard += CHUNK_SAMPLES
        if sentence is not None and self.has_turns and before < sentence.ends <= self._heard:
            self._later(HEARING, TurnSignal("eager", sentence.text, 0.6))
            self._later(CERTAIN, TurnSignal("ended", sentence.text, 0.9))

    def finish(self) -> None:
        sentence = self._sentence
        if sentence is None or self.has_turns:
            return
        words = sentence.text.split(" ")
        part = (self._heard - sentence.begins) / (sentence.ends - sentence.begins)
        understood = max(min(int(part * len(words)), len(words)), 0)
        if understood > self._given:
            text = " ".join(words[self._given : understood])
            self._given = understood
            self._later(HEARING, Transcript(text, is_final=True))

    def _later(self, seconds: float, what: Heard) -> None:
        asyncio.get_running_loop().call_later(seconds, self._out.put_nowait, what)

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            yield await self._out.get()

    async def close(self) -> None:
        pass


class Mind:
    """Answers in ten words, all of them at once."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        await asyncio.sleep(THINKING)
        for word in ANSWER:
            yield Text(word + " ")


class Voice:
    """Says anything as a tone, all of it at once."""

    rate = REPLY_RATE

    def __init__(self, seconds: float) -> None:
        tone = (np.sin(np.arange(round(seconds * REPLY_RATE)) * 0.05 + 1) * 8000).astype(np.int16)
        self._pieces = [Audio(piece) for piece in tone.reshape(-1, REPLY_RATE // 50)]

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        await asyncio.sleep(SPEAKING)
        for piece in self._pieces:
            yield piece

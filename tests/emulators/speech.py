"""Ears and voices in place of vendors, instant and offline: ``stt: emulated``, ``voice: emulated``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from pinecall_run.audio.chunk import Samples
from pinecall_run.providers.contracts import Audio, Heard, SpeechSpec, Spoken, Transcript
from pinecall_run.providers.opening import registered

SAID = "Where is my order?"
NAME = "emulated"
WORD_SECONDS = 0.3


class Ear:
    """Understands the same whenever the caller pauses after sound."""

    has_turns = False

    async def open(self) -> Stream:
        return Stream()


class Stream:
    """What one call's sound comes to."""

    def __init__(self) -> None:
        self._out: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._has_sound = False

    def hear(self, chunk: Samples) -> None:
        self._has_sound = self._has_sound or bool(chunk.any())

    def finish(self) -> None:
        if self._has_sound:
            self._has_sound = False
            self._out.put_nowait(Transcript(SAID, is_final=True))

    async def heard(self) -> AsyncIterator[Heard]:
        while (what := await self._out.get()) is not None:
            yield what

    async def close(self) -> None:
        self._out.put_nowait(None)


class Voice:
    """A tone for each word."""

    rate = 24_000

    def __init__(self) -> None:
        tone = np.sin(np.arange(round(self.rate * WORD_SECONDS)) * 0.05 + 1) * 8_000
        self._word = Audio(tone.astype(np.int16))

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        for _ in sentence.split():
            yield self._word
            await asyncio.sleep(0)


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> Ear:
    """See the catalogue."""
    return Ear()


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> Voice:
    """See the catalogue."""
    return Voice()


@contextmanager
def emulated() -> Iterator[None]:
    """Within it the catalogue knows them."""
    with registered(__name__, ("stt", NAME), ("voice", NAME)):
        yield

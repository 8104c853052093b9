"""Voice notes: what was said in one, and an answer as one. Each in one go, by the vendors of calls, in their order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE, SILENCE, Chunker, Samples
from pinecall_run.audio.resample import Resampler
from pinecall_run.providers.contracts import (
    Audio,
    Heard,
    HearingStream,
    ProviderError,
    SpeechToText,
    TextToSpeech,
    Transcript,
)
from pinecall_run.voice.failure import described
from pinecall_run.voice.health import Health
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.sentences import Sentences
from pinecall_run.voice.speaking import STALL_SECONDS, Voice
from pinecall_run.voice.spoken_text import spoken

_LOG = logging.getLogger("pinecall_run.voice")

TIMES_FASTER = 2.0
"""Than real time are notes heard: not every vendor of live speech takes more."""

OPEN_SECONDS, LAST_SECONDS = 10.0, 6.0
"""How long a vendor may take to be there, and to say its last word after the note's end."""

SETTLE_SECONDS = 0.4
"""After a final text there may be another."""

PAUSE_CHUNKS = 10
"""Of silence between sentences."""


class Witness(Protocol):
    """Who is told what became of vendors."""

    def heard(self, vendor: tuple[str, str], seconds: float) -> None:
        """A vendor's model was given so much to hear."""

    def spoken(self, vendor: tuple[str, str], characters: int) -> None:
        """A vendor's model was asked to speak so much."""

    def failed(self, stage: str, provider: str, error: str, next: str) -> None:
        """A vendor failed; ``next`` goes on in its place, or nobody where that is empty."""


async def transcribe(note: Samples, ears: Sequence[Ear], witness: Witness, health: Health) -> str:
    """What is said in a note; empty where nothing was understood.

    Raises:
        ProviderError: no ear is left.
    """
    in_order = health.in_order(ears, lambda ear: ear.key)
    for ear, following in zip(in_order, [*in_order[1:], None], strict=True):
        witness.heard((ear.provider, ear.model), len(note) / RATE)
        try:
            text = await _heard_by(ear.stt, note)
        except Exception as error:  # noqa: BLE001 - an ear may fail in any way; the next one may not
            failure = _failure(error)
        else:
            health.worked(ear.key)
            return text
        health.failed(ear.key, failure)
        witness.failed("stt", ear.provider, str(failure), following.provider if following else "")
    raise ProviderError("nobody could hear it")


class _Said:
    """What an ear understood so far."""

    def __init__(self, *, has_turns: bool) -> None:
        self._has_turns = has_turns
        self._finals: list[str] = []
        self._partial = ""
        self._is_turn_open = False
        self._final_at: float | None = None
        """When there was a final text after the note's end."""
        self.is_at_end = False

    @property
    def text(self) -> str:
        return " ".join(part for part in (*self._finals, self._partial) if part).strip()

    def add(self, heard: Heard, now: float) -> None:
        is_final = heard.is_final if isinstance(heard, Transcript) else heard.kind == "ended"
        self._partial = "" if is_final else heard.text
        if is_final:
            self._finals.append(heard.text)
        if not isinstance(heard, Transcript):
            self._is_turn_open = not is_final
        if self.is_at_end and is_final:
            self._final_at = now

    def is_settled(self, now: float) -> bool:
        if self._has_turns and self._is_turn_open:
            return False
        return self._final_at is not None and now - self._final_at >= SETTLE_SECONDS


async def _heard_by(stt: SpeechToText, note: Samples) -> str:
    async with asyncio.timeout(OPEN_SECONDS):
        stream = await stt.open()
    said = _Said(has_turns=stt.has_turns)
    feeding = asyncio.create_task(_feed(stream, note, said))
    listening = asyncio.create_task(_listen(stream, said))
    try:
        await asyncio.wait([feeding, listening], return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
        else:
            listening.result()
            raise ProviderError("it ended the stream")
    finally:
        feeding.cancel()
        listening.cancel()
        await asyncio.gather(feeding, listening, return_exceptions=True)
        await stream.close()
    return said.text


async def _listen(stream: HearingStream, said: _Said) -> None:
    clock = asyncio.get_running_loop().time
    async for heard in stream.heard():
        said.add(heard, clock())


async def _feed(stream: HearingStream, note: Samples, said: _Said) -> None:
    """The note, then silence until its last word is there: some vendors tell a pause by that alone."""
    clock = asyncio.get_running_loop().time
    chunker = Chunker()
    due = clock()
    for chunk in (*chunker.feed(note), *(rest for rest in (chunker.flush(),) if rest is not None)):
        stream.hear(chunk)
        due += CHUNK_SECONDS / TIMES_FASTER
        await asyncio.sleep(max(due - clock(), 0))
    said.is_at_end = True
    stream.finish()
    until = clock() + LAST_SECONDS
    while not said.is_settled(clock()) and clock() < until:
        stream.hear(SILENCE)
        await asyncio.sleep(CHUNK_SECONDS)


async def record(text: str, voices: Sequence[Voice], witness: Witness, health: Health, *, language: str) -> Samples:
    """A text, spoken, 16 kHz; empty where nothing in it can be.

    Raises:
        ProviderError: no voice is left.
    """
    sentences = Sentences(language or "en")
    aloud = [words for sentence in (*sentences.feed(text), *sentences.flush()) if (words := spoken(sentence))]
    if not aloud:
        return SILENCE[:0]
    in_order = health.in_order(voices, lambda voice: voice.key)
    for voice, following in zip(in_order, [*in_order[1:], None], strict=True):
        try:
            made = [await _spoken_by(voice, words, witness) for words in aloud]
        except Exception as error:  # noqa: BLE001 - a voice may fail in any way; the next one may not
            failure = _failure(error)
        else:
            health.worked(voice.key)
            pause = np.tile(SILENCE, PAUSE_CHUNKS)
            return np.concatenate([part for each in made for part in (each, pause)][:-1])
        health.failed(voice.key, failure)
        witness.failed("tts", voice.provider, str(failure), following.provider if following else "")
    raise ProviderError("nobody could speak it")


async def _spoken_by(voice: Voice, words: str, witness: Witness) -> Samples:
    witness.spoken((voice.provider, voice.model), len(words))
    tts: TextToSpeech = voice.tts
    resampler = Resampler(tts.rate, RATE)
    made: list[Samples] = []
    pieces = tts.speak(words, "note")
    try:
        async with asyncio.timeout(STALL_SECONDS) as patience:
            async for piece in pieces:
                if isinstance(piece, Audio):
                    made.append(resampler.feed(piece.samples).copy())
                patience.reschedule(asyncio.get_running_loop().time() + STALL_SECONDS)
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
    return np.concatenate([*made, resampler.flush()])


def _failure(error: Exception) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderError("it did not answer in time", kind="timeout")
    _LOG.error("a voice note failed: %s", described(error))
    return ProviderError(f"it failed with {type(error).__name__}")

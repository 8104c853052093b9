"""What a voice promises (``TextToSpeech``), each promise a function that checks it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from pinecall_run.providers.contracts import Audio, ProviderError, Spoken, TextToSpeech, WordTime
from pinecall_run.testing._cases import (
    LEAVE_SECONDS,
    Case,
    all_fail_as_they_should,
    at_work,
    gone,
    needs,
    promise,
    within,
)
from pinecall_run.testing.failures import Unexpected

RATES = range(8_000, 48_001)
_SLACK_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class VoiceCase(Case[TextToSpeech]):
    """The facts of a voice.

    Attributes:
        sentence: what it is asked to say.
        lasts: the least and the most seconds that this takes, by which a wrong rate is found out.
        has_words: whether it tells the times of words.
    """

    sentence: str = "Your order has shipped."
    lasts: tuple[float, float] = (0.3, 8.0)
    has_words: bool = False


async def _spoken(case: VoiceCase, voice: TextToSpeech, context: str) -> list[Spoken]:
    async def all_of_it() -> list[Spoken]:
        return [piece async for piece in voice.speak(case.sentence, context)]

    return await within(case.seconds, all_of_it(), "speaking a sentence")


def _seconds(pieces: Iterable[Spoken], rate: int) -> float:
    return sum(len(piece.samples) for piece in pieces if isinstance(piece, Audio)) / rate


def _judge(case: VoiceCase, pieces: list[Spoken], rate: int) -> None:
    for piece in pieces:
        if isinstance(piece, Audio) and (piece.samples.dtype.name, piece.samples.ndim) != ("int16", 1):
            raise Unexpected(f"sound is int16 of one dimension, not {piece.samples.dtype} of {piece.samples.ndim}")
        if not isinstance(piece, Audio | WordTime):
            raise Unexpected(f"speak() yielded {piece!r}")
    seconds, (least, most) = _seconds(pieces, rate), case.lasts
    if not least <= seconds <= most:
        raise Unexpected(f"the sentence lasts {seconds:.2f} s at the rate {rate}, not {least:g} to {most:g} s")


@promise
async def sound_has_its_rate(case: VoiceCase) -> None:
    """A sentence is so many samples as its seconds at ``rate`` are, and ``rate`` never changes."""
    async with at_work(case) as voice:
        rate = voice.rate
        if rate not in RATES:
            raise Unexpected(f"the rate is {rate!r}, not a whole number from {RATES[0]} to {RATES[-1]}")
        _judge(case, await _spoken(case, voice, "a"), rate)
        if voice.rate != rate:
            raise Unexpected(f"the rate was {rate} and became {voice.rate}")


@promise
async def words_are_within_the_sound(case: VoiceCase) -> None:
    """Times of words are in order, within the sentence's sound, each told before the sound it is about is over."""
    needs(case.has_words, "has_words")
    async with at_work(case) as voice:
        pieces = await _spoken(case, voice, "a")
        words = [piece for piece in pieces if isinstance(piece, WordTime)]
        times = [time for word in words for time in (word.start, word.end)]
        seconds = _seconds(pieces, voice.rate)
        if not words:
            raise Unexpected("no word has a time")
        if times != sorted(times) or times[0] < 0 or times[-1] > seconds + _SLACK_SECONDS:
            raise Unexpected(f"the times of words are not in order, or not within {seconds:.2f} s: {words}")
        said, told = (_letters(text) for text in (case.sentence, "".join(word.word for word in words)))
        if said != told:
            raise Unexpected(f"the words are {[word.word for word in words]}, of `{case.sentence}`")
        _told_in_time(pieces, voice.rate)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _told_in_time(pieces: list[Spoken], rate: int) -> None:
    heard = 0.0
    for piece in pieces:
        heard += _seconds([piece], rate)
        if isinstance(piece, WordTime) and heard > piece.end + _SLACK_SECONDS:
            raise Unexpected(f"the time of `{piece.word}` came {heard - piece.end:.2f} s after its sound")


@promise
async def sentences_follow_each_other(case: VoiceCase) -> None:
    """Of one utterance a sentence is spoken after the other, each whole."""
    async with at_work(case) as voice:
        for _ in range(3):
            _judge(case, await _spoken(case, voice, "a"), voice.rate)


@promise
async def closing_stops_the_vendor(case: VoiceCase) -> None:
    """A caller interrupts: the iterator is closed at once, and the next sentence is clean."""
    async with at_work(case) as voice:
        for _ in range(3):
            pieces: Any = voice.speak(case.sentence, "a")
            await within(case.seconds, anext(pieces), "the first piece of a sentence")
            await within(LEAVE_SECONDS, pieces.aclose(), "closing the iterator of a sentence")
        _judge(case, await _spoken(case, voice, "a"), voice.rate)


@promise
async def who_speaks_may_be_cancelled(case: VoiceCase) -> None:
    """A call ends in the middle of a sentence, or before its first sound."""
    async with at_work(case) as voice:
        for steps in (0, 1, 5, 50):
            speaking = asyncio.create_task(_spoken(case, voice, "a"))
            for _ in range(steps):
                await asyncio.sleep(0)
            speaking.cancel()
            await gone(speaking, "speaking")
        _judge(case, await _spoken(case, voice, "b"), voice.rate)


@promise
async def many_conversations_speak_at_once(case: VoiceCase) -> None:
    """Each gets all of its own sound."""
    async with at_work(case) as voice:
        for pieces in await asyncio.gather(*(_spoken(case, voice, f"c{n}") for n in range(case.at_once))):
            _judge(case, pieces, voice.rate)


@promise
async def warming_never_fails(case: VoiceCase) -> None:
    """``warm()``, where there is one, says nothing of what is wrong: the first sentence does."""
    for opened in (case.opened, *case.failing.values()):
        with suppress(ProviderError):  # of making it
            async with at_work(case, opened) as voice:
                await _warmed(case, voice)


async def _warmed(case: VoiceCase, voice: TextToSpeech) -> None:
    if (warm := getattr(voice, "warm", None)) is None:
        return
    try:
        await within(case.seconds, warm(), "warming")
    except ProviderError as error:
        raise Unexpected(f"warming failed: {error}") from error


@promise
async def failures_are_of_their_kind(case: VoiceCase) -> None:
    """Whatever goes wrong is a ProviderError of its kind, in one line, without a secret."""

    async def use(voice: TextToSpeech) -> None:
        pieces: Any = voice.speak(case.sentence, "a")
        async with aclosing(pieces):
            async for _ in pieces:
                pass

    await all_fail_as_they_should(case, use)


VOICE_CHECKS = (
    sound_has_its_rate,
    words_are_within_the_sound,
    sentences_follow_each_other,
    closing_stops_the_vendor,
    who_speaks_may_be_cancelled,
    many_conversations_speak_at_once,
    warming_never_fails,
    failures_are_of_their_kind,
)
"""All of them."""

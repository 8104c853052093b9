"""Text to speech that beeps: one tone a word, as long as the word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import numpy as np

from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime
from pinecall_run.vendors.facts import Provider, number

PROVIDERS = (
    Provider(
        "toy",
        "voice",
        "one beep a word",
        options={"pitch": number("The tone, in hertz.", 100, 4_000, default=440)},
        names=("flute", "drum"),
    ),
)
RATE = 16_000
LETTER_SECONDS = 0.06


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
    """The voice.

    Raises:
        ProviderError: it has no voice of that name.
    """
    if spec.name and spec.name not in PROVIDERS[0].names:
        hint = f"there are {', '.join(PROVIDERS[0].names)}"
        raise ProviderError(f"toy has no voice `{spec.name}`", hint, kind="request")
    return ToyVoice(spec.options.get("pitch", 440) / (2 if spec.name == "drum" else 1))


class ToyVoice:
    """Speaks for any number of conversations."""

    rate = RATE

    def __init__(self, pitch: float) -> None:
        self._pitch = pitch

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        """A word's time, then its sound. Whoever is interrupted closes the iterator: what is to be stopped at a vendor
        belongs into a ``finally``."""
        seconds = 0.0
        for word in sentence.split():
            length = LETTER_SECONDS * len(word)
            yield WordTime(word, seconds, seconds + length)
            yield Audio(self._beep(length))
            seconds += length
            await asyncio.sleep(0)  # others get to run

    def _beep(self, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        times = np.arange(round(seconds * RATE)) / RATE
        fade = np.minimum(1, np.minimum(times, times[::-1]) * 100)
        return (8_000 * fade * np.sin(2 * np.pi * self._pitch * times)).astype(np.int16)

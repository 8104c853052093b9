"""Speech to text that hears one thing: whether there was a sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from pinecall_run.providers.contracts import Heard, HearingStream, SpeechSpec, SpeechToText, Transcript
from pinecall_run.vendors.facts import Provider, whole

if TYPE_CHECKING:
    from pinecall_run.audio.chunk import Samples

PROVIDERS = (
    Provider(
        "toy",
        "stt",
        "says `sound` of every sound",
        options={"threshold": whole("How loud a sample must be, of 32767.", 1, 32_767, default=500)},
    ),
)


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The ear. Its options were held against PROVIDERS before; it needs no key of ``environ``."""
    return ToyEar(spec.options.get("threshold", 500))


class ToyEar:
    """Hears for any number of conversations."""

    has_turns = False

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold

    async def open(self) -> HearingStream:
        """A stream for one conversation; an ear with a vendor connects here."""
        return ToyStream(self._threshold)


class ToyStream:
    """One person's sound."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._has_sound = False
        self._out: asyncio.Queue[Heard | None] = asyncio.Queue()

    def hear(self, chunk: Samples) -> None:
        """20 ms; returns at once, whatever the vendor does."""
        self._has_sound = self._has_sound or int(chunk.max()) >= self._threshold

    def finish(self) -> None:
        """The person paused: something final, even if it is empty."""
        self._out.put_nowait(Transcript("sound" if self._has_sound else "", is_final=True))
        self._has_sound = False

    async def heard(self) -> AsyncIterator[Heard]:
        """What was understood, until the stream is closed."""
        while (heard := await self._out.get()) is not None:
            yield heard

    async def close(self) -> None:
        """Ends who iterates; twice does no harm."""
        self._out.put_nowait(None)

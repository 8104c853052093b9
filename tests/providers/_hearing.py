"""Somebody who is heard by a vendor's emulator: what they make of sounds, pauses and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from tests.emulators._sound import spoken

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE
from pinecall_run.providers.contracts import Heard, HearingStream, ProviderError, SpeechSpec, Transcript
from pinecall_run.providers.speech_catalogue import open_stt


class Server(Protocol):
    """An emulator that counts."""

    @property
    def open_connections(self) -> int: ...


SPOKEN = spoken("aword", RATE)[0]
"""0.3 s of sound: a word."""


class Hearing:
    """One stream, with what came of it."""

    def __init__(self, stream: HearingStream) -> None:
        self.stream = stream
        self.heard: list[Heard] = []
        self.error: ProviderError | None = None
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for heard in self.stream.heard():
                self.heard.append(heard)
                self._news.set()
        except ProviderError as error:
            self.error = error
        self._news.set()

    def speaks(self, words: int = 4) -> None:
        """Sound for so many words."""
        for start in range(0, len(SPOKEN), CHUNK_SAMPLES):
            for _ in range(words):
                self.stream.hear(SPOKEN[start : start + CHUNK_SAMPLES])

    def pauses(self, seconds: float) -> None:
        """Silence."""
        for _ in range(round(seconds * RATE / CHUNK_SAMPLES)):
            self.stream.hear(SILENCE)

    async def until(self, holds: Callable[[list[Heard]], bool]) -> list[Heard]:
        """What was heard, as soon as it is what is waited for; then that is forgotten."""
        async with asyncio.timeout(5):
            while not holds(self.heard):
                assert self.error is None, self.error
                self._news.clear()
                await self._news.wait()
        found, self.heard = self.heard, []
        return found

    async def fails(self) -> ProviderError:
        """The error that ends the stream, the caller silent meanwhile."""
        async with asyncio.timeout(5):
            while not self.task.done():
                self.pauses(0.04)
                await asyncio.wait([self.task], timeout=0.02)
        assert self.error is not None
        return self.error


def has_final(heard: list[Heard]) -> bool:
    """Whether something was said for good."""
    return any(isinstance(one, Transcript) and one.is_final for one in heard)


async def gone(server: Server) -> None:
    """Wait until it has no connection left."""
    async with asyncio.timeout(2):
        while server.open_connections:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def heard_by(spec: SpeechSpec, environ: Mapping[str, str]) -> AsyncIterator[Hearing]:
    """A stream by the catalogue's way to it, closed at the end, after which nothing of it is left."""
    before = asyncio.all_tasks()
    hearing = Hearing(await open_stt(spec, environ).open())
    try:
        yield hearing
    finally:
        await hearing.stream.close()
        await hearing.stream.close()
        await asyncio.wait_for(hearing.task, 2)
    left = [task for task in asyncio.all_tasks() - before if "pinecall_run" in repr(task.get_coro())]
    assert not left, left

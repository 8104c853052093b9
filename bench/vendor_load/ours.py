"""Our adapters under the load; ``note`` is given every event that is handed out, in the task that gets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
from vendor_load.load import stopped, turns_of
from vendor_load.tapes import SENTENCE_SECONDS

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.providers.contracts import HearingStream, ModelRequest
from pinecall_run.providers.opening import close_providers

Note = Callable[[Any], object]
SENTENCE = "I have moved your appointment to Friday at three."
_CHUNK: Samples = np.random.default_rng(2).normal(0, 3000, CHUNK_SAMPLES).astype(np.int16)


class OurEar:
    """Callers who talk all the time, each heard by a stream."""

    warm_seconds = 0.4

    def __init__(self, ear: Any, note: Note) -> None:
        self._ear, self._note = ear, note
        self._streams: list[HearingStream] = []
        self._listening: list[asyncio.Task[None]] = []

    async def open(self, callers: int) -> None:
        """See :class:`Side`. Pieces of several callers are full at different turns."""
        for caller in range(callers):
            stream = await self._ear.open()
            self._streams.append(stream)
            self._listening.append(asyncio.create_task(self._listen(stream)))
            for _ in range(caller % turns_of(self._ear.piece_seconds)):
                stream.hear(_CHUNK)

    async def _listen(self, stream: HearingStream) -> None:
        async for heard in stream.heard():
            self._note(heard)

    async def turn(self, caller: int, count: int) -> None:
        """See :class:`Side`."""
        self._streams[caller].hear(_CHUNK)

    async def close(self) -> None:
        """See :class:`Side`."""
        await asyncio.gather(*(stream.close() for stream in self._streams))
        failed = [task.exception() for task in self._listening if task.done()]
        await stopped(self._listening)
        await close_providers()
        if any(failed):
            raise RuntimeError("an adapter failed") from next(filter(None, failed))


class Asker:
    """Calls who ask something each two seconds, spread over these. An answer takes half of that."""

    warm_seconds = SENTENCE_SECONDS / 2 + 0.1

    def __init__(self, note: Note) -> None:
        self._note = note
        self._asking: set[asyncio.Task[None]] = set()
        self._callers = 1
        self._failed: BaseException | None = None

    def ask(self, caller: int, count: int) -> AsyncIterator[Any]:
        """What is asked; the pieces that come."""
        raise NotImplementedError

    async def open(self, callers: int) -> None:
        """See :class:`Side`."""
        self._callers = callers

    async def turn(self, caller: int, count: int) -> None:
        """See :class:`Side`."""
        if is_due(caller, count, self._callers):
            self.begin(caller, count)

    def begin(self, caller: int, count: int) -> None:
        """Ask, and take what comes."""
        task = asyncio.create_task(self._take(caller, count))
        self._asking.add(task)
        task.add_done_callback(self._over)

    async def _take(self, caller: int, count: int) -> None:
        async for piece in self.ask(caller, count):
            self._note(piece)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            self._failed = self._failed or task.exception()

    async def finish(self) -> None:
        """Until all is answered."""
        while self._asking:
            await asyncio.wait(self._asking)

    async def close(self) -> None:
        """See :class:`Side`."""
        await stopped(list(self._asking))
        await close_providers()
        if self._failed is not None:
            raise RuntimeError("an adapter failed") from self._failed


class OurVoice(Asker):
    """Agents who speak all the time."""

    def __init__(self, voice: Any, note: Note) -> None:
        super().__init__(note)
        self._voice = voice

    def ask(self, caller: int, count: int) -> AsyncIterator[Any]:
        """See :class:`Asker`."""
        pieces: AsyncIterator[Any] = self._voice.speak(SENTENCE, f"call {caller}, utterance {count}")
        return pieces


class OurModel(Asker):
    """Models that answer all the time."""

    _REQUEST = ModelRequest([
        {"role": "system", "content": "You move appointments of a practice, and say so in one sentence. " * 20},
        {"role": "user", "content": "I would like to move my appointment from Tuesday to Friday."},
    ])  # fmt: skip

    def __init__(self, model: Any, note: Note) -> None:
        super().__init__(note)
        self._model = model

    def ask(self, caller: int, count: int) -> AsyncIterator[Any]:
        """See :class:`Asker`."""
        pieces: AsyncIterator[Any] = self._model.stream(self._REQUEST)
        return pieces


def is_due(caller: int, count: int, callers: int) -> bool:
    """Whether it is time for a caller's next sentence."""
    every = turns_of(SENTENCE_SECONDS)
    return (count + caller * every // callers) % every == 0

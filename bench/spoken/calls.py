"""Our engine under the load of ``peers/load.py``: the measured process. Every event goes to a runner over a socket."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import numpy as np
from peers.load import ANSWER, REPLY_RATE, SAID, Callers, Measured, Order, measure, pin, tone_pieces
from spoken.runner import BEGINS
from spoken.stage import HERE, Stage, stage

from pinecall_run.audio.chunk import CHUNK_SECONDS
from pinecall_run.providers.contracts import Audio, Heard, ModelPiece, ModelRequest, Spoken, Text, Transcript
from pinecall_run.voice.spoken_call import SpokenCall
from pinecall_run.wire.events import CallEvent, TurnEnd


class Ear:
    """Understands the sentence when the caller pauses."""

    has_turns = False

    async def open(self) -> Ear:
        self._out: asyncio.Queue[Heard] = asyncio.Queue()
        return self

    def hear(self, chunk: object) -> None:
        pass

    def finish(self) -> None:
        self._out.put_nowait(Transcript(SAID, is_final=True))

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            yield await self._out.get()

    async def close(self) -> None:
        pass


class Mind:
    """Answers in ten words."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        for word in ANSWER:
            yield Text(word + " ")


class Voice:
    """Says anything as two seconds of a tone."""

    rate = REPLY_RATE

    def __init__(self) -> None:
        self._pieces = [Audio(np.frombuffer(piece, np.int16)) for piece in tone_pieces()]

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        for piece in self._pieces:
            yield piece


class Page:
    """The caller's end: counts their turns."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def event(self, event: CallEvent) -> None:
        self._measured.turns += isinstance(event, TurnEnd)

    def ended(self, reason: str) -> None:
        raise AssertionError(f"a call ended: {reason}")


async def _feed(call: SpokenCall, callers: Callers, number: int, measured: Measured) -> None:
    """What a door does: 20 ms in, 20 ms out."""
    async for chunk, due in callers.chunks(number):
        call.hear(np.frombuffer(chunk, np.int16))
        measured.heard(due)
        if call.take() is not None:
            measured.spoken += CHUNK_SECONDS


async def _run(it: Stage, order: Order) -> None:
    measured, callers = Measured(order), Callers(order)
    calls = [it.open(Page(measured), HERE)[0] for _ in range(order.calls)]
    feeding = [asyncio.create_task(_feed(call, callers, number, measured)) for number, call in enumerate(calls)]
    measuring = asyncio.create_task(measure(measured, lambda: print(BEGINS, flush=True)))
    await asyncio.gather(measuring, *feeding)


async def main(order: Order) -> None:
    """Run it."""
    async with stage(Mind(), Ear, Voice()) as it:
        await _run(it, order)


if __name__ == "__main__":
    given = Order.given(sys.argv[1:])
    pin(given.core)
    asyncio.run(main(given))

"""Pipecat under the load of ``load.py``: raw sound in and out, no transport, nothing told to anybody."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from peers.load import RATE, REPLY_RATE, Callers, Measured, Order, measure, pin
from peers.pipecat_engine import begin
from pipecat.frames.frames import CancelFrame, InputAudioRawFrame, OutputAudioRawFrame, StartFrame
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams


class Door(BaseInputTransport):
    """Hands the caller's chunks over when they are due. Handed over is not heard yet: they wait in a queue of its."""

    def __init__(self, parameters: TransportParams, callers: Callers, number: int, measured: Measured) -> None:
        super().__init__(parameters)
        self._chunks = callers.chunks(number)
        self._measured = measured
        self._feeding: Any = None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._feeding = self.create_task(self._feed())

    async def cancel(self, frame: CancelFrame) -> None:
        if self._feeding is not None:
            await self.cancel_task(self._feeding)
        await super().cancel(frame)

    async def _feed(self) -> None:
        async for chunk, due in self._chunks:
            await self.push_audio_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1))
            self._measured.heard(due)


class Mouth(BaseOutputTransport):
    """Takes a frame when the one before it has been played."""

    def __init__(self, parameters: TransportParams, measured: Measured) -> None:
        super().__init__(parameters)
        self._measured = measured
        self._free_at = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        seconds = len(frame.audio) / 2 / frame.sample_rate
        begins = max(time.monotonic(), self._free_at)
        self._free_at = begins + seconds
        await asyncio.sleep(max(begins - time.monotonic(), 0))
        self._measured.spoken += seconds
        return True


async def main(order: Order) -> None:
    """Run it."""
    measured, callers, kept = Measured(order), Callers(order), []
    parameters = TransportParams(
        audio_in_enabled=True,
        audio_out_enabled=True,
        audio_in_sample_rate=RATE,
        audio_out_sample_rate=REPLY_RATE,
    )
    for number in range(order.calls):
        door, mouth = Door(parameters, callers, number, measured), Mouth(parameters, measured)
        kept.append(await begin(door, mouth, measured))
        await asyncio.sleep(0)
    await measure(measured)


if __name__ == "__main__":
    given = Order.given(sys.argv[1:])
    pin(given.core)
    asyncio.run(main(given))

"""Pipecat's serializer of Twilio's streams with voice detection, turns and replies, under the load of ``twilio_load``.

Its own transport for them is FastAPI's; here its base classes stand on the sockets of ``websockets``, which take less.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from peers.line_load import measure
from peers.load import Measured, Order
from peers.pipecat_engine import begin
from peers.twilio_load import Pace, streams
from pipecat.frames.frames import CancelFrame, InputAudioRawFrame, OutputAudioRawFrame, StartFrame
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from websockets.asyncio.server import ServerConnection, serve


class Door(BaseInputTransport):
    """Reads what comes, as its own transport does. Handed over is not heard yet: it waits in a queue of its."""

    def __init__(self, socket: ServerConnection, serializer: TwilioFrameSerializer, pace: Pace) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_out_enabled=True))
        self._socket, self._serializer, self._pace = socket, serializer, pace
        self._reading: Any = None

    async def setup(self, setup: FrameProcessorSetup) -> None:
        await super().setup(setup)
        await self._serializer.setup(setup)

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._reading = self.create_task(self._read())

    async def cancel(self, frame: CancelFrame) -> None:
        if self._reading is not None:
            await self.cancel_task(self._reading)
        await super().cancel(frame)

    async def _read(self) -> None:
        async for message in self._socket:
            frame = await self._serializer.deserialize(message)
            if isinstance(frame, InputAudioRawFrame):
                await self.push_audio_frame(frame)
            self._pace.took(message)


class Mouth(BaseOutputTransport):
    """Sends a frame and waits for as long as it is, as its own transport does."""

    def __init__(self, socket: ServerConnection, serializer: TwilioFrameSerializer) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_out_enabled=True))
        self._socket, self._serializer = socket, serializer
        self._free_at = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        payload = await self._serializer.serialize(frame)
        if payload:
            await self._socket.send(payload)
        now = time.monotonic()
        begins = max(now, self._free_at)
        self._free_at = begins + len(frame.audio) / 2 / frame.sample_rate
        await asyncio.sleep(begins - now)
        return True


class Calls:
    """All calls."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self._kept: list[Any] = []

    async def serve(self, socket: ServerConnection) -> None:
        """One stream."""
        await socket.recv()
        start = json.loads(await socket.recv())["start"]
        serializer = TwilioFrameSerializer(
            start["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
        )
        pace = Pace(self._measured)
        pace.start(start["customParameters"])
        door, mouth = Door(socket, serializer, pace), Mouth(socket, serializer)
        self._kept.append(await begin(door, mouth, self._measured))
        await socket.wait_closed()

    async def listen(self) -> str:
        """Open the door."""
        self._server = await serve(self.serve, "127.0.0.1", 0, compression=None, max_queue=None)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    await measure(measured, Calls(measured).listen, streams)


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

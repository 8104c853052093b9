"""Pipecat's serializer of Twilio's streams with voice detection, turns and replies, under the load of ``twilio_load``.

Its own transport for them is FastAPI's; here its base classes stand on the sockets of ``websockets``, which take less.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from peers.load import RATE, Measured, Order
from peers.pipecat_engine import begin
from peers.twilio_load import measure
from pipecat.frames.frames import CancelFrame, InputAudioRawFrame, OutputAudioRawFrame, StartFrame
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from websockets.asyncio.server import ServerConnection, serve


class Door(BaseInputTransport):
    """Reads what comes, as its own transport does."""

    def __init__(self, socket: ServerConnection, serializer: TwilioFrameSerializer, calls: Calls) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_out_enabled=True))
        self._socket, self._serializer, self._calls = socket, serializer, calls
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
                self._calls.heard_bytes += len(frame.audio)
                await self.push_audio_frame(frame)


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
    """All calls, and what was heard of them."""

    def __init__(self, measured: Measured) -> None:
        self.heard_bytes = 0
        self._measured = measured
        self._kept: list[Any] = []

    async def serve(self, socket: ServerConnection) -> None:
        """One stream."""
        await socket.recv()
        start = json.loads(await socket.recv())["start"]
        serializer = TwilioFrameSerializer(
            start["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
        )
        door, mouth = Door(socket, serializer, self), Mouth(socket, serializer)
        self._kept.append(await begin(door, mouth, self._measured))
        await socket.wait_closed()

    async def listen(self) -> str:
        """Open the door."""
        self._server = await serve(self.serve, "127.0.0.1", 0, compression=None, max_queue=None)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    def heard(self) -> float:
        """Seconds of all callers."""
        return self.heard_bytes / 2 / RATE


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    calls = Calls(measured)
    await measure(measured, calls.listen, calls.heard)


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

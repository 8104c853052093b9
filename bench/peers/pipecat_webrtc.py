"""Pipecat's SmallWebRTC transport with voice detection, turns and replies, under the load of ``webrtc_load.py``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from peers.load import RATE, Measured, Order
from peers.pipecat_engine import begin
from peers.webrtc_load import measure
from pipecat.frames.frames import Frame, InputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport


class Calls:
    """All calls, and what was heard of them."""

    def __init__(self, measured: Measured) -> None:
        self.heard_bytes = 0
        self._measured = measured
        self._kept: list[Any] = []

    async def answer(self, sdp: str) -> str:
        """Begin a call."""
        connection = SmallWebRTCConnection(ice_servers=[])
        await connection.initialize(sdp=sdp, type="offer")
        parameters = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
        transport = SmallWebRTCTransport(webrtc_connection=connection, params=parameters)
        self._kept.append(await begin(transport.input(), transport.output(), self._measured, Probe(self)))
        self._kept.append((connection, transport, asyncio.create_task(connection.connect())))
        return str(connection.get_answer()["sdp"])

    def heard(self) -> float:
        """Seconds of all callers."""
        return self.heard_bytes / 2 / RATE


class Probe(FrameProcessor):
    """Counts what comes out of the transport."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._calls.heard_bytes += len(frame.audio)
        await self.push_frame(frame, direction)


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    calls = Calls(measured)
    await measure(measured, calls.answer, calls.heard)


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

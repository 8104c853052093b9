"""Pipecat's SmallWebRTC transport with voice detection, turns and replies; callers are aiortc peers in a child process.

``python -m peers.pipecat_webrtc CLIP CALLS SECONDS CORE`` in Pipecat's environment, in the folder above this one,
prints one JSON line. Everything is on 127.0.0.1; the callers are not measured, and run on the other cores.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import aioice.ice
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.audio.frame import AudioFrame
from peers.load import CHUNK_SECONDS, CYCLE_SECONDS, RATE, Callers, Measured, Order, memory_mb, pin

WARM_SECONDS = 5.0


class Speaker(MediaStreamTrack):
    """One caller of the load."""

    kind = "audio"

    def __init__(self, callers: Callers, number: int) -> None:
        super().__init__()
        self._chunks, self._sent = callers.chunks(number), 0

    async def recv(self) -> AudioFrame:
        chunk, _ = await anext(self._chunks)
        frame = AudioFrame(format="s16", layout="mono", samples=len(chunk) // 2)
        frame.planes[0].update(chunk)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, fractions.Fraction(1, RATE)
        self._sent += frame.samples
        return frame


async def _call(parent: Connection, order: Order) -> None:
    callers, calls = Callers(order), order.calls
    counts, listening = [0] * calls, []

    async def listen(number: int, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            counts[number] += 1

    for number in range(calls):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTrack(Speaker(callers, number))
        peer.on("track", lambda track, number=number: listening.append(asyncio.create_task(listen(number, track))))
        await peer.setLocalDescription(await peer.createOffer())
        parent.send(peer.localDescription.sdp)
        answer = await asyncio.to_thread(parent.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    while True:
        await asyncio.to_thread(parent.recv)
        parent.send(sum(counts))
        counts[:] = [0] * calls


def _callers(parent: Connection, order: Order) -> None:
    asyncio.run(_call(parent, order))


async def _answer(child: Connection, measured: Measured, heard: list[int]) -> tuple[Any, ...]:
    """The server's side of one call: what has to be kept of it."""
    from peers.pipecat_engine import begin
    from pipecat.frames.frames import Frame, InputAudioRawFrame
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
    from pipecat.transports.base_transport import TransportParams
    from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
    from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport

    class Probe(FrameProcessor):
        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, InputAudioRawFrame):
                heard[0] += len(frame.audio)
            await self.push_frame(frame, direction)

    connection = SmallWebRTCConnection(ice_servers=[])
    await connection.initialize(sdp=await asyncio.to_thread(child.recv), type="offer")
    parameters = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    transport = SmallWebRTCTransport(webrtc_connection=connection, params=parameters)
    kept = await begin(transport.input(), transport.output(), measured, Probe())
    child.send(connection.get_answer()["sdp"])
    await connection.connect()
    return connection, transport, kept


async def _measure(order: Order) -> None:
    """Print what came of it, and end the process: the engine does not end when its tasks are cancelled."""
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_callers, args=(far, order), daemon=True)
    child.start()
    pin(order.core)
    measured, heard, kept = Measured(order), [0], []
    base = memory_mb()
    try:
        for _ in range(order.calls):
            kept.append(await _answer(near, measured, heard))
        await asyncio.sleep(WARM_SECONDS)
        near.send(None)
        await asyncio.to_thread(near.recv)
        heard[0] = measured.turns = 0
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.sleep(order.seconds)
        cpu, took, bytes_heard = time.process_time() - cpu, time.monotonic() - began, heard[0]
        near.send(None)
        received = await asyncio.to_thread(near.recv)
    finally:
        child.kill()
    result = {
        "calls": order.calls,
        "cpu_percent_per_call": round(100 * cpu / took / order.calls, 2),
        "heard_of_due": round(bytes_heard / (2 * RATE * took * order.calls), 3),
        "received_of_due": round(received / (order.calls * took / CHUNK_SECONDS), 3),
        "turns_of_due": round(measured.turns / (order.calls * took / CYCLE_SECONDS), 3),
        "memory_mb_per_call": round((memory_mb() - base) / order.calls, 2),
    }
    print(json.dumps(result), flush=True)
    os._exit(0)


# Here and in the child: neither side offers more than this machine.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

if __name__ == "__main__":
    asyncio.run(_measure(Order.given(sys.argv[1:])))

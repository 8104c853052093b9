"""The load of ``load.py`` through WebRTC: callers are aiortc peers in a child process, which is not measured."""

from __future__ import annotations

import asyncio
import fractions
import json
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

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
    callers, counts, listening = Callers(order), [0] * order.calls, []

    async def listen(number: int, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            counts[number] += 1

    for number in range(order.calls):
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
        counts[:] = [0] * order.calls


def _callers(parent: Connection, order: Order) -> None:
    asyncio.run(_call(parent, order))


async def measure(
    measured: Measured,
    answer: Callable[[str], Awaitable[str]],
    heard: Callable[[], float],
    on_begin: Callable[[], object] = lambda: None,
) -> None:
    """Have ``answer`` answer every caller's offer, let it run, print what came of it, and end the process: not every
    engine ends when its tasks are cancelled. ``heard`` is how many seconds of all callers were heard until now."""
    order, base = measured.order, memory_mb()
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_callers, args=(far, order), daemon=True)
    child.start()
    pin(order.core)  # the child stays where this process was
    try:
        for _ in range(order.calls):
            near.send(await answer(await asyncio.to_thread(near.recv)))
        await asyncio.sleep(WARM_SECONDS)
        near.send(None)
        await asyncio.to_thread(near.recv)
        on_begin()
        measured.turns, before = 0, heard()
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.sleep(order.seconds)
        cpu, took, seconds = time.process_time() - cpu, time.monotonic() - began, heard() - before
        near.send(None)
        received = await asyncio.to_thread(near.recv)
    finally:
        child.kill()
    result = {
        "calls": order.calls,
        "cpu_percent_per_call": round(100 * cpu / took / order.calls, 2),
        "heard_of_due": round(seconds / (took * order.calls), 3),
        "received_of_due": round(received / (order.calls * took / CHUNK_SECONDS), 3),
        "turns_of_due": round(measured.turns / (order.calls * took / CYCLE_SECONDS), 3),
        "memory_mb_per_call": round((memory_mb() - base) / order.calls, 2),
    }
    print(json.dumps(result), flush=True)
    os._exit(0)


# Here and in the child: neither side offers more than this machine.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

"""The load of ``load.py`` by media streams: callers are Twilio's ends of them in a child process, not measured.

Each sends its sound as Twilio does, 20 ms of mu-law in base64, plays what it is sent in real time, and sends marks back
when they have been played. It knows neither engine.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import time
from array import array
from collections import deque
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from peers.load import CHUNK_SECONDS, CYCLE_SECONDS, Callers, Measured, Order, memory_mb, pin
from websockets.asyncio.client import ClientConnection, connect

WARM_SECONDS = 5.0


def _mu_law(sample: int) -> int:
    """ITU-T G.711."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32_635) + 132
    segment = magnitude.bit_length() - 8
    return ~(sign | segment << 4 | magnitude >> segment + 3 & 15) & 0xFF


class _Codec:
    """What a chunk of 16 kHz is on the line; each that occurs is made once."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def encoded(self, chunk: bytes) -> str:
        if chunk not in self._known:
            samples = array("h", chunk)
            halves = ((samples[at] + samples[at + 1]) // 2 for at in range(0, len(samples), 2))
            self._known[chunk] = base64.b64encode(bytes(map(_mu_law, halves))).decode()
        return self._known[chunk]


class _Line:
    """One caller."""

    def __init__(self, number: int) -> None:
        self.received = 0
        """Bytes of sound."""
        self._sid = f"MZ{number}"
        self._plays_until = 0.0
        self._marks: deque[tuple[float, str]] = deque()

    async def run(self, url: str, callers: Callers, codec: _Codec, number: int) -> None:
        async with connect(url, compression=None, max_queue=None) as socket:
            start = {
                "streamSid": self._sid,
                "callSid": f"CA{number}",
                "accountSid": "AC1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": "t"},
            }
            await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
            await socket.send(json.dumps({"event": "start", "start": start, "streamSid": self._sid}))
            await asyncio.gather(self._say(socket, callers, codec, number), self._hear(socket))

    async def _say(self, socket: ClientConnection, callers: Callers, codec: _Codec, number: int) -> None:
        sent = 0
        async for chunk, _ in callers.chunks(number):
            sent += 1
            while self._marks and self._marks[0][0] <= time.monotonic():
                _, name = self._marks.popleft()
                mark = {"event": "mark", "streamSid": self._sid, "mark": {"name": name}}
                await socket.send(json.dumps(mark))
            await socket.send(
                f'{{"event":"media","sequenceNumber":"{sent}","media":{{"track":"inbound","chunk":"{sent}",'
                f'"timestamp":"{sent * 20}","payload":"{codec.encoded(chunk)}"}},"streamSid":"{self._sid}"}}'
            )

    async def _hear(self, socket: ClientConnection) -> None:
        async for message in socket:
            said = json.loads(message)
            match said["event"]:
                case "media":
                    length = len(base64.b64decode(said["media"]["payload"]))
                    self.received += length
                    self._plays_until = max(self._plays_until, time.monotonic()) + length / 8000
                case "mark":
                    self._marks.append((self._plays_until, said["mark"]["name"]))
                case "clear":
                    self._plays_until = 0.0


async def _call(parent: Connection, order: Order, url: str) -> None:
    callers, codec = Callers(order), _Codec()
    lines = [_Line(number) for number in range(order.calls)]
    calling = [asyncio.create_task(line.run(url, callers, codec, n)) for n, line in enumerate(lines)]
    asking = asyncio.create_task(_tell(parent, lines))
    await asyncio.wait([*calling, asking], return_when=asyncio.FIRST_COMPLETED)
    raise RuntimeError("a line ended")


async def _tell(parent: Connection, lines: list[_Line]) -> None:
    while True:
        await asyncio.to_thread(parent.recv)
        parent.send(sum(line.received for line in lines))


def _callers(parent: Connection, order: Order, url: str) -> None:
    asyncio.run(_call(parent, order, url))


async def measure(
    measured: Measured,
    listen: Callable[[], Awaitable[str]],
    heard: Callable[[], float],
    on_begin: Callable[[], object] = lambda: None,
) -> None:
    """Have ``listen`` open the server, whose address it gives, let callers call, print what came of it, and end the
    process. ``heard`` is how many seconds of all callers were heard until now."""
    order = measured.order
    url, base = await listen(), memory_mb()
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_callers, args=(far, order, url), daemon=True)
    child.start()
    pin(order.core)  # the child stays where this process was
    try:
        await asyncio.sleep(WARM_SECONDS)
        near.send(None)
        before = await asyncio.to_thread(near.recv)
        on_begin()
        measured.turns, heard_before = 0, heard()
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.sleep(order.seconds)
        cpu, took, seconds = time.process_time() - cpu, time.monotonic() - began, heard() - heard_before
        near.send(None)
        received = await asyncio.to_thread(near.recv) - before
    finally:
        child.kill()
    turns_due = order.calls * took / CYCLE_SECONDS
    result = {
        "calls": order.calls,
        "cpu_percent_per_call": round(100 * cpu / took / order.calls, 3),
        "heard_of_due": round(seconds / (took * order.calls), 3),
        "turns_of_due": round(measured.turns / turns_due, 3),
        "spoken_of_due": round(received / 8000 / (turns_due * 2.0), 3),
        "memory_mb_per_call": round((memory_mb() - base) / order.calls, 2),
        "chunk_ms": CHUNK_SECONDS * 1000,
    }
    print(json.dumps(result), flush=True)
    os._exit(0)

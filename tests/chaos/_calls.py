"""Spoken calls on real sockets with a real detector, each cut at a moment of chance: nothing of them may stay."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.emulators.speech import NAME, emulated
from tests.voice._door import Socket, client, get, server
from tests.voice._speech import said
from tests.voice._stage import scripted
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples

AGENT = "cut"
AT_ONCE = 20
CHUNKS = 250
"""At most, of one call: five seconds, which take far less here."""
GREETING = "Hello, this is the desk. How can I help you today?"
WARM_CALLS = 40
"""What is made once, and what Python keeps at hand, is made by these."""


@dataclass
class Outcome:
    """What became of the calls, and what there was before and after them."""

    calls: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def grown(self) -> dict[str, int]:
        """What there is more of."""
        return {name: self.after[name] - self.before[name] for name in self.before}


async def calls(*, count: int, seconds: float, seed: int) -> Outcome:
    """Open and cut ``count`` calls, or as many as ``seconds`` allow."""
    began = time.monotonic()
    with emulated():
        async with server() as address:
            llm = scripted(otherwise="It was shipped on Monday. It will be there tomorrow.")
            async with client(address, AGENT, llm=llm, stt=NAME, voice=NAME, greeting=GREETING) as runner:
                people = _People(address, runner, seed)
                reading = asyncio.create_task(people.read_as_runner())
                await people.call(WARM_CALLS, began + seconds)
                before = await people.settled()
                people.outcome = Outcome(before=before)
                await people.call(count, began + seconds)
                people.outcome.after = await people.settled()
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
    people.outcome.seconds = round(time.monotonic() - began, 1)
    return people.outcome


class _People:
    """Callers, and the runner whose calls they are."""

    def __init__(self, address: str, runner: Socket, seed: int) -> None:
        self.outcome = Outcome()
        self._address = address
        self._runner = runner
        self._chance = random.Random(seed)
        self._voice = _voice()
        self._live: list[str] = []

    async def call(self, count: int, end: float) -> None:
        """So many calls, some of them at once."""
        numbers = iter(range(count))

        async def line() -> None:
            for _ in numbers:
                if time.monotonic() > end:
                    return
                await self._call()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(line())

    async def read_as_runner(self) -> None:
        """What the runner is told; until cancelled."""
        async for message in self._runner.socket:
            frame = json.loads(message)
            self.outcome.events[frame["event"]] += 1
            match frame["event"]:
                case "ping":
                    await self._runner.send("pong")
                case "call.started":
                    self._live.append(frame["call_id"])
                case "call.ended":
                    self._live.remove(frame["call_id"])

    async def settled(self) -> dict[str, int]:
        """What there is when all calls have ended."""
        async with asyncio.timeout(20):
            while self._live:  # noqa: ASYNC110 - goodbyes of many calls
                await asyncio.sleep(0.05)
        await asyncio.sleep(2.5)  # doors give those who are gone a second to read the goodbye
        gc.collect()
        return {
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "files": len(os.listdir("/proc/self/fd")),
            "objects": len(gc.get_objects()),
            "memory_kb": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024,
        }

    async def _call(self) -> None:
        token = (await get(self._address, f"/stream/token?agent_id={AGENT}")).json["token"]
        self.outcome.calls += 1
        async with connect(f"ws://{self._address}/audio/ws?token={token}", compression=None) as connection:
            reading = asyncio.create_task(_read(connection))
            try:
                await self._speak(connection)
                await self._leave(connection)
            except ConnectionClosed:
                self.outcome.ways["by the runner"] += 1
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _speak(self, connection: ClientConnection) -> None:
        for chunk in self._sound():
            await connection.send(chunk)
            if self._chance.random() < 0.02:
                await asyncio.sleep(0.02 * self._chance.random())
        if self._live and self._chance.random() < 0.1:
            await self._runner.send("call.hangup", call_id=self._chance.choice(self._live))

    def _sound(self) -> Iterator[bytes]:
        left, at = self._chance.randrange(CHUNKS), self._chance.randrange(len(self._voice))
        while left > 0:
            chunks = min(self._chance.randrange(1, 5), left)
            left -= chunks
            sound = np.take(self._voice, range(at, at + chunks * CHUNK_SAMPLES), mode="wrap").tobytes()
            at += chunks * CHUNK_SAMPLES
            yield sound if left else sound[: self._chance.randrange(len(sound))]  # in the middle of a sample, too

    async def _leave(self, connection: ClientConnection) -> None:
        match self._chance.randrange(4):
            case 0:
                self.outcome.ways["hung up"] += 1
                await connection.send('{"action":"hangup"}')
                await connection.wait_closed()
            case 1:
                self.outcome.ways["closed"] += 1
                await connection.close()
            case _:
                self.outcome.ways["cut"] += 1
                connection.transport.abort()


async def _read(connection: ClientConnection) -> None:
    async for _ in connection:
        pass


def _voice() -> Samples:
    """A sentence, and two seconds to answer it."""
    if shutil.which("flite"):
        voice = said("where is order one thousand and one")
    else:
        voice = (np.sin(np.arange(2 * RATE) * 0.05) * 9_000).astype(np.int16)
    return np.concatenate((voice, np.zeros(2 * RATE, np.int16)))


def wrong(outcome: Outcome) -> list[str]:
    """What there is more of than there should be."""
    grown: dict[str, Any] = outcome.grown
    found = [f"{grown[name]} {name} more" for name in ("tasks", "threads", "files") if grown[name] > 0]
    if grown["objects"] > 2_000 + outcome.calls:
        found.append(f"{grown['objects']} objects more after {outcome.calls} calls")
    if grown["memory_kb"] > 30_000:
        found.append(f"{grown['memory_kb']} KB more after {outcome.calls} calls")
    return found

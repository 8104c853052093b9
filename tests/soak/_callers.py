"""People who call through ``/audio/ws`` in real time, one call after the other: they speak, interrupt, and hang up."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from tests.voice._door import get
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, Samples

SILENCE = bytes(2 * CHUNK_SAMPLES)


class Person:
    """One line, on which calls follow each other. ``counts`` adds up what happened to all; ``is_excused`` says whether
    a call that is closed now is nobody's fault."""

    def __init__(
        self,
        agent: str,
        address: str,
        voice: Samples,
        counts: Counter[str],
        chance: random.Random,
        is_excused: Callable[[], bool],
    ) -> None:
        self._agent = agent
        self._address = address
        self._voice = voice
        self._counts = counts
        self._chance = chance
        self._is_excused = is_excused

    async def call_again_and_again(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Until it is over; each call lasts about ``seconds``, some far shorter."""
        while not is_over():
            length = self._chance.expovariate(1 / seconds) + 0.1
            await self._call(time.monotonic() + length, is_over)
            await asyncio.sleep(self._chance.random())

    async def _call(self, end: float, is_over: Callable[[], bool]) -> None:
        answer = await get(self._address, f"/stream/token?agent_id={self._agent}")
        if answer.status != 200:
            self._counts["refused"] += 1
            return
        async with connect(
            f"ws://{self._address}/audio/ws?token={answer.json['token']}", compression=None
        ) as connection:
            self._counts["calls"] += 1
            reading = asyncio.create_task(self._read(connection))
            try:
                await self._speak(connection, end, is_over)
                await self._leave(connection)
            except ConnectionClosed as closed:
                when = "closed after the machine stood still" if self._is_excused() else "closed_by_server"
                self._counts[f"{when} ({closed})"] += 1
            finally:
                reading.cancel()
                for end in await asyncio.gather(reading, return_exceptions=True):
                    if isinstance(end, Exception):  # who reads no more answers no pings
                        self._counts[f"reading failed ({end!r})"] += 1

    async def _speak(self, connection: ClientConnection, end: float, is_over: Callable[[], bool]) -> None:
        saying, due, pause = b"", time.monotonic(), self._chance.uniform(0.2, 2.0)
        while time.monotonic() < end and not is_over():
            due += CHUNK_SECONDS
            await asyncio.sleep(max(due - time.monotonic(), 0))
            if not saying:
                pause -= CHUNK_SECONDS
                if pause <= 0:  # whatever the agent is doing
                    saying, pause = self._sentence(), self._chance.uniform(0.3, 6.0)
            chunk, saying = saying[: len(SILENCE)] or SILENCE, saying[len(SILENCE) :]
            await connection.send(chunk)

    def _sentence(self) -> bytes:
        samples = self._voice
        if self._chance.random() < 0.3:
            samples = samples[: self._chance.randrange(CHUNK_SAMPLES, len(samples))]
        return samples[: len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES].astype(np.int16).tobytes()

    async def _leave(self, connection: ClientConnection) -> None:
        """Hang up, close the socket, or be gone in the middle of a word."""
        match self._chance.randrange(3):
            case 0:
                self._counts["hung_up"] += 1
                await connection.send('{"action":"hangup"}')
            case 1:
                self._counts["closed"] += 1
                await connection.close()
            case _:
                self._counts["cut"] += 1
                connection.transport.abort()

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    self._counts["chunks_with_sound"] += len(message) > 0
                else:
                    self._counts[json.loads(message)["event"]] += 1
        except ConnectionClosed:
            pass

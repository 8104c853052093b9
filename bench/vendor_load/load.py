"""A load in real time, the same for an adapter and for what it is held against, and the time it takes of a processor.

One task deals out the turns of all callers, each 20 ms, evenly; what that costs by itself is known from :class:`Nobody`
and taken off.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from vendor_load.peer import Peer, Told

from pinecall_run.audio.chunk import CHUNK_SECONDS

PHASES = 4


class Side(Protocol):
    """What is loaded. It runs evenly after ``warm_seconds``."""

    warm_seconds: float

    async def open(self, callers: int) -> None:
        """Be ready for so many."""

    async def turn(self, caller: int, count: int) -> None:
        """It is a caller's turn, for the ``count``-th time."""

    async def close(self) -> None:
        """Let go of all."""


class Nobody:
    """Takes turns, and does nothing."""

    warm_seconds = 0.2

    async def open(self, callers: int) -> None: ...

    async def turn(self, caller: int, count: int) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Used:
    """``share`` of a core for each caller, and what the peer saw meanwhile."""

    share: float
    told: Told


async def used(side: Side, peer: Peer, callers: int, seconds: float) -> Used:
    """What a side takes, once it runs."""
    await side.open(callers)
    dealing = asyncio.create_task(_deal(side, callers))
    try:
        await asyncio.sleep(side.warm_seconds)
        peer.told()
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.wait([dealing], timeout=seconds)
        cpu, took = time.process_time() - cpu, time.monotonic() - began
        told = peer.told()
        if dealing.done():
            dealing.result()
    finally:
        dealing.cancel()
        with suppress(asyncio.CancelledError):
            await dealing
        await side.close()
    return Used(cpu / took / callers, told)


async def _deal(side: Side, callers: int) -> None:
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    while True:
        for caller in range(number % PHASES, callers, PHASES):
            await side.turn(caller, number // PHASES)
        number += 1
        if (wait := began + number * CHUNK_SECONDS / PHASES - loop.time()) > 0:
            await asyncio.sleep(wait)


def turns_of(seconds: float) -> int:
    """How many turns that is."""
    return round(seconds / CHUNK_SECONDS)


async def stopped(tasks: Any) -> None:
    """Cancel them, and wait."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

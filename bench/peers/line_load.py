"""The load of ``load.py`` by telephone: callers are lines of a child process, not measured, which knows no engine.

One task of the child sends the 20 ms of every line when they are due, and notes how late it is itself: if it is the one
that is late, nothing can be said of a server.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import multiprocessing
import os
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

from peers.load import CHUNK_BYTES, CHUNK_SECONDS, Callers, Measured, Order, memory_mb, pin, quantile

WARM_SECONDS = 5.0
LEAD_SECONDS = 1.0
"""From the last line that is connected to the first sound: a server has conversations to begin."""

PLACED_SECONDS = 30.0
LINE_RATE = 8_000

ADAPTED_PACKETS = 100
"""Two seconds, after which whoever plays packets has another pace, if it moved."""


class Line(Protocol):
    """One caller's end of a call that is up."""

    received: int
    """Samples of the agent's voice."""

    late: array[float]
    """When each packet came, on the clock of its number, where a line tells how late it is; empty where it does not."""

    def start(self, due: float) -> None:
        """The first 20 ms will be due then, on the monotonic clock."""

    def say(self, at: int) -> None:
        """Send the 20 ms that are the number ``at`` of the sound."""


Place = Callable[[str, Sequence[bytes], int, "asyncio.Future[None]"], Awaitable[Sequence[Line]]]
"""Connects so many lines to an address. They have the sound to say, and a future that fails when one is lost."""


def _mu_law(sample: int) -> int:
    """ITU-T G.711."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32_635) + 132
    segment = magnitude.bit_length() - 8
    return ~(sign | segment << 4 | magnitude >> segment + 3 & 15) & 0xFF


def _sound(order: Order) -> list[bytes]:
    """What a caller says again and again, in mu-law of 20 ms each."""
    samples = array("h", Callers(order).cycle)
    line = bytes(_mu_law((samples[at] + samples[at + 1]) // 2) for at in range(0, len(samples), 2))
    return [line[at : at + CHUNK_BYTES // 4] for at in range(0, len(line), CHUNK_BYTES // 4)]


async def _call(parent: Connection, order: Order, address: str, place: Place) -> None:
    sound, lost = _sound(order), asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PLACED_SECONDS):
        lines = await place(address, sound, order.calls, lost)
    begins = math.ceil(time.monotonic()) + LEAD_SECONDS
    dues = [begins + number / len(lines) * CHUNK_SECONDS for number in range(len(lines))]
    for line, due in zip(lines, dues, strict=True):
        line.start(due)
    late: array[float] = array("d")
    await asyncio.sleep(begins - time.monotonic())
    parent.send(None)
    working = [
        asyncio.create_task(_pace(lines, dues, len(sound), late)),
        asyncio.create_task(_tell(parent, lines, late)),
    ]
    done, _ = await asyncio.wait([*working, lost], return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        each.result()


async def _pace(lines: Sequence[Line], dues: Sequence[float], length: int, late: array[float]) -> None:
    offsets = [round(number / len(lines) * length) for number in range(len(lines))]
    for beat in itertools.count():
        await asyncio.sleep(0)  # what is late must still listen
        for line, first, offset in zip(lines, dues, offsets, strict=True):
            due = first + beat * CHUNK_SECONDS
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            line.say((offset + beat) % length)
            late.append(time.monotonic() - due)


async def _tell(parent: Connection, lines: Sequence[Line], late: array[float]) -> None:
    """At the beginning of what is measured, and at its end."""
    await asyncio.to_thread(parent.recv)
    del late[:]
    for line in lines:
        line.received = 0
        del line.late[:]
    await asyncio.to_thread(parent.recv)
    told = {"received": sum(line.received for line in lines)}
    ours, theirs = sorted(late), sorted(each for line in lines for each in _behind(line.late))
    told["generator_late_p99_ms"] = round(quantile(ours, 0.99) * 1000, 2)
    if theirs:
        told |= {f"late_p{part}_ms": round(quantile(theirs, part / 100) * 1000, 2) for part in (50, 99)}
    parent.send(told)
    await asyncio.to_thread(parent.recv)  # until it is killed: a line that ends costs a server something


def _behind(times: array[float]) -> Iterator[float]:
    """How much later each is than the fastest around it: as whoever plays them, who adapts to a pace that moved."""
    for start in range(0, len(times), ADAPTED_PACKETS):
        some = times[start : start + ADAPTED_PACKETS]
        fastest = min(some)
        yield from (each - fastest for each in some)


def _callers(parent: Connection, order: Order, address: str, place: Place) -> None:
    asyncio.run(_call(parent, order, address, place))


async def measure(
    measured: Measured,
    listen: Callable[[], Awaitable[str]],
    place: Place,
    on_begin: Callable[[], object] = lambda: None,
) -> None:
    """Have ``listen`` open the server, whose address it gives, let callers call, print what came of it, and end the
    process. Late is what ``measured`` was told to be, or where lines say so, what they were sent."""
    order = measured.order
    address, base = await listen(), memory_mb()
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_callers, args=(far, order, address, place))
    child.daemon = True
    child.start()
    far.close()
    pin(order.core)  # the child stays where this process was
    try:
        await asyncio.to_thread(near.recv)
        await asyncio.sleep(WARM_SECONDS)
        on_begin()
        near.send(None)
        measured.begin()
        await asyncio.sleep(order.seconds)
        near.send(None)
        told: dict[str, Any] = await asyncio.to_thread(near.recv)
    finally:
        child.kill()
    measured.spoken = told.pop("received") / LINE_RATE
    memory = round((memory_mb() - base) / order.calls, 2)
    print(json.dumps({**measured.report(), **told, "memory_mb_per_call": memory}), flush=True)
    os._exit(0)

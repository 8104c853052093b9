"""Many people at once, each asking for a tool again and again, while the runner's link is cut at random bytes."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos._proxy import Fault
from tests.chaos._stage import Play, play, quick
from tests.voice._door import chat, server

from pinecall_run.live import notices
from pinecall_run.protocol import client
from pinecall_run.protocol.keepalive import Pace

PEOPLE = 20
BYTES = 2_000
"""A connection is cut within so many bytes of those that follow its registration; a tool call takes some 900."""

WAKEFUL = Pace(steady=0.0)
"""Else the delays between connections that do not last would grow, as they should."""


@dataclass
class Outcome:
    """What became of the tool calls."""

    answered: int = 0
    lost: int = 0
    doubled: int = 0
    cuts: int = 0
    seconds: float = 0.0


async def cuts(folder: Path, *, calls: int, seconds: float, seed: int) -> Outcome:
    """Make ``calls`` tool calls, or as many as ``seconds`` allow."""
    outcome, chance = Outcome(), random.Random(seed)
    began = time.monotonic()
    numbers = itertools.count(1)
    with quick(), _hasty():
        async with server() as address, play("cut", folder, address, seed, pace=WAKEFUL) as (it, _):
            await it.until(notices.ChannelUp)
            cutting = asyncio.create_task(_cut(it, chance, outcome))
            async with asyncio.TaskGroup() as people:
                for _ in range(PEOPLE):
                    people.create_task(_person(it, numbers, calls, began + seconds, outcome))
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)
            outcome.doubled = sum(times - 1 for times in Counter(it.tools.ran).values())
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


async def _cut(it: Play, chance: random.Random, outcome: Outcome) -> None:
    while True:
        fault = Fault.CUT if chance.random() < 0.5 else Fault.RESET
        it.proxy.strike(fault, after=chance.randrange(BYTES))
        await it.until(notices.Disconnected)
        outcome.cuts += 1
        if chance.random() < 0.8:  # else the next one may be cut while it registers
            await it.until(notices.ChannelUp)


async def _person(it: Play, numbers: Iterator[int], calls: int, end: float, outcome: Outcome) -> None:
    async with chat(it.address, it.name) as page:
        while (number := next(numbers)) <= calls and time.monotonic() < end:
            await page.send("message", text=f"look {number}")
            async with asyncio.timeout(60):
                text = (await page.until("chat.done"))["text"]
            page.frames.clear()
            is_right = text == f"It is done {number}."
            outcome.answered += is_right
            outcome.lost += not is_right


@contextmanager
def _hasty() -> Iterator[None]:
    before, client.RETRY_FIRST_SECONDS = client.RETRY_FIRST_SECONDS, 0.02
    try:
        yield
    finally:
        client.RETRY_FIRST_SECONDS = before

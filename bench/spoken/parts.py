"""What the parts of a spoken call cost alone under the load of ``peers/load.py``, in per cent of a core for a call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time

from peers.load import CHUNK_SECONDS, CYCLE_SECONDS, REPLY_RATE, REPLY_SECONDS, Callers, Order, pin

from audio import detecting, resampling
from pinecall_run.audio.chunk import RATE

BATCHES = 4
"""A window is four times as long as the least time between two batches: so many batches share the calls."""


async def _generating(order: Order) -> float:
    """What makes the callers' chunks, and takes nothing else."""
    callers = Callers(order)

    async def feed(number: int) -> None:
        async for _ in callers.chunks(number):
            pass

    feeding = [asyncio.create_task(feed(number)) for number in range(order.calls)]
    await asyncio.sleep(1.2)
    cpu, clock = time.process_time(), time.monotonic()
    await asyncio.sleep(2.0)
    used = (time.process_time() - cpu) / (time.monotonic() - clock) / order.calls
    for task in feeding:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*feeding)
    return 100 * used


def main(order: Order) -> None:
    """Measure, and print."""
    share = REPLY_SECONDS / CYCLE_SECONDS
    parts = {
        "resample": resampling(REPLY_RATE, RATE) / 1e6 / CHUNK_SECONDS * 100 * share,
        "detector": asyncio.run(detecting(max(order.calls // BATCHES, 1))) / 1e6 / CHUNK_SECONDS * 100,
        "generator": asyncio.run(_generating(order)),
    }
    print(json.dumps({name: round(percent, 3) for name, percent in parts.items()}))


if __name__ == "__main__":
    given = Order.given(sys.argv[1:])
    pin(given.core)
    main(given)

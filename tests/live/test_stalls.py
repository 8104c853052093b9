"""What keeps the event loop from turning is named by its place, and what does not is not."""

import asyncio
import inspect
import threading
import time

from pinecall_run.live.stalls import StallWatch

SECONDS = 0.04


def block() -> int:
    """Block, and say on which line."""
    time.sleep(SECONDS * 5)
    return inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]


async def test_the_line_that_blocks_is_named_once() -> None:
    told: list[tuple[str, int, float]] = []
    with StallWatch(lambda *stall: told.append(stall), seconds=SECONDS):
        line = block()
        await asyncio.sleep(SECONDS)
    ((file, number, seconds),) = told
    assert (file, number) == (__file__, line)
    assert seconds >= SECONDS * 5


async def test_threads_and_waiting_block_nobody() -> None:
    told: list[object] = []
    with StallWatch(lambda *stall: told.append(stall), seconds=SECONDS * 5):
        await asyncio.gather(asyncio.to_thread(block), asyncio.sleep(SECONDS * 6))
    assert told == []


async def test_who_runs_the_loop_is_not_to_blame() -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    with StallWatch(lambda *stall: told.append(stall), seconds=SECONDS):
        loop.call_soon(time.sleep, SECONDS * 5)  # no code of the user's is between it and the loop
        await asyncio.sleep(SECONDS * 6)
    assert told == []


async def test_when_it_is_over_nothing_is_left() -> None:
    def watching() -> bool:  # by name: threads of other tests come to their end, too
        return any(thread.name == "stalls" for thread in threading.enumerate())

    with StallWatch(lambda *stall: None, seconds=SECONDS):
        assert watching()
    async with asyncio.timeout(5):
        while watching():  # noqa: ASYNC110 - nobody tells of a thread's end
            await asyncio.sleep(SECONDS)

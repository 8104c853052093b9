"""What never waits is over at once where Python can do that, and what waits goes on as any task does."""

from __future__ import annotations

import asyncio
import sys

import pytest

from pinecall_run.live.tasks import start


async def _give(value: int) -> int:
    return value


async def _fail() -> None:
    raise LookupError("no such order")


async def test_what_never_waits_is_over_at_once() -> None:
    task = start(_give(7))
    assert task.done() is (sys.version_info >= (3, 12))
    assert await task == 7


async def test_what_waits_is_a_task_like_any_other() -> None:
    gate = asyncio.Event()

    async def waits() -> bool:
        async with asyncio.timeout(5):
            return await gate.wait()

    task = start(waits())
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    assert await task


async def test_what_fails_fails_its_task() -> None:
    with pytest.raises(LookupError):
        await start(_fail())

"""What never waits is over at once where Python can do that; what an owner began it can wait for, and end."""

from __future__ import annotations

import asyncio
import sys

import pytest

from pinecall_run.live.tasks import Tasks, start


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


# of one owner


async def test_work_begins_when_the_loop_comes_to_it_unless_it_is_to_begin_at_once() -> None:
    tasks, ended = Tasks(), []
    tasks.add(_give(1), lambda task: ended.append(task.result()))
    assert (len(tasks), ended) == (1, [])
    tasks.add(_give(2), lambda task: ended.append(task.result()), at_once=True)
    assert ended == ([2] if sys.version_info >= (3, 12) else [])
    await tasks.join()
    assert (len(tasks), sorted(ended)) == (0, [1, 2])


@pytest.mark.parametrize("at_once", [True, False])
async def test_how_some_work_ended_is_heard_however_it_ended(at_once: bool) -> None:
    tasks, heard = Tasks(), []

    def hear(task: asyncio.Task[None]) -> None:
        heard.append("cancelled" if task.cancelled() else type(task.exception()).__name__)

    tasks.add(_fail(), hear, at_once=at_once)
    tasks.add(asyncio.sleep(60), hear, at_once=at_once)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.close()
    assert (heard, len(tasks)) == (["LookupError", "cancelled"], 0)


async def test_joining_waits_for_what_is_begun_meanwhile() -> None:
    tasks, ended = Tasks(), []

    async def first() -> None:
        await asyncio.sleep(0)
        tasks.add(second())

    async def second() -> None:
        await asyncio.sleep(0.01)
        ended.append("second")

    tasks.add(first())
    async with asyncio.timeout(5):
        await tasks.join()
    assert ended == ["second"]


async def test_closing_waits_for_what_takes_its_leave() -> None:
    tasks, ended = Tasks(), []

    async def leaves() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("left")

    tasks.add(leaves())
    await asyncio.sleep(0)
    await tasks.close()
    assert ended == ["left"]
    await tasks.close()

"""A promise is kept once, for coroutines and for threads."""

import asyncio

import pytest

from pinecall_run.live.promises import Promise


async def test_a_value_comes_to_everybody_who_waits_and_the_first_one_counts() -> None:
    promise: Promise[int] = Promise()

    async def wait() -> int:
        return await promise

    waiting = [asyncio.create_task(wait()), asyncio.create_task(wait())]
    in_a_thread = asyncio.create_task(asyncio.to_thread(promise.wait, 5))
    await asyncio.sleep(0)
    assert not promise.is_settled
    promise.settle(1)
    promise.settle(2)
    promise.fail(ValueError("late"))
    assert await asyncio.gather(*waiting, in_a_thread) == [1, 1, 1]
    assert promise.is_settled
    assert await promise == 1


async def test_who_stops_waiting_does_not_disturb_the_others() -> None:
    promise: Promise[int] = Promise()

    async def wait() -> int:
        return await promise

    one, other = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    promise.settle(3)
    assert await other == 3


async def test_an_error_comes_to_who_waits() -> None:
    promise: Promise[int] = Promise()
    promise.fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await promise


async def test_nobody_may_block_the_loop() -> None:
    with pytest.raises(RuntimeError, match="a coroutine awaits it"):
        Promise[int]().wait()


def test_a_thread_waits_no_longer_than_it_likes() -> None:
    with pytest.raises(TimeoutError):
        Promise[int]().wait(0)

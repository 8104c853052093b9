"""Virtual time: timers take none, functions in threads are waited for, and the order of things stays."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time

import pytest

from pinecall_run.testing.clock import BEGINNING, VirtualLoop, virtual_time
from pinecall_run.testing.failures import Unexpected


@virtual_time
async def test_an_hour_takes_no_time() -> None:
    began = time.monotonic()
    await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() == BEGINNING + 3600
    assert time.monotonic() - began < 1.0


@virtual_time
async def test_timers_fire_in_their_order_and_at_their_time() -> None:
    fired: list[tuple[str, float]] = []

    async def fire(name: str, after: float) -> None:
        await asyncio.sleep(after)
        fired.append((name, asyncio.get_running_loop().time() - BEGINNING))

    await asyncio.gather(fire("c", 30), fire("a", 0.1), fire("b", 0.2))
    assert fired == [("a", pytest.approx(0.1)), ("b", pytest.approx(0.2)), ("c", pytest.approx(30))]


@virtual_time
async def test_a_function_in_a_thread_is_done_before_the_next_timer() -> None:
    for _ in range(50):
        async with asyncio.timeout(1.0):
            await asyncio.to_thread(time.sleep, 0.001)
    assert asyncio.get_running_loop().time() == BEGINNING


@virtual_time
async def test_a_function_that_takes_longer_than_a_timer_takes_that_long() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.to_thread(time.sleep, 0.2)
    assert time.monotonic() - began > 0.04


@virtual_time
async def test_a_function_that_nobody_waits_for_any_more_still_holds_the_clock() -> None:
    gate, has_ended = threading.Event(), threading.Event()

    def block() -> None:
        gate.wait(5)
        has_ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(block)
    began = time.monotonic()
    await asyncio.sleep(0.1)
    assert time.monotonic() - began > 0.09
    gate.set()
    while not has_ended.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    await asyncio.sleep(3600)


@virtual_time
async def test_one_that_never_began_holds_nothing() -> None:
    gate = threading.Event()
    loop = asyncio.get_running_loop()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        running = loop.run_in_executor(pool, gate.wait, 5)
        queued = loop.run_in_executor(pool, gate.wait, 5)
        queued.cancel()
        await asyncio.sleep(0)
        gate.set()
        await running
        began = time.monotonic()
        await asyncio.sleep(3600)
        assert time.monotonic() - began < 1.0


def test_arguments_and_results_pass_and_exceptions_too() -> None:
    @virtual_time
    async def double(number: int) -> int:
        """Twice."""
        if number < 0:
            raise ValueError("negative")
        return 2 * number

    assert double(4) == 8
    assert list(inspect.signature(double).parameters) == ["number"]
    assert not inspect.iscoroutinefunction(double)
    with pytest.raises(ValueError, match="negative"):
        double(-1)


def test_a_test_that_never_ends_fails() -> None:
    @virtual_time
    async def waits() -> None:
        await asyncio.Event().wait()

    @virtual_time
    async def gives_up() -> None:
        async with asyncio.timeout(1):
            await asyncio.Event().wait()

    with pytest.raises(Unexpected, match="waits for what never happens"):
        waits()
    with pytest.raises(TimeoutError):
        gives_up()


def test_it_is_an_event_loop_for_other_runners() -> None:
    async def sleep() -> float:
        await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(sleep()) == BEGINNING + 60

"""Turns are had one after the other, also by what nobody waits for any more."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pinecall_run.live.turns import Turns


async def test_a_turn_of_a_thread_ends_when_its_function_does() -> None:
    turns, gate, began = Turns(1), threading.Event(), []

    def function(name: str) -> None:
        began.append(name)
        gate.wait(5)

    async def run(name: str) -> None:
        async with turns.one(pool) as turn:
            await asyncio.get_running_loop().run_in_executor(turn, function, name)

    with ThreadPoolExecutor(4) as pool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await run("first")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await run("given up before its turn")
        third = asyncio.create_task(run("third"))
        await asyncio.sleep(0.02)
        assert began == ["first"], "its thread still runs"
        gate.set()
        async with asyncio.timeout(5):
            await third
    assert began == ["first", "third"]


async def test_a_turn_without_a_thread_ends_with_it() -> None:
    turns = Turns(2)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(5):
            with pytest.raises(ValueError, match="x"):
                async with turns.one(pool):
                    raise ValueError("x")
        async with asyncio.timeout(5), turns.one(pool), turns.one(pool):
            pass

"""What a runner may be at when the network fails, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.chaos._proxy import DEADLY, Fault
from tests.chaos._stage import PACE, Play, play, quick
from tests.voice._door import chat, server

from pinecall_run.live import notices

Stage = Callable[[Play, Fault, random.Random], Awaitable[str]]
"""Brings a runner there and has the fault strike; returns how its agent's answers begin from then on."""


async def connect(it: Play, fault: Fault, chance: random.Random) -> str:
    """Something is wrong from the first byte on, or soon after."""
    it.proxy.strike(fault, after=chance.randrange(150))
    return "It is"


async def register(it: Play, fault: Fault, chance: random.Random) -> str:
    """The handshake passes, registration may not."""
    it.proxy.strike(fault, after=350 + chance.randrange(600))
    return "It is"


async def idle(it: Play, fault: Fault, chance: random.Random) -> str:
    """Nothing goes on: only the pings can find it out."""
    await it.until(notices.ChannelUp)
    it.proxy.strike(fault, after=chance.randrange(20))
    if fault in DEADLY:
        await it.until(notices.Disconnected)
        await it.until(notices.ChannelUp)
    return "It is"


async def tool_in_flight(it: Play, fault: Fault, chance: random.Random) -> str:
    """A tool runs, and its answer or its request is on its way."""
    await it.until(notices.ChannelUp)
    it.tools.gate.clear()
    async with chat(it.address, it.name) as page:
        await page.send("message", text="look 7")
        await page.until("chat.tool_call")
        it.proxy.strike(fault, after=chance.randrange(300))
        await asyncio.sleep(chance.random() * 0.3)
        it.tools.gate.set()
        assert (await page.until("chat.done"))["text"] == "It is done 7."
    return "It is"


async def reload(it: Play, fault: Fault, chance: random.Random) -> str:
    """A change is on its way to the server."""
    await it.until(notices.ChannelUp)
    it.proxy.strike(fault, after=chance.randrange(400))
    it.say_otherwise("Now it is")
    assert await it.runner.reload()
    return "Now it is"


STAGES: tuple[Stage, ...] = (connect, register, idle, tool_in_flight, reload)


async def row(stage: Stage, folder: Path, seed: int) -> None:
    """Every fault at one stage, at the same time and against one server."""
    with quick():
        async with server(pace=PACE) as address, asyncio.TaskGroup() as cells:
            for fault in Fault:
                cells.create_task(_cell(stage, fault, address, folder / fault.name, seed))


async def _cell(stage: Stage, fault: Fault, address: str, folder: Path, seed: int) -> None:
    name = fault.name.lower()
    try:
        async with play(name, folder, address, seed) as (it, _):
            word = await stage(it, fault, random.Random(f"{seed}/{stage.__name__}/{name}"))
            await it.answers(1, f"{word} done 1.")
            assert len(it.tools.ran) == len(set(it.tools.ran)), f"run twice: {it.tools.ran}"
    except BaseException as error:
        error.add_note(f"{stage.__name__} × {name}, seed {seed}")
        raise

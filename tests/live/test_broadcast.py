"""Notices for readers: everything for everybody, the oldest lost by the slow, an end for all."""

from __future__ import annotations

import asyncio
import gc

from pinecall_run.live.broadcast import Broadcast, Events
from pinecall_run.live.notices import AgentUp, Missed, Notice
from pinecall_run.testing import virtual_time


async def _rest(events: Events) -> list[Notice]:
    return [event async for event in events]


@virtual_time
async def test_every_reader_gets_what_comes_after_it() -> None:
    broadcast = Broadcast()
    first = broadcast.reader()
    broadcast.tell(AgentUp("a"))
    second = broadcast.reader()
    broadcast.tell(AgentUp("b"))
    broadcast.end()
    broadcast.end()
    assert await _rest(first) == [AgentUp("a"), AgentUp("b")]
    assert await _rest(second) == [AgentUp("b")]
    assert await _rest(broadcast.reader()) == []


@virtual_time
async def test_a_reader_waits_for_what_comes() -> None:
    broadcast = Broadcast()
    reading = asyncio.create_task(_rest(broadcast.reader()))
    await asyncio.sleep(1)
    broadcast.tell(AgentUp("a"))
    await asyncio.sleep(1)
    broadcast.end()
    assert await reading == [AgentUp("a")]


@virtual_time
async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    broadcast = Broadcast()
    slow, fast = broadcast.reader(limit=2), broadcast.reader()
    for name in "abcde":
        broadcast.tell(AgentUp(name))
    assert await anext(slow) == Missed(3)
    assert await anext(slow) == AgentUp("d")
    broadcast.tell(AgentUp("f"))
    broadcast.end()
    assert await _rest(slow) == [AgentUp("e"), AgentUp("f")]
    assert len(await _rest(fast)) == 6


def test_a_reader_that_is_dropped_is_forgotten() -> None:
    broadcast = Broadcast()
    broadcast.reader()
    gc.collect()
    assert len(broadcast._readers) == 0

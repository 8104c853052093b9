"""What a tool that blocks costs the others, and what the journal costs a write.

Prints one JSON line. No socket: requests go to the dispatcher, and its answers are timed. The runs with and without
the blocking tool, and with and without the journal, take turns, so that a busy moment hits both.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pinecall_run.config.model import Agent, PromptSource, Tool
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.calls import Calls, LiveCall
from pinecall_run.live.dispatch import Dispatcher
from pinecall_run.live.driver import Wire
from pinecall_run.live.journal_file import JournalFile
from pinecall_run.tools.binding import bind
from pinecall_run.tools.path import ToolPath
from pinecall_run.wire.commands import Command, LlmToolResult
from pinecall_run.wire.events import LlmToolCall, ToolCall

BLOCKED_SECONDS = 10.0
BLOCKING_CALLS = 200
PERIOD, SECONDS, ROUNDS = 0.01, 4.0, 3
"""The others are called every so many seconds, for so long, so many times with the blocking tool and without."""
WRITES, TOGETHER = 300, 100


def look() -> dict[str, str]:
    """Look something up, in a thread."""
    return {"status": "shipped"}


async def book() -> str:
    """Write something, in the loop."""
    return "booked"


def block() -> str:
    """Hold a thread."""
    time.sleep(BLOCKED_SECONDS)
    return "late"


class Stage:
    """A dispatcher with one live call, and who waits for its answers."""

    def __init__(self, journal: JournalFile | None = None) -> None:
        tools = {function.__name__: bind(function.__name__, _path(function)) for function in (look, book, block)}
        options = {name: Tool(f"tools.{name}", "write" if name == "book" else None) for name in tools}
        agent = DeployedAgent(Agent("desk", PromptSource(text="p"), tools=options), "p", tools=tools)
        self.live: LiveCall = Calls(Wire(lambda command: True)).begin("1", agent, "r", channel="chat")[0]
        self.dispatcher = Dispatcher(self._answered, lambda notice: None, time.perf_counter, journal=journal)
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._count = 0

    def ask(self, name: str) -> asyncio.Future[float]:
        """Ask for a tool; when it was answered, in seconds of ``time.perf_counter``."""
        self._count += 1
        msg_id = f"m{self._count}"
        self._waiting[msg_id] = asyncio.get_running_loop().create_future()
        call = ToolCall(id="t", name=name, arguments="{}")
        request = LlmToolCall(agent_id="desk", call_id="1", msg_id=msg_id, tool_calls=[call])
        self.dispatcher.dispatch(self.live, request)
        return self._waiting[msg_id]

    async def took(self, name: str) -> float:
        """Milliseconds of one round trip."""
        began = time.perf_counter()
        return (await self.ask(name) - began) * 1000

    def _answered(self, command: Command) -> None:
        assert isinstance(command, LlmToolResult)
        waiting = self._waiting.pop(command.msg_id)
        if not waiting.done():
            waiting.set_result(time.perf_counter())


def _path(function: Any) -> ToolPath:
    return ToolPath(__name__, function.__name__)


@asynccontextmanager
async def stage(journal: JournalFile | None = None) -> AsyncIterator[Stage]:
    """A stage, opened and closed."""
    it = Stage(journal)
    await it.dispatcher.open()
    try:
        yield it
    finally:
        await it.dispatcher.close()


# a tool that blocks


async def _others(*, is_blocked: bool) -> list[float]:
    """Milliseconds of each call of another tool."""
    async with stage() as it:
        if is_blocked:
            for _ in range(BLOCKING_CALLS):
                it.ask("block")
        began = time.perf_counter()
        calls = []
        while (at := began + len(calls) * PERIOD) < began + SECONDS:
            await asyncio.sleep(max(at - time.perf_counter(), 0))
            calls.append(asyncio.create_task(it.took("look")))
        return list(await asyncio.gather(*calls))


async def _blocking() -> dict[str, float]:
    free: list[float] = []
    blocked: list[float] = []
    for _ in range(ROUNDS):
        free += await _others(is_blocked=False)
        blocked += await _others(is_blocked=True)
    before, after = (statistics.quantiles(side, n=100)[98] for side in (free, blocked))
    return {
        "p99_ms": round(before, 2),
        "p99_blocked_ms": round(after, 2),
        "p99_moved_ms": round(after - before, 2),
        "median_ms": round(statistics.median(free), 3),
        "median_blocked_ms": round(statistics.median(blocked), 3),
    }


# the journal


async def _writes(folder: Path) -> dict[str, float]:
    alone: dict[bool, list[float]] = {False: [], True: []}
    together: dict[bool, float] = {}
    async with stage() as plain, stage(JournalFile(folder / "w.journal")) as journaled:
        synced = []
        for _ in range(WRITES):
            synced.append(_sync(folder / "page"))
            for is_journaled, it in ((False, plain), (True, journaled)):
                alone[is_journaled].append(await it.took("book"))
        for is_journaled, it in ((False, plain), (True, journaled)):
            began = time.perf_counter()
            await asyncio.gather(*(it.ask("book") for _ in range(TOGETHER)))
            together[is_journaled] = (time.perf_counter() - began) * 1000 / TOGETHER
    wait, cost = statistics.median(synced), statistics.median(alone[True]) - statistics.median(alone[False])
    return {
        "fdatasync_ms": round(wait, 3),
        "journal_to_fdatasync": round(cost / wait, 2),
        "write_ms": round(statistics.median(alone[False]), 3),
        "journaled_write_ms": round(statistics.median(alone[True]), 3),
        "journaled_write_p99_ms": round(statistics.quantiles(alone[True], n=100)[98], 2),
        f"write_of_{TOGETHER}_ms": round(together[False], 3),
        f"journaled_write_of_{TOGETHER}_ms": round(together[True], 3),
    }


def _sync(file: Path) -> float:
    """Milliseconds that it takes to have one page on the disk."""
    page = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        os.pwrite(page, os.urandom(4096), 0)
        began = time.perf_counter()
        os.fdatasync(page)
        return (time.perf_counter() - began) * 1000
    finally:
        os.close(page)


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        writes = asyncio.run(_writes(Path(folder)))
    blocking = asyncio.run(_blocking())
    print(json.dumps({"bench": "tools", "blocking_calls": BLOCKING_CALLS, **blocking, **writes}))


if __name__ == "__main__":
    main()

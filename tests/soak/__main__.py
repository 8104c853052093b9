"""``python -m tests.soak``: an hour of 20 calls in real time; whatever grows in the server, or is logged, fails it.

The server is a process of its own with emulated vendors, reached through its doors alone. Prints one JSON line; exit
code 1 when something was not flat. Memory may grow by so much over the second half of the time: Python's own heap does
not lie still under calls of random lengths.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from typing import Any

from tests.soak._callers import Person
from tests.voice._door import client
from tests.voice._speech import said
from tests.voice._stage import scripted

AGENT = "desk"
LENGTH_SECONDS = 30.0
"""Of a call, in the mean."""
QUIET_SECONDS = 15.0
"""Within these, after the last call, everything has been let go."""
STILL_SECONDS, AFTER_SECONDS = 5.0, 30.0
"""A machine that stood still for so long (it slept, or was moved) has no calls left that go on; what is closed within
the other of its waking is told, and not held against the server."""
GROWTH = 0.03
"""Of memory, from the middle of the time to its end."""


class Watch:
    """What the server said of itself."""

    def __init__(self, server: Process) -> None:
        self._server = server
        self.states: list[tuple[float, dict[str, Any]]] = []

    async def address(self) -> str:
        return str(json.loads(await self._line())["address"])

    async def read(self) -> None:
        """Until cancelled."""
        while True:
            self.states.append((time.monotonic(), json.loads(await self._line())))

    async def _line(self) -> bytes:
        assert self._server.stdout is not None
        if not (line := await self._server.stdout.readline()):
            raise RuntimeError("the server has ended")
        return line

    async def next(self) -> dict[str, Any]:
        """Its next state."""
        count = len(self.states)
        while len(self.states) == count:  # noqa: ASYNC110 - every two seconds
            await asyncio.sleep(0.1)
        return self.states[-1][1]

    def mean(self, name: str, begin: float, end: float) -> float:
        """Of what was said between two moments."""
        return statistics.fmean(state[name] for at, state in self.states if begin <= at <= end)


class Stillness:
    """When nothing ran on this machine."""

    def __init__(self) -> None:
        self.gaps: list[tuple[float, float]] = []
        """When each was over, and how long it was."""

    async def watch(self) -> None:
        """Until cancelled."""
        then = time.monotonic()
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            if now - then > STILL_SECONDS:
                self.gaps.append((now, round(now - then, 1)))
            then = now

    def is_recent(self) -> bool:
        """Whether one has just been over."""
        return bool(self.gaps) and time.monotonic() - self.gaps[-1][0] < AFTER_SECONDS


async def _soak(asked: argparse.Namespace, watch: Watch) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    address = await watch.address()
    stillness = Stillness()
    works = [asyncio.create_task(work) for work in (watch.read(), stillness.watch())]
    llm = scripted(otherwise="It was shipped on Monday. It will be with you tomorrow, or the day after.")
    try:
        async with client(address, AGENT, llm=llm, stt="emulated", voice="emulated") as runner:
            draining = asyncio.create_task(_drain(runner.socket, counts))
            voice, chance = said("where is order one thousand and one"), random.Random(asked.seed)
            await _one_call(Person(AGENT, address, voice, Counter(), chance, stillness.is_recent))
            before = await _quiet(watch)
            began = time.monotonic()
            people = [
                Person(AGENT, address, voice, counts, random.Random(chance.random()), stillness.is_recent)
                for _ in range(asked.calls)
            ]
            is_over = lambda: time.monotonic() > began + asked.seconds  # noqa: E731
            async with asyncio.TaskGroup() as group:
                for person in people:
                    group.create_task(person.call_again_and_again(is_over, LENGTH_SECONDS))
            ended = time.monotonic()
            after = await _quiet(watch)
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
    middle, part = (began + ended) / 2, (ended - began) / 8
    growth = watch.mean("memory_mb", ended - part, ended) / watch.mean("memory_mb", middle, middle + part) - 1
    return {
        "counts": dict(counts),
        "stood_still_seconds": [seconds for _, seconds in stillness.gaps],
        "before": before,
        "after": after,
        "memory_growth": round(growth, 4),
        "cpu_percent_per_call": round(
            100 * (after["cpu_seconds"] - before["cpu_seconds"]) / (ended - began) / asked.calls, 2
        ),
    }


async def _one_call(person: Person) -> None:
    """What is made once is made by it: the detector, its thread, modules."""
    end = time.monotonic() + 3
    await person.call_again_and_again(lambda: time.monotonic() > end, 3.0)


async def _quiet(watch: Watch) -> dict[str, Any]:
    """How the server is when all calls have ended."""
    await asyncio.sleep(QUIET_SECONDS)
    return await watch.next()


async def _drain(socket: Any, counts: Counter[str]) -> None:
    """The runner's end: it is told everything."""
    async for message in socket:
        event = json.loads(message)["event"]
        if event in ("call.started", "call.ended"):
            counts[f"runner {event}"] += 1
        if event == "ping":
            await socket.send('{"event":"pong"}')


def _wrong(result: dict[str, Any]) -> list[str]:
    before, after, counts = result["before"], result["after"], Counter(result["counts"])
    found = [
        f"{name}: {before[name]} before, {after[name]} after"
        for name in ("tasks", "threads", "files")
        if after[name] > before[name]
    ]
    if result["memory_growth"] > GROWTH:
        found.append(f"memory grew by {result['memory_growth']:.1%} in the second half")
    if after["errors"]:
        found.append(f"errors were logged: {after['errors']}")
    if counts["runner call.started"] != counts["runner call.ended"] or counts["runner call.started"] < counts["calls"]:
        found.append("calls were not begun and ended for the runner as they were for their callers")
    found += [f"{name}: {count}" for name, count in counts.items() if name.startswith(("refused", "closed_by_server"))]
    found += [f"there was no {name}" for name in ("turn.end", "bot.interrupted", "cut") if not counts[name]]
    return found


async def _run(asked: argparse.Namespace) -> dict[str, Any]:
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.soak._server"),
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert server.stdin is not None
    try:
        async with asyncio.timeout(asked.seconds + 120):
            return await _soak(asked, Watch(server))
    finally:
        server.stdin.close()
        try:
            async with asyncio.timeout(10):
                await server.wait()
        except TimeoutError:
            server.kill()
            await server.wait()


def main() -> int:
    """Soak, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--calls", type=int, default=20, help="at once")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    result = asyncio.run(_run(asked))
    wrong = _wrong(result)
    print(json.dumps({"soak": asked.calls, "seconds": asked.seconds, "seed": asked.seed, **result, "wrong": wrong}))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

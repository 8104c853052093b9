"""A real runner is killed again and again while its tools write, by a server that asks the next one for what is open.

What a tool does outside is a line in a file, on the disk before it returns. A write that was run twice would leave two.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.live._projects import project
from tests.voice._door import Socket, chat, server
from tests.voice._stage import KEY

PEOPLE = 6
PATIENCE = 60.0

CONFIG = """
version: 1
server: {{url: "ws://{address}", api_key: {key}}}
journal: writes.journal
agents:
  desk:
    prompt: Be kind.
    model: scripted:desk.script.yaml
    channels: [chat]
    tools:
      book: {{function: killtools.book, effect: write}}
      book_soon: {{function: killtools.book_soon, effect: write}}
"""
SCRIPT = """
rules:
- {when: '^book (?P<n>\\d+)', call: {book: {number: '{{ n }}'}}, reply: 'It is {{ book }}.'}
- {when: '^soon (?P<n>\\d+)', call: {book_soon: {number: '{{ n }}'}}, reply: 'It is {{ book_soon }}.'}
otherwise: Hm.
"""
TOOLS = """
import asyncio, os, random, time

def _write(number):
    file = os.open("effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{number}\\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    return f"booked {number}"

def book(number: str) -> str:
    time.sleep(random.random() * 0.02)
    done = _write(number)
    time.sleep(random.random() * 0.02)
    return done

async def book_soon(number: str) -> str:
    await asyncio.sleep(random.random() * 0.02)
    done = _write(number)
    await asyncio.sleep(random.random() * 0.02)
    return done
"""
PROGRAM = """
import os, signal, sys
import pinecall_run.cli.run, pinecall_run.live.runner
from pinecall_run.cli.main import main

sys.argv = ["pinecall-run", "run"]
runner = 0
for line in sys.stdin:
    if runner:
        os.kill(runner, signal.SIGKILL)
        os.waitpid(runner, 0)
    runner = os.fork()
    if not runner:
        main()
        os._exit(3)  # nobody asked it to end
    print(runner, flush=True)
if runner:
    os.kill(runner, signal.SIGKILL)  # whoever started us is gone
"""
"""For each line a new runner, the one before it killed. To import everything takes most of a second, so it is done
once, and each runner is a fork of that process."""


@dataclass
class Outcome:
    """What became of the writes. ``unknown`` are answers that say so; of those, so many had happened."""

    kills: int = 0
    answered: int = 0
    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    unknown_and_done: int = 0
    false: int = 0
    """Answers that say it was done when it was not."""
    seconds: float = 0.0
    other: list[str] = field(default_factory=list)
    """Answers that are neither."""


class _End(NamedTuple):
    count: int
    at: float


async def kills(folder: Path, *, count: int, seconds: float, seed: int) -> Outcome:
    """Kill a runner ``count`` times, or as often as ``seconds`` allow."""
    outcome, chance = Outcome(), random.Random(seed)
    began = time.monotonic()
    async with server() as address:
        project(
            folder, CONFIG.format(address=address, key=KEY), killtools_DOT_py=TOOLS, desk_DOT_script_DOT_yaml=SCRIPT
        )
        over = asyncio.Event()
        numbers = itertools.count(1)
        answers: dict[int, str] = {}
        end = _End(count, began + seconds)
        killing = asyncio.create_task(_kill(folder, chance, outcome, answers, end, over))
        async with asyncio.TaskGroup() as people:
            for number in range(PEOPLE):
                word = "book" if number % 2 else "soon"
                people.create_task(_person(address, word, numbers, answers, outcome, over))
        killing.cancel()  # it keeps the last runner until everybody has an answer
        with suppress(asyncio.CancelledError):
            await killing
    _judge(folder, answers, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


async def _kill(
    folder: Path, chance: random.Random, outcome: Outcome, answers: dict[int, str], end: _End, over: asyncio.Event
) -> None:
    async with _runners(folder) as next_runner:
        await next_runner()
        while outcome.kills < end.count and time.monotonic() < end.at:
            is_early = chance.random() < 0.2  # while it starts, or has just been asked for what is open
            if not is_early:
                await _progress(answers)
            await asyncio.sleep(chance.random() * (0.6 if is_early else 0.15))
            await next_runner()
            outcome.kills += 1
        over.set()
        await asyncio.Event().wait()  # the last one answers what is open


async def _progress(answers: dict[int, str]) -> None:
    before = len(answers)
    async with asyncio.timeout(PATIENCE):
        while len(answers) == before:  # noqa: ASYNC110 - people do not know that they are watched
            await asyncio.sleep(0.005)


@asynccontextmanager
async def _runners(folder: Path) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Gives what kills a runner, if there is one, and starts another."""
    with (folder / "log").open("a") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, cwd=folder, stderr=log, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def next_runner() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"next\n")
        while not (line := await process.stdout.readline()).strip().isdigit():  # what the runners print comes between
            assert line, "no runner starts any more: read the log"

    try:
        yield next_runner
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _person(
    address: str, word: str, numbers: Iterator[int], answers: dict[int, str], outcome: Outcome, over: asyncio.Event
) -> None:
    async with _chat(address) as page:
        while not over.is_set():
            number = next(numbers)
            await page.send("message", text=f"{word} {number}")
            try:
                answers[number] = await _answer(page)
            except TimeoutError:
                outcome.lost += 1
                return
            outcome.answered += 1


@asynccontextmanager
async def _chat(address: str) -> AsyncIterator[Socket]:
    """A chat with an agent as soon as it is there, which it is only now and then."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    page = await stack.enter_async_context(chat(address, "desk"))
                    break
                except AssertionError:
                    await asyncio.sleep(0.05)
        yield page


async def _answer(page: Socket) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            frame = json.loads(await page.socket.recv())
            if frame["event"] in ("chat.done", "chat.error"):
                return str(frame.get("text", frame))


def _judge(folder: Path, answers: dict[int, str], outcome: Outcome) -> None:
    lines = (folder / "effects").read_text().splitlines()
    done = Counter(map(int, lines))
    outcome.doubled = sum(times - 1 for times in done.values())
    for number, text in answers.items():
        if text == f"It is booked {number}.":
            outcome.false += number not in done
        elif "it is not known whether" in text:
            outcome.unknown += 1
            outcome.unknown_and_done += number in done
        else:
            outcome.other.append(text)

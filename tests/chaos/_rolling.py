"""Deploy after deploy while people talk: a new process stands by, the old one is asked to end and ends what it has."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.live._projects import project
from tests.stories._stage import Program, clean_environment, command
from tests.voice._door import Socket, chat, server
from tests.voice._stage import KEY
from websockets.exceptions import ConnectionClosed

PEOPLE = 4
GRACE = 0.1
"""Seconds after SIGTERM from which on a new call must reach the successor."""

CONFIG = """
version: 1
server: {{url: "ws://{address}", api_key: "{key}"}}
agents:
  desk:
    prompt: Be kind.
    model: scripted:desk.script.yaml
    channels: [chat]
    tools: {{look: rollingtools.look}}
"""
SCRIPT = """
rules:
- {when: '^look (?P<n>\\d+)', call: {look: {number: '{{ n }}'}}, reply: 'It is {{ look }}.'}
otherwise: Hm.
"""
TOOLS = """
import asyncio, os, random

async def look(number: str) -> str:
    with open({ran!r}, "a") as ran:
        ran.write(number + "\\n")
    await asyncio.sleep(random.random() * 0.2)
    return f"done {{number}} by {{os.getpid()}}"
"""


@dataclass
class Outcome:
    """What became of the calls.

    ``lost`` are tool calls with no answer or a wrong one, ``dropped`` calls that ended early or never began, ``moved``
    those whose tools ran in more than one process, ``late`` new calls that the old process still got, ``failed``
    processes that did not end with exit code 0.
    """

    restarts: int = 0
    calls: int = 0
    answered: int = 0
    lost: int = 0
    doubled: int = 0
    dropped: int = 0
    moved: int = 0
    late: int = 0
    failed: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nobody noticed anything."""
        return not any((self.lost, self.doubled, self.dropped, self.moved, self.late, self.failed))


async def rolling(folder: Path, *, restarts: int, seconds: float, seed: int) -> Outcome:
    """Deploy ``restarts`` times, or as often as ``seconds`` allow."""
    outcome = Outcome()
    began = time.monotonic()
    async with server(key=KEY) as address:
        ran = _project(folder, address)
        async with _Deploys(folder / "project") as deploys:
            await deploys.start("Ctrl-C ends it")
            talk = _Talk(address, outcome)
            people = [asyncio.create_task(talk.person(random.Random(f"{seed}/{n}"))) for n in range(PEOPLE)]
            try:
                while outcome.restarts < restarts and time.monotonic() - began < seconds:
                    await deploys.start("desk stands by")
                    deploys.end_the_oldest()
                    await asyncio.sleep(GRACE)
                    outcome.late += await talk.once() != deploys.live[-1].pid
                    outcome.restarts += 1
            finally:
                talk.is_over.set()
                await asyncio.gather(*people)
                deploys.end_the_oldest()
                outcome.failed = sum(code != 0 for code in await asyncio.gather(*deploys.endings))
        outcome.doubled = sum(times - 1 for times in Counter(ran.read_text().split()).values())
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _project(folder: Path, address: str) -> Path:
    """Write the project; returns the file to which its tool writes each of its runs."""
    ran = folder / "ran"
    root = folder / "project"
    root.mkdir()
    project(root, CONFIG.format(address=address, key=KEY), desk_DOT_script_DOT_yaml=SCRIPT)
    (root / "rollingtools.py").write_text(TOOLS.format(ran=str(ran)))
    return ran


class _Deploys:
    """The runners' processes: those that run, the oldest first, and the exit codes of those that were asked to end."""

    def __init__(self, root: Path) -> None:
        self.live: list[Program] = []
        self.endings: list[asyncio.Task[int]] = []
        self._root = root
        self._all: list[tuple[Program, asyncio.Task[None]]] = []

    async def start(self, until: str) -> None:
        """A new process, once it has said this."""
        process = await asyncio.create_subprocess_exec(
            *command("run"),
            cwd=self._root,
            env=clean_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        program = Program(process)
        self._all.append((program, asyncio.create_task(program.read())))
        await program.until(until)
        self.live.append(program)

    def end_the_oldest(self) -> None:
        """Ask it to end; it has its time for that."""
        oldest = self.live.pop(0)
        oldest.process.terminate()
        self.endings.append(asyncio.create_task(oldest.ended()))

    async def __aenter__(self) -> _Deploys:
        return self

    async def __aexit__(self, *_: object) -> None:
        for program, _reading in self._all:
            if program.process.returncode is None:
                program.process.kill()
        await asyncio.gather(*(reading for _, reading in self._all), *self.endings, return_exceptions=True)


class _Talk:
    """People who ask for a tool again and again."""

    def __init__(self, address: str, outcome: Outcome) -> None:
        self.is_over = asyncio.Event()
        self._address = address
        self._outcome = outcome
        self._numbers: Iterator[int] = itertools.count(1)

    async def person(self, chance: random.Random) -> None:
        """One call after the other."""
        while not self.is_over.is_set():
            await self._call(chance.randrange(1, 8), chance)

    async def once(self) -> int:
        """A short call; the process that answered."""
        return (await self._call(1, random.Random(0)) or [0])[0]

    async def _call(self, questions: int, chance: random.Random) -> list[int]:
        """The processes in which the tools of one call ran."""
        pids: list[int] = []
        async with self._page() as page:
            for _ in range(questions):
                pids.append(await self._ask(page))
                await asyncio.sleep(chance.random() * 0.1)
        self._outcome.moved += len(set(pids)) > 1
        self._outcome.calls += 1
        return pids

    @asynccontextmanager
    async def _page(self) -> AsyncIterator[Socket]:
        try:
            async with chat(self._address, "desk") as page:
                yield page
        except (AssertionError, ConnectionClosed, TimeoutError) as error:
            self._outcome.dropped += 1
            self._outcome.notes.append(f"dropped: {error!r:.200}")

    async def _ask(self, page: Socket) -> int:
        number = next(self._numbers)
        await page.send("message", text=f"look {number}")
        text = (await page.until("chat.done"))["text"]
        page.frames.clear()
        match = re.fullmatch(rf"It is done {number} by (\d+)\.", text)
        self._outcome.answered += match is not None
        if match is None:
            self._outcome.lost += 1
            self._outcome.notes.append(f"lost: {text:.200}")
        return int(match[1]) if match else 0

"""A real runner behind a faulty network, a real voice server, and people who talk to its agents."""

from __future__ import annotations

import asyncio
import importlib
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.chaos._proxy import Proxy, proxy_to
from tests.live._projects import project
from tests.voice._door import chat
from tests.voice._stage import KEY

from pinecall_run.live import notices
from pinecall_run.live.bind import load
from pinecall_run.live.project import Project
from pinecall_run.live.runner import Runner
from pinecall_run.protocol import _answers, registry
from pinecall_run.protocol.keepalive import Pace
from pinecall_run.voice import client_door

N = TypeVar("N", bound=notices.Notice)

PACE = Pace(open=0.4, ping=0.15, silence=0.45)
PATIENCE = 15.0

CONFIG = """
version: 1
server: {{url: "ws://voice.example", api_key: k}}
agents:
  {name}:
    prompt: Be kind.
    model: scripted:desk.script.yaml
    channels: [chat]
    tools: {{look: {module}.look}}
"""
SCRIPT = """
rules:
- {{when: '^look (?P<n>\\d+)', call: {{look: {{number: '{{{{ n }}}}'}}}}, reply: '{word} {{{{ look }}}}.'}}
otherwise: Hm.
"""
TOOLS = """
import asyncio

ran = []
gate = asyncio.Event()
gate.set()

async def look(number: str) -> str:
    ran.append(number)
    await gate.wait()
    return f"done {number}"
"""


@contextmanager
def quick() -> Iterator[None]:
    """What takes seconds in earnest takes less."""
    changes = [(registry, "RETRY_SECONDS", 0.2), (_answers, "RESEND_SECONDS", 0.3), (client_door, "CLOSE_SECONDS", 0.1)]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@dataclass
class Play:
    """One runner with one agent."""

    name: str
    root: Path
    proxy: Proxy
    address: str
    runner: Runner
    tools: Any
    told: list[notices.Notice] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, notice: notices.Notice) -> None:
        self.told.append(notice)
        self.news.set()

    async def until(self, kind: type[N]) -> N:
        """The next notice of a kind; what comes before it is dropped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self.told:
                    notice = self.told.pop(0)
                    if isinstance(notice, kind):
                        return notice
                self.news.clear()
                await self.news.wait()

    def say_otherwise(self, word: str) -> None:
        """Change the file that the answers come from."""
        (self.root / "desk.script.yaml").write_text(SCRIPT.format(word=word))

    async def ask(self, number: int) -> str:
        """Have a person ask for a number; the answer."""
        async with chat(self.address, self.name) as page:
            await page.send("message", text=f"look {number}")
            async with asyncio.timeout(PATIENCE):
                return str((await page.until("chat.done"))["text"])

    async def answers(self, number: int, text: str) -> None:
        """Wait until the agent is there and answers as it should."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    if await self.ask(number) == text:
                        return
                except AssertionError:  # it is not online
                    pass
                await asyncio.sleep(0.02)
                number += 1000
                text = text.replace(str(number - 1000), str(number))


@asynccontextmanager
async def play(
    name: str, folder: Path, address: str, seed: object, *, pace: Pace = PACE
) -> AsyncIterator[tuple[Play, asyncio.Task[None]]]:
    """A runner that is about to begin: it does when the task gets its first turn. It stops within its time."""
    folder.mkdir(parents=True, exist_ok=True)
    module = f"chaostools_{name}"
    project(folder, CONFIG.format(name=name, module=module))
    (folder / f"{module}.py").write_text(TOOLS)
    (folder / "desk.script.yaml").write_text(SCRIPT.format(word="It is"))
    path = list(sys.path)
    try:
        async with proxy_to(address, random.Random(f"{seed}/{name}")) as proxy:
            checked, deployment = load(Project.at(folder), {})
            assert deployment is not None, checked.diagnostics
            tools = importlib.import_module(module)
            notify: list[Any] = []
            runner = Runner(
                checked,
                deployment,
                url=f"ws://{proxy.address}",
                api_key=KEY,
                notify=lambda notice: notify[0](notice),
                environ={},
                pace=pace,
            )
            it = Play(name, folder, proxy, address, runner, tools)
            notify.append(it.tell)
            task = asyncio.create_task(runner.run())
            try:
                yield it, task
            finally:
                runner.stop()
                async with asyncio.timeout(2.0):
                    await task
    finally:
        sys.path[:] = path
        sys.modules.pop(module, None)

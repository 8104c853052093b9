"""A runner of a small project, what it tells, and a server that plays its part by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.live._projects import PATIENCE, Server

from pinecall_run.live import notices
from pinecall_run.live.bind import load
from pinecall_run.live.project import Project
from pinecall_run.live.runner import Runner
from pinecall_run.protocol.keepalive import PACE, Pace

N = TypeVar("N", bound=notices.Notice)

CONFIG = """
version: 1
server: {url: "ws://voice.example", api_key: "${KEY:-k}"}
agents:
  desk:
    prompt: {file: desk.md.j2}
    model: gpt-4.1-mini
    channels: [chat, "+15551234567"]
    tools: {look: runnertools.old}
  back:
    prompt: Be kind.
    model: gpt-4.1-mini
    channels: [chat]
"""
TOOLS = """
import asyncio

ran = []
gate = asyncio.Event()

def old() -> str:
    "Say old."
    return "old"

def new() -> str:
    "Say new."
    return "new"

async def slow() -> str:
    ran.append("slow")
    await gate.wait()
    return "done"
"""


class Run:
    """A runner, and what it told."""

    def __init__(self, root: Path, url: str, key: str = "k", pace: Pace = PACE) -> None:
        self.root = root
        self.notices: list[notices.Notice] = []
        self.tell: Callable[[notices.Notice], None] = self.notices.append
        self._news = asyncio.Event()
        checked, deployment = load(Project.at(root), {})
        assert deployment is not None, checked.diagnostics
        self.runner = Runner(checked, deployment, url=url, api_key=key, notify=self._notify, environ={}, pace=pace)

    def _notify(self, notice: notices.Notice) -> None:
        self._news.set()
        self.tell(notice)

    async def told(self, kind: type[N], **fields: Any) -> N:
        """The next notice of a kind with these values; what comes before it is dropped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self.notices:
                    notice = self.notices.pop(0)
                    if isinstance(notice, kind) and all(getattr(notice, k) == v for k, v in fields.items()):
                        return notice
                self._news.clear()
                await self._news.wait()

    def edit(self, old: str, new: str) -> None:
        text = (self.root / "pinecall.yaml").read_text()
        assert old in text
        (self.root / "pinecall.yaml").write_text(text.replace(old, new))


@asynccontextmanager
async def running(root: Path, server: Server, pace: Pace = PACE) -> AsyncIterator[Run]:
    """A runner that is registered and watches; it stops at once when it is told to."""
    run = Run(root, server.url, pace=pace)
    task = asyncio.create_task(run.runner.run())
    try:
        await run.told(notices.ChannelUp, agent="back", type="chat")
        await server.settled()
        yield run
    finally:
        run.runner.stop()
        async with asyncio.timeout(1.5):
            await task


async def call_tool(server: Server, call_id: str, agent: str = "desk", msg_id: str = "") -> None:
    await server.send(
        "llm.tool_call",
        agent_id=agent,
        call_id=call_id,
        msg_id=msg_id or f"m-{call_id}",
        tool_calls=[{"id": "t1", "name": "look", "arguments": "{}"}],
    )


async def result_of(server: Server, call_id: str, agent: str = "desk", msg_id: str = "") -> Any:
    await call_tool(server, call_id, agent, msg_id)
    return (await server.until("llm.tool_result", call_id=call_id))["results"][0]["result"]

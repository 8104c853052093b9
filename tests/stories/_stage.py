"""A stage for stories: a copy of the root project, the real programs as processes, and a browser's chat socket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
"""Seconds after which a story gives up; nothing in it should take more than one."""


def copy_project(folder: Path) -> Path:
    """The root project in a folder of its own, with a database of its own."""
    for name in ("prompts", "examples", "schemas"):
        ignored = shutil.ignore_patterns("__pycache__", "*.sqlite3*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pinecall.yaml", folder)
    return folder


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anything that would change what the programs do."""
    drop = ("PINECALL_", "OPENAI_", "SHOP_")
    return {key: value for key, value in os.environ.items() if not key.startswith(drop)} | more


def command(*words: str) -> list[str]:
    """The command line of the program under test."""
    return [sys.executable, "-P", "-m", "pinecall_run", *words]


@dataclass
class Program:
    """A running program and what it printed."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        """The page's address, from the banner."""
        return next(line.split()[-1].rstrip("/") for line in self.lines if re.match(r"\s+page ", line))

    async def until(self, pattern: str, *, after: int = 0) -> str:
        """The first line that matches, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for line in self.lines[after:]:
                    if re.search(pattern, line):
                        return line
                if self.process.stdout is not None and self.process.stdout.at_eof():
                    raise AssertionError("it ended; it had printed:\n" + "\n".join(self.lines))
                self._news.clear()
                await self._news.wait()

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode().rstrip("\n"))
            self._news.set()
        self._news.set()

    async def ended(self) -> int:
        """The exit code, once there is one."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def interrupt(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def running(project: Path, *words: str, **environment: str) -> AsyncIterator[Program]:
    """``pinecall-run run`` in a project on any free port, with its banner printed."""
    process = await asyncio.create_subprocess_exec(
        *command("run", "--port", "0", *words),
        cwd=project,
        env=clean_environment(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    program = Program(process)
    reading = asyncio.create_task(program.read())
    try:
        await program.until(r"Ctrl-C ends it")
        yield program
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
        await asyncio.gather(reading)


@dataclass
class Answer:
    """What came back for one message."""

    text: str
    tools: list[str]
    results: list[Any]


class Chat:
    """One conversation through the browser's door."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def ask(self, text: str) -> Answer:
        """Send a message and take its answer."""
        await self._socket.send(json.dumps({"event": "message", "text": text}))
        return await self.hear()

    async def hear(self) -> Answer:
        """The next complete answer."""
        tools: list[str] = []
        results: list[Any] = []
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = json.loads(await self._socket.recv())
                match frame["event"]:
                    case "chat.tool_call":
                        tools += [call["name"] for call in frame["tool_calls"]]
                    case "chat.tool_result":
                        results += [result["result"] for result in frame["results"]]
                    case "chat.done":
                        return Answer(frame["text"], tools, results)
                    case "chat.error" | "error" | "chat.ended":
                        raise AssertionError(frame)


@asynccontextmanager
async def chatting(url: str, agent: str) -> AsyncIterator[Chat]:
    """A conversation with an agent, as the page has it."""
    query = urllib.parse.urlencode({"agent_id": agent, "scope": "supervise"})
    token = await _token(f"{url}/chat/token?{query}")
    async with connect(f"{url.replace('http', 'ws', 1)}/chat/ws?token={token}") as socket:
        assert json.loads(await socket.recv())["event"] == "chat.connected"
        yield Chat(socket)


async def _token(url: str) -> str:
    """A token for an agent. The runner says that it added one when it asks for it: the server may not know it yet."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return str((await asyncio.to_thread(get, url))["token"])
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 404:
                        raise
            await asyncio.sleep(0.02)


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        loaded: dict[str, Any] = json.load(answer)
        return loaded


def edit(file: Path, change: Callable[[str], str]) -> None:
    """Save a file with a change, as an editor does: a new file over the old one."""
    temporary = file.with_suffix(file.suffix + "~")
    temporary.write_text(change(file.read_text()))
    temporary.replace(file)

"""Small projects on disk, and a voice server that plays its part by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PATIENCE = 5.0


def project(folder: Path, config: str, **files: str) -> Path:
    """A folder with a pinecall.yaml and files; ``prompts__a`` is prompts/a."""
    write(folder / "pinecall.yaml", config)
    for name, text in files.items():
        write(folder / name.replace("__", "/").replace("_DOT_", "."), text)
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


_CHANGED = {
    "agent.configure": "agent.configured",
    "agent.remove": "agent.removed",
    "channel.configure": "channel.configured",
    "channel.remove": "channel.removed",
}


class Server:
    """A voice server of one key that lets a test say what it says."""

    def __init__(self) -> None:
        self.url = ""
        self.frames: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []
        self.refuses_key = False
        self.keeps: list[str] = []
        """Agents that another process has for good."""
        self.confirms_removal = True
        self.acknowledges = True
        """Whether it answers changes of agents that it has."""
        self.refuses: dict[str, str] = {}
        """Why it refuses a change, or an agent, by the agent's name."""
        self.news = asyncio.Condition()

    async def send(self, event: str, **fields: Any) -> None:
        await self.connections[-1].send(json.dumps({"event": event, **fields}))

    async def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """The next frame of a name with these values; what comes before it is dropped."""
        async with asyncio.timeout(PATIENCE), self.news:
            while True:
                while self.frames:
                    frame = self.frames.pop(0)
                    if frame["event"] == event and fields.items() <= frame.items():
                        return frame
                await self.news.wait()

    async def settled(self) -> list[str]:
        """The names of the frames that the runner sent until it answered everything it was sent."""
        await self.send("ping")
        names = []
        async with asyncio.timeout(PATIENCE), self.news:
            while True:
                while self.frames:
                    name = self.frames.pop(0)["event"]
                    if name == "pong":
                        return names
                    names.append(name)
                await self.news.wait()

    async def close(self, code: int = 1012, reason: str = "restart") -> None:
        await self.connections[-1].close(code, reason)

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        try:
            async for message in connection:
                await self._received(connection, json.loads(message))
        except ConnectionClosed:
            return

    async def _received(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        match frame["event"]:
            case "connect" if self.refuses_key:
                await self.send("error", code="INVALID_KEY", error="no such key")
                await connection.close(1008, "invalid key")
            case "connect":
                await self.send("connected")
            case "agent.create" if frame["agent_id"] in self.keeps:
                await self.send("error", code="AGENT_CONFLICT_FATAL", error="held", agent_id=frame["agent_id"])
            case "agent.create" | "agent.configure" | "channel.add" if frame["agent_id"] in self.refuses:
                error = self.refuses[frame["agent_id"]]
                await self.send("error", code="REGISTRATION_ERROR", error=error, agent_id=frame["agent_id"])
            case name if name in _CHANGED and self.acknowledges:
                await self.send(_CHANGED[name], **{k: frame[k] for k in ("agent_id", "ref") if k in frame})
            case "agent.create":
                await self.send("agent.created", agent_id=frame["agent_id"])
            case "agent.remove" if self.confirms_removal:
                await self.send("agent.removed", agent_id=frame["agent_id"])
            case "channel.add":
                await self.send("channel.added", **{k: frame[k] for k in ("agent_id", "type", "ref") if k in frame})
        async with self.news:
            self.frames.append(frame)
            self.news.notify_all()


@asynccontextmanager
async def voice_server() -> AsyncIterator[Server]:
    it = Server()
    async with serve(it._serve, "127.0.0.1", 0, close_timeout=0.2) as listening:
        it.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield it


class Wire:
    """A way to a server that can be cut."""

    def __init__(self, host: str, port: str) -> None:
        self.address = ""
        self._to = host, int(port)
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        self._writers += [writer, far_writer]
        await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def wire_to(address: str) -> AsyncIterator[Wire]:
    wire = Wire(*address.split(":"))
    async with await asyncio.start_server(wire.accept, "127.0.0.1", 0) as listening:
        wire.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield wire
        wire.cut()

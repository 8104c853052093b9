"""The server on a real socket, and clients that know nothing of our code: JSON written by hand from the protocol."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.voice._stage import KEY
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.voice.app import Settings
from pinecall_run.voice.serving import listen, serve

PATIENCE = 5.0


@asynccontextmanager
async def server(key: str = KEY, *, port: int = 0, **settings: Any) -> AsyncIterator[str]:
    """A running server's address, without its scheme."""
    listening = listen("127.0.0.1", [port])
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve(Settings(key, **{"open_on_loopback": True, **settings}), listening, stop, ready.set)
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        yield listening.url.removeprefix("http://")
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await serving


class Socket:
    """A WebSocket that keeps what it read."""

    def __init__(self, connection: ClientConnection) -> None:
        self.socket = connection
        self.frames: list[dict[str, Any]] = []

    async def send(self, event: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"event": event, **fields}))

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.recv()
        assert isinstance(message, str)
        self.frames.append(json.loads(message))
        return self.frames[-1]

    async def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """The next frame of a name with these values; those before it are kept in ``frames`` too."""
        while True:
            frame = await self.read()
            if frame["event"] == event and fields.items() <= frame.items():
                return frame

    async def so_far(self) -> list[str]:
        """The names of the frames until the server has done everything that it was sent."""
        seen = len(self.frames)
        await self.send("ping")
        await self.until("pong")
        return [frame["event"] for frame in self.frames[seen:-1]]

    async def closed(self) -> tuple[int, str]:
        """How the server closes it, everything before that read."""
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - it may come after any frame
            while True:
                await self.read()
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason


@asynccontextmanager
async def client(address: str, *agents: str, key: str = KEY, **configuration: Any) -> AsyncIterator[Socket]:
    """A client that was let in, with its agents registered."""
    async with connect(f"ws://{address}/client", max_size=None) as connection:
        it = Socket(connection)
        await it.send("connect", api_key=key)
        await it.until("connected")
        for agent in agents:
            await it.send("agent.create", agent_id=agent, **configuration)
            await it.until("agent.created", agent_id=agent)
        yield it


@asynccontextmanager
async def chat(address: str, agent: str, *, thread: str = "", **query: str) -> AsyncIterator[Socket]:
    """A browser's chat, which goes on with a thread."""
    answer = await get(address, "/chat/token?" + urllib.parse.urlencode({"agent_id": agent, **query}))
    assert answer.status == 200, answer
    asked = urllib.parse.urlencode({"token": answer.json["token"], **({"thread": thread} if thread else {})})
    async with connect(f"ws://{address}/chat/ws?{asked}") as connection:
        it = Socket(connection)
        assert (await it.read())["event"] == "chat.connected"
        yield it


async def narrow(address: str) -> socket.socket:
    """A connection that can hold little of what it does not read."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    host, port = address.split(":")
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    return narrow


@dataclass
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def get(address: str, target: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """One HTTP request; ``sec_fetch_site="none"`` is the header Sec-Fetch-Site."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    lines = {
        "host": address,
        "connection": "close",
        **({"content-length": str(len(body))} if body else {}),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    first, *rest = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return Answer(
        int(first.split()[1]), {name.lower(): value for name, value in pairs}, answer.partition(b"\r\n\r\n")[2]
    )


async def get_over_tls(address: str, target: str, context: ssl.SSLContext) -> bytes:
    """What is answered to a request, as it comes."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.write(f"GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return answer


async def counted(address: str, before: Mapping[str, int] | None = None) -> dict[str, int]:
    """What the server has refused, by door and kind; with an earlier answer only what came since."""
    answer = await get(address, "/metrics", authorization=f"Bearer {KEY}")
    assert answer.status == 200, answer
    found = re.findall(rb'refused_total\{door="(\w+)",kind="(\w+)"\} (\d+)', answer.body)
    now = {f"{door.decode()} {kind.decode().replace('_', ' ')}": int(count) for door, kind, count in found}
    return {key: count - before[key] for key, count in now.items() if count > before[key]} if before else now

"""A vendor of our own invention on loopback: says what a test tells it to, and keeps what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from pinecall_run.providers.contracts import Heard, Transcript
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.vendor_socket import Address, Frame

VENDOR = Vendor("Acme", key="ACME_API_KEY")


@dataclass
class Acme:
    """What was received, and the connection that is open."""

    url: str = ""
    frames: list[Frame] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    line: ServerConnection | None = None
    lines: list[ServerConnection] = field(default_factory=list)
    asked: int = 0
    """How often a test's ``address`` was asked for."""

    async def until_open(self) -> None:
        """A client is connected."""
        async with asyncio.timeout(5):
            while self.line is None:
                self.came.clear()
                await self.came.wait()

    async def until(self, count: int) -> list[Frame]:
        """What was received, when it is so many."""
        async with asyncio.timeout(5):
            while len(self.frames) < count:
                self.came.clear()
                await self.came.wait()
        return self.frames

    async def says(self, **what: Any) -> None:
        """Send one message."""
        assert self.line is not None
        await self.line.send(json.dumps(what))


@asynccontextmanager
async def acme() -> AsyncIterator[Acme]:
    """A server for the time of a test."""
    state = Acme()

    async def talk(line: ServerConnection) -> None:
        state.line = line
        state.lines.append(line)
        state.came.set()
        async for frame in line:
            state.frames.append(frame)
            state.came.set()

    async with serve(talk, "127.0.0.1", 0) as server:
        state.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield state


class Wire:
    """Acme's messages."""

    def audio(self, pcm: bytes) -> Frame:
        return pcm

    def finish(self) -> Sequence[Frame]:
        return ["finish"]

    def keep_alive(self) -> Sequence[Frame]:
        return ["alive"]

    def goodbye(self) -> Sequence[Frame]:
        return ["bye"]

    def received(self, frame: Frame) -> Sequence[Heard]:
        try:
            return [Transcript(**json.loads(frame))]
        except (ValueError, TypeError):
            raise VENDOR.of_garbage() from None


def ear(url: str, **more: Any) -> SocketEar:
    """Acme's speech to text."""

    async def address() -> Address:
        return Address(url, {"Authorization": "Token k"})

    return SocketEar(VENDOR, address, **{"wire": Wire, **more})

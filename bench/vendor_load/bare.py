"""What adapters are held against: loops that move the same messages, in the same number, and look into none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
from vendor_load.load import stopped, turns_of
from vendor_load.ours import Asker, is_due
from websockets.asyncio.client import ClientConnection, connect


class _Sockets:
    warm_seconds = 0.4

    def __init__(self, url: str) -> None:
        self._url = url
        self._sockets: list[ClientConnection] = []
        self._reading: list[asyncio.Task[None]] = []

    async def connect(self, count: int) -> None:
        for _ in range(count):
            socket = await connect(self._url, compression=None)
            self._sockets.append(socket)
            self._reading.append(asyncio.create_task(_read(socket)))

    async def close(self) -> None:
        await stopped(self._reading)
        await asyncio.gather(*(socket.close() for socket in self._sockets))


async def _read(socket: ClientConnection) -> None:
    while True:
        await socket.recv(decode=False)


class BareEar(_Sockets):
    """``piece`` is what takes ``seconds`` of sound to the vendor."""

    def __init__(self, url: str, piece: str | bytes, seconds: float) -> None:
        super().__init__(url)
        self._piece, self._every = piece, turns_of(seconds)

    async def open(self, callers: int) -> None:
        """See :class:`Side`."""
        await self.connect(callers)

    async def turn(self, caller: int, count: int) -> None:
        """See :class:`Side`."""
        if (count + caller) % self._every == 0:
            await self._sockets[caller].send(self._piece)


class BareVoice(_Sockets):
    """``frames`` ask for a sentence; as many ``sockets`` as the adapter takes."""

    warm_seconds = Asker.warm_seconds

    def __init__(self, url: str, frames: Sequence[str], sockets: int) -> None:
        super().__init__(url)
        self._frames, self._count, self._callers = frames, sockets, 1

    async def open(self, callers: int) -> None:
        """See :class:`Side`."""
        self._callers = callers
        await self.connect(self._count)

    async def turn(self, caller: int, count: int) -> None:
        """See :class:`Side`."""
        if is_due(caller, count, self._callers):
            for frame in self._frames:
                await self._sockets[caller % self._count].send(frame)


class BarePost(Asker):
    """``request`` as it came from the adapter, head and body."""

    def __init__(self, port: int, request: bytes) -> None:
        super().__init__(lambda piece: None)
        head, _, self._body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self._url = f"http://127.0.0.1:{port}{first.split(' ')[1]}"
        self._headers = dict(line.split(": ", 1) for line in lines)
        self._client = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None))

    async def ask(self, caller: int, count: int) -> Any:
        """See :class:`Asker`."""
        async with self._client.stream("POST", self._url, content=self._body, headers=self._headers) as answer:
            async for piece in answer.aiter_raw():
                yield piece

    async def close(self) -> None:
        """See :class:`Side`."""
        await super().close()
        await self._client.aclose()


def url_of(port: int, path: str) -> str:
    """Where a path is."""
    return urlsplit(path)._replace(scheme="ws", netloc=f"127.0.0.1:{port}").geturl()

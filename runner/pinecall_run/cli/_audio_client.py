"""The socket of sound from a terminal: the caller's sound goes out, the agent's comes back, on one clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidHandshake

from pinecall_run.cli._chat_client import ChatError, socket_url
from pinecall_run.live.embedded import Server

CHUNK_BYTES = 640
"""20 ms of 16 kHz mono, signed 16 bit little-endian."""

SILENCE = bytes(CHUNK_BYTES)

WINDOW = 50
"""Chunks that may be under way: a server that is behind is waited for."""

GOODBYE_SECONDS = 3.0


class Ear(Protocol):
    """What a call comes to."""

    def chunk(self, said: bytes, heard: bytes) -> None:
        """20 ms of both sides."""

    def event(self, frame: dict[str, Any]) -> None:
        """Something happened, after the last chunk and before the next."""


class AudioClient:
    """One spoken conversation."""

    def __init__(self, socket: ClientConnection) -> None:
        self.was_hung_up = False
        """Whether the person ended it by Ctrl-C."""
        self._socket = socket
        self._under_way: deque[bytes] = deque()
        self._room = asyncio.Event()
        self._leaving = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def connect(cls, server: Server, agent: str) -> AsyncIterator[AudioClient]:
        """A call to an agent.

        Raises:
            ChatError: the agent is not there, or the server does not let us in.
        """
        url = await socket_url(server, "stream", agent)
        try:
            socket = await connect(url, open_timeout=10, close_timeout=0.5, max_size=None, compression=None)
        except (OSError, InvalidHandshake) as error:
            raise ChatError(f"the audio socket of {server.url} cannot be opened: {error}") from error
        async with socket:
            yield cls(socket)

    async def converse(self, mouth: AsyncIterator[bytes], ear: Ear) -> None:
        """Send each chunk of ``mouth``, hang up after the last, and give ``ear`` what comes back.

        Raises:
            ChatError: the server refused the call, or it broke.
        """
        talking = asyncio.create_task(self._talk(mouth))
        hearing = asyncio.create_task(self._hear(ear))
        leaving = asyncio.create_task(self._leaving.wait())
        workers = (talking, hearing, leaving)
        try:
            with self._hanging_up():
                await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
                if talking.done():
                    talking.result()
                if not hearing.done():
                    talking.cancel()
                    await self._hang_up()
                    await asyncio.wait([hearing], timeout=GOODBYE_SECONDS)
                if hearing.done():
                    hearing.result()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _talk(self, mouth: AsyncIterator[bytes]) -> None:
        with contextlib.suppress(ConnectionClosed):  # what hears knows why
            async for chunk in mouth:
                while len(self._under_way) >= WINDOW:
                    self._room.clear()
                    await self._room.wait()
                self._under_way.append(chunk)
                await self._socket.send(chunk)

    async def _hear(self, ear: Ear) -> None:
        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    said = self._under_way.popleft() if self._under_way else SILENCE
                    self._room.set()
                    ear.chunk(said, message.ljust(CHUNK_BYTES, b"\0")[:CHUNK_BYTES])
                    continue
                frame = json.loads(message)
                if frame.get("event") == "error":
                    raise ChatError(str(frame.get("error")))
                ear.event(frame)
        except ConnectionClosedError as error:
            reason = error.rcvd.reason if error.rcvd else ""
            raise ChatError(f"the server ended the call: {reason or 'it is gone'}") from error

    async def _hang_up(self) -> None:
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._socket.send('{"action":"hangup"}')

    @contextmanager
    def _hanging_up(self) -> Iterator[None]:
        """Ctrl-C hangs up; a second one ends the program."""
        loop = asyncio.get_running_loop()

        def on_interrupt() -> None:
            loop.remove_signal_handler(signal.SIGINT)
            self.was_hung_up = True
            self._leaving.set()

        loop.add_signal_handler(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

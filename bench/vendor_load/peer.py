"""The vendors' side, a process that is not measured: plays tapes over WebSockets and HTTP, on loopback."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from peers.load import pin
from vendor_load.tapes import CONTEXT, SENTENCE_SECONDS, EarTape, PostTape, VoiceTape, marked, tape_of
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PATIENCE = 30.0
_CONTEXT_OF = re.compile(r'"context_id": ?"([^"]+)"')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Told:
    """What came and went since it was asked last. ``asked`` are the first messages, or the first request, of each
    path, as they came; ``sockets`` the most that were open at once."""

    messages: int = 0
    octets: int = 0
    sockets: int = 0
    asked: dict[str, list[Any]] = field(default_factory=dict)

    def moved(self, frame: str | bytes) -> None:
        """A message came or went."""
        self.messages += 1
        self.octets += len(frame)

    def came(self, path: str, frame: str | bytes) -> None:
        """One came."""
        self.moved(frame)
        kept = self.asked.setdefault(path, [])
        if len(kept) < 8:
            kept.append(frame)


class Peer:
    """The end in the measured process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.ports: tuple[int, int] = pipe.recv()
        """Of WebSockets, and of HTTP."""

    def told(self) -> Told:
        """What came and went since this was asked last."""
        self._pipe.send(None)
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError("the peer says nothing any more")
        told: Told = self._pipe.recv()
        return told


@contextmanager
def peer(core: int) -> Iterator[Peer]:
    """A child that ends with the block."""
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_run, args=(far, core), daemon=True)
    child.start()
    try:
        yield Peer(near)
    finally:
        child.kill()
        child.join()


def _run(pipe: Connection, core: int) -> None:
    pin(core)
    asyncio.run(_Vendors().serve(pipe))


class _Vendors:
    def __init__(self) -> None:
        self._told = Told()
        self._open = 0
        self._marks = count(1)
        self._ports = (0, 0)
        self._playing: set[asyncio.Task[None]] = set()

    async def serve(self, pipe: Connection) -> None:
        """Until the parent is gone."""
        gone = asyncio.Event()
        options: dict[str, Any] = {"compression": None, "ping_interval": None}
        async with serve(self._socket, "127.0.0.1", 0, **options) as sockets:
            posts = await asyncio.start_server(self._posts, "127.0.0.1", 0)
            both = (next(iter(sockets.sockets)), posts.sockets[0])
            self._ports = (both[0].getsockname()[1], both[1].getsockname()[1])
            pipe.send(self._ports)
            asyncio.get_running_loop().add_reader(pipe.fileno(), self._tell, pipe, gone)
            await gone.wait()

    def _tell(self, pipe: Connection, gone: asyncio.Event) -> None:
        try:
            pipe.recv()
            pipe.send(self._told)
        except (EOFError, OSError):
            gone.set()
        self._told = Told(sockets=self._open)

    # WebSockets

    async def _socket(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        self._open += 1
        self._told.sockets = max(self._told.sockets, self._open)
        try:
            match tape_of(path):
                case EarTape() as tape:
                    await self._hear(connection, path, tape)
                case VoiceTape() as tape:
                    await self._speak(connection, path, tape)
        except ConnectionClosed:
            pass
        finally:
            self._open -= 1

    async def _hear(self, connection: ServerConnection, path: str, tape: EarTape) -> None:
        """What is said keeps pace with the sound: as many bytes of it as came in pieces of the usual size."""
        said, heard = 0, 0.0
        async for piece in connection:
            self._told.came(path, piece)
            heard += _seconds(piece)
            if tape.receipt:
                await self._send(connection, tape.receipt)
            if heard >= tape.seconds * (said + 1):
                frame = tape.seal(marked(tape.frames[said % len(tape.frames)], next(self._marks)))
                said += 1
                await self._send(connection, frame, is_text=tape.is_text)

    async def _speak(self, connection: ServerConnection, path: str, tape: VoiceTape) -> None:
        async for asked in connection:
            assert isinstance(asked, str)
            self._told.came(path, asked)
            if tape.asks in asked:
                found = _CONTEXT_OF.search(asked)
                assert found, asked
                self._play(self._sentence(connection, tape.steps, found[1].encode()))

    async def _sentence(self, connection: ServerConnection, steps: Sequence[Sequence[bytes]], context: bytes) -> None:
        began = asyncio.get_running_loop().time()
        for number, frames in enumerate(steps, start=1):
            await _until(began + number * SENTENCE_SECONDS / 2 / len(steps))
            for frame in frames:
                named = frame.replace(CONTEXT.encode(), context)
                await self._send(connection, marked(named, next(self._marks)))

    async def _send(self, connection: ServerConnection, frame: bytes, *, is_text: bool = True) -> None:
        self._told.moved(frame)
        await connection.send(frame, text=is_text)

    def _play(self, playing: Any) -> None:
        task = asyncio.create_task(_quietly(playing))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    # HTTP

    async def _posts(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests on one connection, one after the other."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = _LENGTH.search(head)
                body = await reader.readexactly(int(found[1]) if found else 0)
                await self._answer(head.split(b" ", 2)[1].decode(), head, body, writer)
        writer.close()

    async def _answer(self, path: str, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if path.startswith("/v2/live"):
            url = b'{"id":"x","url":"ws://127.0.0.1:%d/gladia?token=x"}' % self._ports[0]
            writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%s" % (len(url), url))
            return
        self._told.came(path, head + body)
        tape = tape_of(path)
        assert isinstance(tape, PostTape)
        kind = tape.kind.encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n" % kind)
        began = asyncio.get_running_loop().time()
        for number, frame in enumerate(tape.frames, start=1):
            await _until(began + number * tape.seconds)
            piece = marked(frame, next(self._marks))
            self._told.moved(piece)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")


def _seconds(piece: str | bytes) -> float:
    """About how much sound a message holds: 16 kHz in 16 bits, as it is or in Base64."""
    return len(piece) / 32_000 if isinstance(piece, bytes) else max(len(piece) - 90, 0) * 0.75 / 32_000


async def _until(moment: float) -> None:
    await asyncio.sleep(moment - asyncio.get_running_loop().time())


async def _quietly(playing: Awaitable[None]) -> None:
    with suppress(ConnectionClosed):
        await playing

"""A TCP proxy on loopback that fails as networks do, at a byte that a seed chooses."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """What a network does to a connection."""

    LATENCY = auto()
    """Every piece comes late, by up to 20 ms."""
    SLICES = auto()
    """Every byte comes alone."""
    CUT = auto()
    """Closed in good order, in the middle of whatever is on its way."""
    RESET = auto()
    """Closed with RST, what was on its way is gone."""
    HALF_OPEN = auto()
    """Nothing is passed on any more; neither side hears of that."""
    BLACK_HOLE = auto()
    """As half open, and the next connection is taken and never answered."""


DEADLY = frozenset((Fault.CUT, Fault.RESET, Fault.HALF_OPEN, Fault.BLACK_HOLE))


@dataclass
class _Pair:
    """One connection: the sockets to either side, what is wrong with it, and the bytes until then."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter | None = None
    fault: Fault | None = None
    left: int = 0


class Proxy:
    """``strike`` makes something go wrong; connections made afterwards are sound."""

    def __init__(self, address: str, chance: random.Random) -> None:
        host, port = address.split(":")
        self.address = ""
        self.passed = 0
        self._server = host, int(port)
        self._chance = chance
        self._pairs: list[_Pair] = []
        self._next: list[tuple[Fault, int]] = []

    def strike(self, fault: Fault, after: int = 0) -> None:
        """A fault for the connection that is open, or for the next one if none is, once ``after`` more bytes have
        passed in either direction."""
        if fault is Fault.BLACK_HOLE:
            self._next.append((fault, 0))
        if not self._pairs and fault is not Fault.BLACK_HOLE:
            self._next.append((fault, after))
        for pair in self._pairs:
            pair.fault, pair.left = fault, after

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        pair = _Pair(writer)
        if self._next:
            pair.fault, pair.left = self._next.pop(0)
        self._pairs.append(pair)
        try:
            if pair.fault is not Fault.BLACK_HOLE:
                far_reader, pair.far = await asyncio.open_connection(*self._server)
                await asyncio.gather(self._pass(pair, reader, pair.far), self._pass(pair, far_reader, writer))
            else:
                await reader.read(-1)  # until the other side has had enough
        except OSError:
            pass
        finally:
            self._pairs.remove(pair)
            _close(pair, reset=False)

    async def _pass(self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            while data:
                piece, data = await self._piece(pair, data)
                if piece is None:
                    return
                self.passed += len(piece)
                writer.write(piece)
                await writer.drain()
        if pair.fault not in (Fault.HALF_OPEN, Fault.BLACK_HOLE):
            writer.close()

    async def _piece(self, pair: _Pair, data: bytes) -> tuple[bytes | None, bytes]:
        """What is passed on next, and what is left; ``None`` when nothing is passed on any more."""
        match pair.fault:
            case Fault.LATENCY:
                await asyncio.sleep(self._chance.random() * 0.02)
                return data, b""
            case Fault.SLICES:
                await asyncio.sleep(0)
                return data[:1], data[1:]
            case None:
                return data, b""
        if pair.left:
            size = min(pair.left, len(data))
            pair.left -= size
            return data[:size], data[size:]
        if pair.fault in (Fault.CUT, Fault.RESET):
            _close(pair, reset=pair.fault is Fault.RESET)
            return None, b""
        return b"", b""

    def close(self) -> None:
        """End every connection."""
        for pair in self._pairs:
            _close(pair, reset=True)


def _close(pair: _Pair, *, reset: bool) -> None:
    for writer in (pair.near, pair.far):
        if writer is None:
            continue
        if reset:
            raw = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()


@asynccontextmanager
async def proxy_to(address: str, chance: random.Random) -> AsyncIterator[Proxy]:
    """A proxy before a server."""
    proxy = Proxy(address, chance)
    async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as listening:
        proxy.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield proxy
        listening.close()
        proxy.close()
        async with asyncio.timeout(5):
            while proxy._pairs:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

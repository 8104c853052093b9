"""A network between a browser and a program, to be cut, held up and mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.stories._stage import Program


class Network:
    """A way to a server that can be cut, held up, and mended."""

    def __init__(self, program: Program) -> None:
        self.lead_to(program)
        self._pairs: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._flows = asyncio.Event()
        self._is_there = True
        self._flows.set()

    def lead_to(self, program: Program) -> None:
        """To whom connections lead from now on."""
        self._port = int(program.url.rpartition(":")[2])

    def hold_up(self) -> None:
        """What the browser sends from now on does not arrive."""
        self._flows.clear()

    def cut(self) -> None:
        """Every connection breaks, and there is none to be had; what was held up is lost."""
        self._is_there = False
        for writers in self._pairs:
            for writer in writers:
                writer.transport.abort()
        self._pairs.clear()

    def mend(self) -> None:
        self._is_there = True
        self._flows.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_there:
            writer.transport.abort()
            return
        back, forth = await asyncio.open_connection("127.0.0.1", self._port)
        self._pairs.append((writer, forth))
        with suppress(ConnectionError):
            await asyncio.gather(self._pipe(reader, forth, is_up=True), self._pipe(back, writer, is_up=False))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        while data := await reader.read(65536):
            if is_up:
                await self._flows.wait()
            writer.write(data)
        writer.close()


@asynccontextmanager
async def reached(program: Program) -> AsyncIterator[tuple[Network, str]]:
    """A network before a program, and the page's address through it."""
    network = Network(program)
    server = await asyncio.start_server(network.carry, "127.0.0.1", 0)
    try:
        yield network, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        network.cut()
        server.close()

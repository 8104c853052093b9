"""A network in memory: a runner's sockets without sockets, to a server that lives in the same event loop."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterable
from typing import Protocol

from pinecall_run.protocol.outputs import Probe, Shut, Transmit

LOST = 1006
"""The close code of a socket that broke (RFC 6455, 7.4.1)."""


class ServerEnd(Protocol):
    """What a server does with one connection. Neither may raise."""

    def received(self, message: str) -> None:
        """A message arrived."""

    def lost(self) -> None:
        """The connection is gone."""


class MemorySocket:
    """One connection. Messages arrive in order, each in a turn of the event loop of its own.

    A runner's link uses it as :class:`pinecall_run.link.link.OpenSocket`; a server ``send``, ``close`` and ``cut``.
    """

    def __init__(self, accept: Callable[[MemorySocket], ServerEnd]) -> None:
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = asyncio.Event()
        self._deliver: Callable[[bytes], None] | None = None
        self._heard: Callable[[], None] = lambda: None
        self._early: list[bytes] = []
        self._far = accept(self)

    # the runner's end

    def listen(self, deliver: Callable[[bytes], None], heard: Callable[[], None]) -> None:
        """See :class:`pinecall_run.link.link.OpenSocket`."""
        self._deliver, self._heard = deliver, heard
        while self._early:
            deliver(self._early.pop(0))

    def write(self, outputs: Iterable[Transmit | Probe | Shut]) -> int:
        """See :class:`pinecall_run.link.link.OpenSocket`."""
        for output in outputs:
            match output:
                case Transmit(data):
                    self._soon(lambda data=data: self._far.received(data.decode()))  # type: ignore[misc]
                case Probe():
                    self._soon(self._heard)
                case Shut(code, reason):
                    self.close(code, reason)
        return 0

    async def wait_closed(self) -> None:
        """Wait until either side has closed it."""
        await self._closed.wait()

    def abort(self) -> None:
        """Drop it."""
        self.cut()

    # the server's end

    def send(self, message: bytes) -> None:
        """Send a message to the runner."""
        self._soon(lambda: self._arrive(message))

    def close(self, code: int, reason: str) -> None:
        """Close it, after what was said before."""
        self._soon(lambda: self._end(code, reason))

    def cut(self) -> None:
        """Break it now: what is on its way is lost."""
        self._end(LOST, "")

    def _soon(self, work: Callable[[], None]) -> None:
        self._loop.call_soon(lambda: None if self._closed.is_set() else work())

    def _arrive(self, message: bytes) -> None:
        if self._deliver is None:
            self._early.append(message)
        else:
            self._deliver(message)

    def _end(self, code: int, reason: str) -> None:
        if not self._closed.is_set():
            self.close_code, self.close_reason = code, reason
            self._closed.set()
            self._far.lost()


class Network:
    """Where a runner's connections go. ``accept`` makes the server's end of each."""

    def __init__(self, accept: Callable[[MemorySocket], ServerEnd]) -> None:
        self.is_down = False
        """Whether new connections are refused."""
        self._accept = accept
        self._current: MemorySocket | None = None

    async def open(self, url: str, proxy: str | None) -> MemorySocket:
        """See :data:`pinecall_run.link.link.Opener`."""
        if self.is_down:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._current = MemorySocket(self._accept)
        return self._current

    def cut(self) -> None:
        """Break the runner's connection; it makes a new one as soon as it can."""
        if self._current is not None:
            self._current.cut()

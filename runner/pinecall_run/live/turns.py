"""Whose turn it is: functions of which only so many may run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """Turns of one function in a running loop."""

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def one(self, pool: Executor) -> AsyncIterator[Executor]:
        """Wait for a turn, and have it: a pool in place of ``pool``, for one function.

        What runs in a thread cannot be stopped, so its turn ends when the function does, though nobody waits for it any
        more; the turn of anything else ends with the context.
        """
        await self._free.acquire()
        turn = _Turn(pool, asyncio.get_running_loop(), self._free.release)
        try:
            yield turn
        finally:
            if not turn.is_in_thread:
                self._free.release()


class _Turn(Executor):
    def __init__(self, pool: Executor, loop: asyncio.AbstractEventLoop, over: Callable[[], None]) -> None:
        self.is_in_thread = False
        self._pool = pool
        self._loop = loop
        self._over = over

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See :class:`concurrent.futures.Executor`."""
        future = self._pool.submit(fn, *args, **kwargs)
        self.is_in_thread = True
        future.add_done_callback(self._end)
        return future

    def _end(self, _: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over)

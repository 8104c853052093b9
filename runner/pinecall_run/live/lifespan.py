"""What a project's lifespan opened: entered before the first call that may use it, left after the last."""

from __future__ import annotations

import asyncio
from typing import Any

from pinecall_run.tools.hook import Lifespan
from pinecall_run.tools.invoke import Failure, failure_of

LEAVE_SECONDS = 10.0
"""How long leaving may take; then it is cancelled."""


class LifespanError(Exception):
    """A lifespan cannot be entered, or its function failed while it was left. ``failure`` says where."""

    def __init__(self, path: str, failure: Failure) -> None:
        super().__init__(f"the lifespan {path} failed with {failure.kind}: {failure.message}")
        self.failure = failure


class State:
    """An entered lifespan. It lives in a task of its own: what must be left where it was entered may be used in it.

    ``value`` is what it yielded. Who uses it says so by :meth:`hold` and :meth:`release`.
    """

    def __init__(self, lifespan: Lifespan | None = None) -> None:
        self.lifespan = lifespan
        self.value: Any = None
        self._users = 0
        self._idle = asyncio.Event()
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Open it.

        Raises:
            LifespanError: its function raised.
        """
        if self.lifespan is None:
            return
        is_open = asyncio.Event()
        self._task = asyncio.create_task(self._live(self.lifespan, is_open))
        opening = asyncio.create_task(is_open.wait())
        try:
            await asyncio.wait([self._task, opening], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        finally:
            opening.cancel()
        if not is_open.is_set():
            await self._task

    async def leave(self, *, when_idle: bool = False) -> None:
        """Close it; ``when_idle`` after those who hold it have released it.

        Raises:
            LifespanError: its function raised.
        """
        while when_idle and self._users:
            self._idle.clear()
            await self._idle.wait()
        if self._task is None:
            return
        self._leaving.set()
        task, self._task = self._task, None
        await asyncio.wait([task], timeout=LEAVE_SECONDS)
        if not task.done():
            task.cancel()
            path = self.lifespan.path if self.lifespan else ""
            raise LifespanError(path, Failure("timed out", f"it was not left within {LEAVE_SECONDS:g} s"))
        await task

    def hold(self) -> None:
        """Something uses it: a call, a function."""
        self._users += 1

    def release(self) -> None:
        """That is over."""
        self._users -= 1
        if not self._users:
            self._idle.set()

    async def _live(self, lifespan: Lifespan, is_open: asyncio.Event) -> None:
        try:
            async with lifespan.function() as self.value:
                is_open.set()
                await self._leaving.wait()
        except Exception as error:
            raise LifespanError(lifespan.path, failure_of(error)) from error

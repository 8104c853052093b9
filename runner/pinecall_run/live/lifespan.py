"""What a project's lifespan opened: entered before the first call that may use it, left after the last."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from pinecall_run.live.functions import is_ending
from pinecall_run.live.tasks import Tasks
from pinecall_run.tools.hook import Lifespan
from pinecall_run.tools.invoke import Failure, failure_of

LEAVE_SECONDS = 10.0
"""How long leaving may take; then it is cancelled."""


class LifespanError(Exception):
    """A lifespan cannot be entered, or its function failed while it was left. ``failure`` says where."""

    def __init__(self, path: str, failure: Failure) -> None:
        place = f" at {os.path.relpath(failure.file)}:{failure.line}" if failure.file else ""
        super().__init__(f"the lifespan {path} failed with {failure.kind}{place}: {failure.message}")
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
        except BaseException as error:
            if is_ending(error):
                raise
            raise LifespanError(lifespan.path, failure_of(error)) from error


class Lifespans:
    """The lifespans that are open: of what runs, and of what calls that go on began with. ``fail`` hears what goes
    wrong while one is left."""

    def __init__(self, fail: Callable[[LifespanError], None]) -> None:
        self._fail = fail
        self._open: list[State] = []
        self._leaving = Tasks()

    async def open(self, lifespan: Lifespan | None) -> State:
        """The open lifespan, opened now unless it is open already.

        Raises:
            LifespanError: its function raised.
        """
        for state in self._open:
            if state.lifespan == lifespan:
                return state
        state = State(lifespan)
        await state.enter()
        self._open.append(state)
        return state

    def keep(self, *needed: State) -> None:
        """Leave the others, each when the last call that has it is over."""
        for state in [each for each in self._open if each not in needed]:
            self._open.remove(state)
            self._leaving.add(self._leave(state, when_idle=True))

    async def close(self) -> None:
        """Leave them all, the latest first."""
        await self._leaving.close()
        while self._open:
            await self._leave(self._open.pop())

    async def _leave(self, state: State, *, when_idle: bool = False) -> None:
        try:
            await state.leave(when_idle=when_idle)
        except asyncio.CancelledError:
            await self._leave(state)  # nobody waits for its calls any more
            raise
        except LifespanError as error:
            self._fail(error)

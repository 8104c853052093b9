"""Tasks of one owner, which ends them; and tasks that are often over at once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task for some work that begins now, where Python can do that: what never waits is done when this returns.

    From Python 3.12 on; before that the work begins when the loop comes to it.
    """
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    return asyncio.Task(work, loop=loop)


class Tasks:
    """What an owner has begun and nobody else waits for."""

    def __init__(self) -> None:
        self._going_on: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._going_on)

    def add(
        self,
        work: Coroutine[Any, Any, T],
        then: Callable[[asyncio.Task[T]], object] | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        """Begin some work, ``at_once`` as :func:`start` does or when the loop comes to it. ``then`` is called when it
        is over, however it ended."""
        task = start(work) if at_once else asyncio.create_task(work)
        if not task.done():
            self._going_on.add(task)
            task.add_done_callback(self._going_on.discard)
            if then is not None:
                task.add_done_callback(then)
        elif then is not None:
            then(task)

    async def join(self) -> None:
        """Wait until nothing goes on."""
        while self._going_on:
            await asyncio.wait(self._going_on)

    async def close(self) -> None:
        """Cancel what goes on, and wait for that."""
        for task in self._going_on:
            task.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)

"""Virtual time: an event loop that does not wait for timers, so that a time-out of an hour takes no time in a test."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from pinecall_run.testing.failures import Unexpected

P = ParamSpec("P")
T = TypeVar("T")

BEGINNING = 1000.0
"""What the clock shows at first, in seconds."""

DAY_SECONDS = 86_400.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while something is ready to run, and jumps to the next timer when nothing
    is.

    While a function runs in a thread of the loop's (``run_in_executor``, ``asyncio.to_thread``, a plain tool), the
    clock does not jump: a function that is done before the next timer would really be due took no time at all, and one
    that takes longer takes as long as it does. Sockets and processes are not waited for in this way.
    """

    def __init__(self) -> None:
        self._now = BEGINNING
        self._threads = 0
        self._waited = 0.0
        """Real seconds that were spent waiting for threads since the clock moved."""
        super().__init__(_Selector(self._wait))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Overrides: the clock does not jump while the function runs."""
        work = _Work(self, functools.partial(func, *args))
        self._threads += 1
        try:
            future = super().run_in_executor(executor, work)
        except BaseException:
            self._threads -= 1
            raise
        future.add_done_callback(work.settled)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Overrides: what still runs gets real time to end."""
        self._threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._threads -= 1

    def _wait(self, select: Callable[[float | None], list[Any]], timeout: float | None) -> list[Any]:
        """Nothing is ready, and the next timer is due in ``timeout`` seconds, if there is one."""
        if timeout is None:
            return select(None)
        if self._threads:
            began = time.monotonic()
            ready = select(max(timeout - self._waited, 0.0))
            self._waited += time.monotonic() - began
            if ready:
                return ready
        self._now += timeout
        self._waited = 0.0
        return []


class _Selector(selectors.DefaultSelector):
    def __init__(self, wait: Callable[[Callable[[float | None], list[Any]], float | None], list[Any]]) -> None:
        super().__init__()
        self._wait_virtually = wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        return self._wait_virtually(super().select, timeout)


class _Work:
    """One function in a thread, counted until its outcome is in the loop, or until it returns if nobody waits."""

    def __init__(self, loop: VirtualLoop, function: Callable[[], Any]) -> None:
        self._loop = loop
        self._function = function
        self._has_begun = self._has_ended = False
        self._is_given_up = False

    def __call__(self) -> Any:
        self._has_begun = True
        try:
            return self._function()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._returned)

    def settled(self, future: asyncio.Future[Any]) -> None:
        """The outcome is there, or nobody waits for it any more: then a function that runs goes on."""
        if not future.cancelled() or self._has_ended or not self._has_begun:
            self._loop._threads -= 1
        else:
            self._is_given_up = True

    def _returned(self) -> None:
        self._has_ended = True
        if self._is_given_up:
            self._loop._threads -= 1


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a plain function of a coroutine function, which runs in virtual time from its beginning to its end.

    For tests: pytest needs neither a plugin nor a setting for it, and its fixtures are passed as usual. One that has
    not ended after a day of virtual time fails.
    """

    async def within_a_day(*args: P.args, **kwargs: P.kwargs) -> T:
        limit = asyncio.timeout(DAY_SECONDS)
        try:
            async with limit:
                return await test(*args, **kwargs)
        except TimeoutError:
            if limit.expired():
                raise Unexpected("a day of virtual time has passed: the test waits for what never happens") from None
            raise

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(within_a_day(*args, **kwargs))

    return run

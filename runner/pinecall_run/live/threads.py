"""Threads for functions that block, which the end of the program does not wait for."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Future[Any], Callable[[], Any]]


class Threads(Executor):
    """At most ``limit`` threads, made when they are needed; more work waits.

    A ``ThreadPoolExecutor`` would keep the program from ending until its last function returned, so that one tool
    that hangs would hang Ctrl-C too.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._count = 0
        self._is_shut = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See :class:`concurrent.futures.Executor`."""
        with self._lock:
            if self._is_shut:
                raise RuntimeError("the threads are shut down")
            future: Future[T] = Future()
            self._work.put((future, functools.partial(fn, *args, **kwargs)))
            if not self._idle.acquire(blocking=False) and self._count < self._limit:
                self._count += 1
                threading.Thread(target=self._serve, name=f"tool_{self._count}", daemon=True).start()
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work. What runs is never waited for, whatever ``wait`` says."""
        with self._lock:
            self._is_shut = True
            with contextlib.suppress(queue.Empty):
                while cancel_futures:
                    if (work := self._work.get_nowait()) is not None:
                        work[0].cancel()
            for _ in range(self._count):
                self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            _do(*work)
            del work  # nothing of a call stays while the thread waits for the next
            self._idle.release()


def _do(future: Future[Any], function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
        future.set_exception(error)
    else:
        future.set_result(result)

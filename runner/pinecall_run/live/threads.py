"""Threads for functions that block, which the end of the program does not wait for."""

from __future__ import annotations

import functools
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    future: Future[Any]
    function: Callable[[], Any]


class Threads(Executor):
    """At most ``limit`` threads, made when they are needed; more work waits.

    Whoever asks for a thread in a name of its own (:meth:`of`) gets one only while more are free than it holds: the
    first that blocks holds half of them, the second half of the rest, and so on, so that nobody takes them all.

    A ``ThreadPoolExecutor`` would keep the program from ending until its last function returned, so that one tool
    that hangs would hang Ctrl-C too.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = limit
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, deque[_Work]] = {}
        """By name, whose turn it is first; ``None`` is nobody's name, whose share is not limited."""
        self._held: Counter[Hashable] = Counter()
        self._count = self._idle = 0
        self._is_shut = False

    def of(self, name: Hashable) -> Executor:
        """These threads, for the work of one name."""
        return _Share(self, name)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See :class:`concurrent.futures.Executor`."""
        return self.put(None, functools.partial(fn, *args, **kwargs))

    def put(self, name: Hashable, function: Callable[[], T]) -> Future[T]:
        """Have a thread run ``function`` when its turn comes."""
        with self._changed:
            if self._is_shut:
                raise RuntimeError("the threads are shut down")
            work = _Work(Future(), function)
            self._waiting.setdefault(name, deque()).append(work)
            self._summon()
            return work.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work. What runs is never waited for, whatever ``wait`` says."""
        with self._changed:
            self._is_shut = True
            if cancel_futures:
                for queue in self._waiting.values():
                    for work in queue:
                        work.future.cancel()
                self._waiting.clear()
            self._changed.notify_all()

    def _summon(self) -> None:
        """See that there is a thread for work that may begin."""
        if self._next() is _NOBODY:
            return
        if self._idle:
            self._idle -= 1  # here, because it will be a while until it wakes up
            self._changed.notify()
        elif self._count < self._limit:
            self._count += 1
            threading.Thread(target=self._serve, name=f"tool_{self._count}", daemon=True).start()

    def _serve(self) -> None:
        while (taken := self._take()) is not None:
            name, work = taken
            _do(work)
            del taken, work  # nothing of a call stays while the thread waits for the next
            with self._changed:
                self._free += 1
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]

    def _take(self) -> tuple[Hashable, _Work] | None:
        """The next work that may begin; ``None`` when there will be none."""
        with self._changed:
            while (name := self._next()) is _NOBODY:
                if self._is_shut and not self._waiting:
                    self._changed.notify_all()  # the others may go, too
                    return None
                self._idle += 1
                self._changed.wait()
            queue = self._waiting.pop(name)
            work = queue.popleft()
            if queue:
                self._waiting[name] = queue  # behind the others
            self._free -= 1
            self._held[name] += 1
            self._summon()
            return name, work

    def _next(self) -> Hashable:
        return next((name for name in self._waiting if name is None or self._held[name] < self._free), _NOBODY)


_NOBODY = object()


class _Share(Executor):
    def __init__(self, threads: Threads, name: Hashable) -> None:
        self._threads = threads
        self._name = name

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._threads.put(self._name, functools.partial(fn, *args, **kwargs))


def _do(work: _Work) -> None:
    if not work.future.set_running_or_notify_cancel():
        return
    try:
        result = work.function()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
        work.future.set_exception(error)
    else:
        work.future.set_result(result)

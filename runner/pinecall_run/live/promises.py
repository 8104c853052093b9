"""What is going on elsewhere, for coroutines to await and for threads to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Promise(Generic[T]):
    """A value that comes later, once. Nobody has to wait for it."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: Future[T] = Future()

    @property
    def is_settled(self) -> bool:
        """Whether the value is there, or never will be."""
        return self._future.done()

    def settle(self, value: T) -> None:
        """The value is there; a second one is dropped."""
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        """There will be no value."""
        if not self._future.done():
            self._future.set_exception(error)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in a coroutine; whoever stops waiting does not disturb the others."""
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def wait(self, timeout: float | None = None) -> T:
        """Wait in a thread.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds.
            RuntimeError: called where everybody else would be waiting, too.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._future.result(timeout)
        raise RuntimeError("a coroutine awaits it; wait() is for plain functions")

"""The user's functions that are no tools, called: coroutines here, plain functions in threads."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pinecall_run.live.threads import Threads
from pinecall_run.tools.binding import annotated
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook
from pinecall_run.tools.invoke import Failure, failure_of

T = TypeVar("T")


class UnusableError(Exception):
    """What a function gave cannot be used: ``kind`` says what that was, and quotes nothing of it."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


async def attempt(work: Awaitable[T], seconds: float, hook: Hook | None) -> T | Failure:
    """What came of some work of a function of the user's within so many seconds: its value, or why there is none.

    ``hook`` is the function, where there is one. Raises only the cancellation of the task that waits.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except BaseException as error:
        if is_ending(error):
            raise
        if limit.expired():
            return Failure(f"a time-out after {seconds:g} s", f"it took longer than {seconds:g} s")
        return failure(error, hook)


def failure(error: BaseException, hook: Hook | None) -> Failure:
    """What to tell of a function that failed, or gave what cannot be used."""
    if not isinstance(error, UnusableError):
        return failure_of(error)
    code = getattr(inspect.unwrap(annotated(hook.function)), "__code__", None) if hook is not None else None
    file, line = (code.co_filename, code.co_firstlineno) if code is not None else ("", 0)
    return Failure(error.kind, str(error), file, line)


async def call_hook(hook: Hook, values: Mapping[Given, Any], pool: Threads) -> Any:
    """Call a function that returns a value; a plain one in ``pool``. Whatever it raises is raised."""
    arguments = hook.fill(values)
    if inspect.iscoroutinefunction(annotated(hook.function)):
        return await hook.function(**arguments)
    context = contextvars.copy_context()
    work = functools.partial(context.run, _guarded, hook.function, arguments)
    is_raised, outcome = await asyncio.get_running_loop().run_in_executor(pool.of(hook.path), work)
    if is_raised:
        raise outcome
    return await outcome if inspect.isawaitable(outcome) else outcome


def _guarded(function: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[bool, Any]:
    """What a function returns or raises: no StopIteration gets out of a future."""
    try:
        return False, function(**arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        return True, error


def is_ending(error: BaseException) -> bool:
    """Whether an error is the end of the task or of the program, and not the doing of a function that was called."""
    task = asyncio.current_task()
    is_ours = task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt) or (isinstance(error, asyncio.CancelledError) and is_ours)

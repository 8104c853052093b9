"""The user's functions that are no tools, called: coroutines here, plain functions in threads."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from pinecall_run.tools.binding import annotated
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook


async def call_hook(hook: Hook, values: Mapping[Given, Any], pool: Executor) -> Any:
    """Call a function that returns a value; a plain one in ``pool``. Whatever it raises is raised."""
    arguments = hook.fill(values)
    if inspect.iscoroutinefunction(annotated(hook.function)):
        return await hook.function(**arguments)
    context = contextvars.copy_context()
    work = functools.partial(context.run, _guarded, hook.function, arguments)
    is_raised, outcome = await asyncio.get_running_loop().run_in_executor(pool, work)
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

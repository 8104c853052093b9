"""Functions of any kind are called, and what they raise comes back whatever it is."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.live._stage import hook

from pinecall_run.live.functions import call_hook, is_ending
from pinecall_run.live.threads import Threads
from pinecall_run.tools.given import Given

WHERE = contextvars.ContextVar("where", default="nowhere")


async def coroutine(call: str) -> tuple[str, int]:
    return call, threading.get_ident()


def plain(call: str) -> tuple[str, int]:
    return f"{call} {WHERE.get()}", threading.get_ident()


def returns_awaitable(call: str) -> Any:
    return coroutine(call)


class Callee:
    async def __call__(self, call: str) -> tuple[str, int]:
        return await coroutine(call)


@pytest.mark.parametrize(
    ("function", "said", "is_here"),
    [
        (coroutine, "c", True),
        (plain, "c here", False),
        (returns_awaitable, "c", True),
        (Callee(), "c", True),
        (functools.partial(coroutine), "c", True),
    ],
)
async def test_plain_functions_get_a_thread_and_the_context(
    function: Callable[..., Any], said: str, is_here: bool
) -> None:
    WHERE.set("here")
    text, thread = await call_hook(hook(function, "call"), {Given.CALL: "c", Given.EVENT: "e"}, Threads(1))
    assert (text, thread == threading.get_ident()) == (said, is_here)


def stops() -> None:
    raise StopIteration


def exits() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(("function", "error"), [(stops, StopIteration), (exits, SystemExit)])
async def test_what_no_future_may_hold_comes_out_too(function: Callable[..., Any], error: type[BaseException]) -> None:
    caught: BaseException | None = None
    try:
        await call_hook(hook(function), {}, Threads(1))
    except BaseException as raised:  # noqa: BLE001 - a coroutine makes a RuntimeError of StopIteration
        caught = raised
    assert isinstance(caught, error) or isinstance(caught.__cause__ if caught else None, error)


async def test_the_end_of_a_task_is_told_from_what_a_function_raised() -> None:
    assert is_ending(KeyboardInterrupt())
    assert not is_ending(asyncio.CancelledError())
    assert not is_ending(ValueError())

    async def cancelled() -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            return is_ending(error)
        return False

    task = asyncio.create_task(cancelled())
    await asyncio.sleep(0)
    task.cancel()
    assert await task

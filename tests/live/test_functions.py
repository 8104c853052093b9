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

from pinecall_run.live.functions import UnusableError, attempt, call_hook, failure, is_ending
from pinecall_run.live.threads import Threads
from pinecall_run.tools.given import Given
from pinecall_run.tools.invoke import Failure

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


# attempts


async def gives() -> str:
    return "a value"


async def fails() -> str:
    raise LookupError("no such order")


async def cancels_itself() -> str:
    raise asyncio.CancelledError


async def times_out() -> str:
    raise TimeoutError("the database's own")


async def hangs() -> str:
    await asyncio.Event().wait()
    return "never"


async def is_unusable() -> str:
    raise UnusableError("a result that is a set", "4111")


@pytest.mark.parametrize(
    ("work", "seconds", "kind"),
    [
        (fails, 5.0, "LookupError"),
        (cancels_itself, 5.0, "CancelledError"),
        (times_out, 5.0, "TimeoutError"),
        (hangs, 0.01, "a time-out after 0.01 s"),
        (is_unusable, 5.0, "a result that is a set"),
    ],
)
async def test_an_attempt_gives_a_value_or_why_there_is_none(
    work: Callable[..., Any], seconds: float, kind: str
) -> None:
    assert await attempt(gives(), 5.0, None) == "a value"
    outcome = await attempt(work(), seconds, hook(work))
    assert isinstance(outcome, Failure)
    assert outcome.kind == kind
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_an_attempt_ends_with_the_task_that_waits_for_it() -> None:
    task = asyncio.create_task(attempt(hangs(), 60.0, None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_what_cannot_be_used_is_where_its_function_is() -> None:
    error = UnusableError("a result that is a set")
    told = failure(error, hook(plain))
    assert (told.kind, told.file, told.line) == (error.kind, __file__, plain.__code__.co_firstlineno)
    assert (failure(error, None).file, failure(error, hook(Callee())).kind) == ("", error.kind)

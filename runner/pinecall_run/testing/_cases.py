"""What a provider is held to its promises with: the facts of a case, a stage for it, and how a promise is checked."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Generic, TypeVar
from unittest import SkipTest

from pinecall_run.providers.contracts import FailureKind, ProviderError
from pinecall_run.providers.opening import close_providers
from pinecall_run.testing.failures import Unexpected

T = TypeVar("T")
C = TypeVar("C", bound="Case[Any]")

Opened = Callable[[], AbstractAsyncContextManager[T]]
"""Makes an adapter, and all that it needs: a vendor that is played on loopback, say."""

LEAVE_SECONDS = 2.0
"""Within this what was closed, stopped or cancelled is gone."""
MOST_CHARACTERS = 400
"""Of an error, which people read on one line."""


@dataclass(frozen=True, kw_only=True)
class Case(Generic[T]):
    """The facts of one provider.

    Attributes:
        opened: makes the adapter when all is well. A call makes a new one; of one that needs no vendor see
            :func:`ready`.
        failing: the same when something is wrong, by the kind of error that must come of it.
        close: lets go of what the provider's module shares between conversations.
        secrets: what no error may repeat.
        is_idle: whether the vendor, as far as the test can see, makes nothing for us any more.
        seconds: patience with anything that is awaited.
        at_once: how many conversations there are at a time.
    """

    opened: Opened[T]
    failing: Mapping[FailureKind, Opened[T]] = field(default_factory=dict)
    close: Callable[[], Awaitable[None]] = close_providers
    secrets: Sequence[str] = ()
    is_idle: Callable[[], bool] = lambda: True
    seconds: float = 10.0
    at_once: int = 5


def ready(make: Callable[[], T]) -> Opened[T]:
    """For :attr:`Case.opened`: an adapter that is made by a call, and needs nothing else."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[T]:
        yield make()

    return opened


def promise(checking: Callable[[C], Awaitable[None]]) -> Callable[[C], None]:
    """A check as a plain function: on an event loop of its own, which must hear of no failure that nobody took."""

    @wraps(checking)
    def check(case: C) -> None:
        asyncio.run(_checked(checking, case))

    return check


async def _checked(checking: Callable[[C], Awaitable[None]], case: C) -> None:
    troubles: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: troubles.append(f"{context['message']}: {context.get('exception')!r}")
    )
    await checking(case)
    gc.collect()  # what a task failed with is told when it is forgotten
    if troubles:
        raise Unexpected(f"a failure that nobody took: {'; '.join(troubles)}")


def needs(fact: Any, name: str) -> None:
    """Leave a promise out that the case has no facts for."""
    if not fact:
        raise SkipTest(f"the case has no `{name}`")


@asynccontextmanager
async def at_work(case: Case[T], opened: Opened[T] | None = None) -> AsyncIterator[T]:
    """The adapter for a block, after which no task of it is left and its vendor is idle."""
    async with (opened or case.opened)() as one:
        before = asyncio.all_tasks()
        try:
            yield one
        finally:
            await within(case.seconds, case.close(), "closing what the module shares")
        await eventually(lambda: not _left(before), lambda: f"tasks are left: {_left(before)}")
        await eventually(case.is_idle, lambda: "the vendor is still at work for what nobody waits for")


def _left(before: set[asyncio.Task[Any]]) -> list[str]:
    return sorted(repr(task.get_coro()) for task in asyncio.all_tasks() - before)


async def eventually(is_so: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Wait for what nobody tells."""
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            while not is_so():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise Unexpected(otherwise()) from None


async def within(seconds: float, waited: Awaitable[T], what: str) -> T:
    """What is awaited, unless it takes longer."""
    try:
        async with asyncio.timeout(seconds) as patience:
            return await waited
    except TimeoutError:
        if not patience.expired():
            raise
        raise Unexpected(f"{what} took more than {seconds:g} s") from None


async def gone(task: asyncio.Task[Any], what: str) -> None:
    """A task that was cancelled must end of it."""
    await asyncio.wait([task], timeout=LEAVE_SECONDS)
    if not task.done():
        raise Unexpected(f"{what} does not end when it is cancelled")
    if not task.cancelled() and task.exception() is not None:
        raise Unexpected(f"{what} fails when it is cancelled: {task.exception()!r}")


async def all_fail_as_they_should(case: Case[T], use: Callable[[T], Awaitable[None]]) -> None:
    """Use each adapter of ``failing``, and look at its error."""
    needs(case.failing, "failing")
    for kind, opened in case.failing.items():
        error = await _failure(case, opened, use)
        if error is None:
            raise Unexpected(f"nothing failed, where an error of the kind {kind} was to come")
        _judge(error, kind, case.secrets)


async def _failure(case: Case[T], opened: Opened[T], use: Callable[[T], Awaitable[None]]) -> Exception | None:
    try:
        async with at_work(case, opened) as one:
            try:
                await within(case.seconds, use(one), "failing")
            except Unexpected:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
                return error
    except ProviderError as error:  # of making it
        return error
    return None


def _judge(error: Exception, kind: FailureKind, secrets: Sequence[str]) -> None:
    if not isinstance(error, ProviderError):
        raise Unexpected(f"{error!r} came, where a ProviderError of the kind {kind} was to come") from error
    if error.kind != kind:
        raise Unexpected(f"the error is of the kind {error.kind}, not {kind}: {error}") from error
    said = f"{error}{error.hint}"
    if not str(error).strip() or "\n" in said or len(str(error)) > MOST_CHARACTERS:
        raise Unexpected(f"what an error says is one line of at most {MOST_CHARACTERS} characters: {error!r}")
    if any(secret in said for secret in secrets):
        raise Unexpected(f"the error of the kind {kind} repeats a secret")

"""Cases of vendors that an emulator plays: one line each.

    "acme": emulated(acme_server, lambda environ: open_stt(SpeechSpec("acme"), environ), TROUBLES)

An emulator has ``environ``, ``trouble`` and ``problems`` (tests/emulators/trouble.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypedDict, TypeVar

from tests.emulators.trouble import Trouble

from pinecall_run.providers.contracts import FailureKind

T = TypeVar("T")
Opened = Callable[[], AbstractAsyncContextManager[T]]
Make = Callable[[Mapping[str, str]], T]

TROUBLES: Mapping[FailureKind, Trouble] = {
    "key": Trouble("refuse", status=401),
    "credit": Trouble("refuse", status=402),
    "request": Trouble("refuse", status=400),
    "rate_limit": Trouble("refuse", status=429, headers={"Retry-After": "2"}),
    "unavailable": Trouble("refuse", status=503),
    "garbage": Trouble("garbage"),
    "network": Trouble("drop"),
}
"""What every vendor over a socket can do, and which kind of error it is."""


class Emulated(TypedDict):
    """What an emulator gives to a case: the rest of it are facts."""

    opened: Opened[Any]
    failing: Mapping[FailureKind, Opened[Any]]
    secrets: tuple[str, ...]


def emulated(
    serving: Callable[[], AbstractAsyncContextManager[Any]],
    make: Make[Any],
    troubles: Mapping[FailureKind, Trouble],
    *,
    secret: str = "",
) -> Emulated:
    """The adapter that ``make`` makes against a server, well and in each trouble."""

    def opened(trouble: Trouble | None) -> Opened[Any]:
        @asynccontextmanager
        async def at_work() -> AsyncIterator[Any]:
            async with serving() as server:
                server.trouble = trouble
                yield make(server.environ)
                if trouble is not None:
                    server.problems.clear()

        return at_work

    failing = {kind: opened(trouble) for kind, trouble in troubles.items()}
    return {"opened": opened(None), "failing": failing, "secrets": (secret,) if secret else ()}

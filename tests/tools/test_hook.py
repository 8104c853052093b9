"""A function's parameters are filled by what they are, and one that nothing fills is refused with its name."""

from __future__ import annotations

from typing import Any

import pytest
from tests.tools._modules import Write

from pinecall_run.tools.binding import BindError
from pinecall_run.tools.given import Given, Kind
from pinecall_run.tools.hook import bind_hook, bind_lifespan
from pinecall_run.tools.path import ToolPath

HEAD = """\
from __future__ import annotations
from collections.abc import AsyncIterator, AsyncGenerator
from contextlib import asynccontextmanager, AbstractAsyncContextManager
from typing import Annotated, Any, Optional
from pinecall_run import Call
from pinecall_run.wire.events import CallEnded

class Pool: ...

"""


def path(name: str) -> ToolPath:
    return ToolPath("user_tools", name)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("def it(): ...", {}),
        ("async def it(call: Call, event): ...", {"call": Given.CALL, "event": Given.EVENT}),
        ("def it(call): ...", {"call": Given.CALL}),
        ("def it(c: Optional[Call], e: CallEnded): ...", {"c": Given.CALL, "e": Given.EVENT}),
        ("def it(*, db: Pool, mode: str = 'x', **rest): ...", {"db": Given.STATE}),
        ("def it(db: Annotated[Pool, 'the pool']): ...", {"db": Given.STATE}),
        ("class It:\n    def __call__(self, call: Call): ...\nit = It()", {"call": Given.CALL}),
    ],
)
def test_parameters_are_filled_by_what_they_are(write: Write, text: str, given: dict[str, Given]) -> None:
    write(user_tools=HEAD + text)
    import user_tools  # type: ignore[import-not-found]

    hook = bind_hook(path("it"), Kind.HOOK, user_tools.Pool)
    assert (hook.given, hook.path) == (given, "user_tools.it")
    values = {Given.CALL: 1, Given.EVENT: 2, Given.STATE: 3}
    assert hook.fill(values) == {name: values[what] for name, what in given.items()}


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("def it(name): ...", Kind.HOOK, "takes `name`, and nothing fills it"),
        ("def it(db: Pool): ...", Kind.HOOK, "takes `db`, and nothing fills it"),
        ("def it(event): ...", Kind.CONTEXT, "takes `event`, and nothing fills it"),
        ("def it(call, /): ...", Kind.HOOK, "takes `call` by place"),
        ("def it():\n    yield 1", Kind.HOOK, "is a generator"),
        ("async def it():\n    yield 1", Kind.CONTEXT, "is a generator"),
        ("it = 7", Kind.HOOK, "is a int, not a function"),
        ("def it(x: Missing): ...", Kind.HOOK, "the signature of `user_tools.it` cannot be read"),
    ],
)
def test_what_cannot_be_called_is_refused(write: Write, text: str, kind: Kind, says: str) -> None:
    write(user_tools=HEAD + text)
    with pytest.raises(BindError, match=says):
        bind_hook(path("it"), kind, None)


def test_a_model_may_be_a_generator(write: Write) -> None:
    write(user_tools=HEAD + "async def it(call: Call):\n    yield ''")
    assert bind_hook(path("it"), Kind.MODEL, None).given == {"call": Given.CALL}


@pytest.mark.parametrize(
    ("text", "yields"),
    [
        ("@asynccontextmanager\nasync def it() -> AsyncIterator[Pool]:\n    yield Pool()", "Pool"),
        ("@asynccontextmanager\nasync def it(size: int = 3) -> AsyncGenerator[Pool, None]:\n    yield Pool()", "Pool"),
        ("def it() -> AbstractAsyncContextManager[Pool]: ...", "Pool"),
        ("class it:\n    async def __aenter__(self) -> Pool: ...\n    async def __aexit__(self, *e): ...", "Pool"),
        ("@asynccontextmanager\nasync def it():\n    yield Pool()", None),
        ("@asynccontextmanager\nasync def it() -> AsyncIterator[None]:\n    yield", None),
        ("@asynccontextmanager\nasync def it() -> AsyncIterator[Any]:\n    yield 1", None),
        ("@asynccontextmanager\nasync def it() -> AsyncIterator[Missing]:\n    yield 1", None),
    ],
)
def test_what_a_lifespan_yields_is_read_from_its_annotation(write: Write, text: str, yields: Any) -> None:
    write(user_tools=HEAD + text)
    found = bind_lifespan(path("it")).yields
    assert (found.__name__ if found else None) == yields


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("async def it():\n    yield 1", "is an async generator, not an async context manager"),
        ("async def it(): ...", "does not make an async context manager"),
        ("@asynccontextmanager\nasync def it(app):\n    yield", "takes `app`, and a lifespan is given nothing"),
        ("it = []", "is a list, not a function"),
        ("class it: ...", "is a class without __aenter__"),
        ("@asynccontextmanager\nasync def it(): ...", "yields nothing"),
        ("import contextlib\n@contextlib.contextmanager\ndef it():\n    yield 1", "is not async"),
    ],
)
def test_what_is_no_lifespan_is_refused(write: Write, text: str, says: str) -> None:
    write(user_tools=HEAD + text)
    with pytest.raises(BindError, match=says):
        bind_lifespan(path("it"))

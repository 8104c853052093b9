"""A tool call ends in an answer, whatever the model sent and whatever the function does."""

import asyncio
import contextvars
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from tests.tools._driver import some_call
from tests.tools._modules import Write, bound

from pinecall_run.tools.invoke import Answer, invoke, unknown_tool

CALL = some_call()
HEAD = """\
from __future__ import annotations
import asyncio, contextvars, datetime, decimal, enum, functools, json, pathlib, sqlite3, threading, uuid
from dataclasses import dataclass
from pydantic import BaseModel, Field, field_serializer, field_validator
from pinecall_run import Call

USER = contextvars.ContextVar("user", default="nobody")

class Line(BaseModel):
    sku: str = Field(serialization_alias="SKU")

class Strict(BaseModel):
    a: int
    @field_validator("a")
    @classmethod
    def check(cls, value):
        if value == 7:
            raise KeyError("seven")
        if value == 8:
            raise ValueError("not eight")
        return value

class Broken(BaseModel):
    a: int = 1
    @field_serializer("a")
    def write(self, value):
        raise RuntimeError("no")

@dataclass
class Point:
    x: float
    when: datetime.date

class Size(enum.Enum):
    SMALL = "small"

def plain(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

def blocking(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return asyncio.run(function(*args, **kwargs))
    return wrapper

"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def answer(write: Write, pool: Executor, text: str, arguments: str = "{}") -> Answer:
    binding = bound(write, HEAD + text)
    return await asyncio.wait_for(invoke(binding, arguments, CALL, pool), 5)


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("def tool(): return 1", "", 1),
        ("def tool(a: int, b: str = 'x'): return [a, b]", '{"a": 1}', [1, "x"]),
        ("def tool(*, a: int): return a", '{"a": "1"}', 1),
        ("async def tool(a: int): return a", '{"a": 1}', 1),
        ("@plain\nasync def tool(a: int): return a", '{"a": 1}', 1),
        ("@blocking\nasync def tool(a: int): return a", '{"a": 1}', 1),
        ("async def work(a): return a\ndef tool(a: int): return work(a)", '{"a": 1}', 1),
        ("tool = functools.partial(lambda a, b: a - b, b=1)", '{"a": 3}', 2),
        ("def tool(call: Call): return [call.id, call.agent]", "{}", ["call_1", "desk"]),
        ("async def tool(a: int, *, it: Call | None = None): return it.channel", '{"a": 1}', "chat"),
        ("def tool(a: Strict): return type(a).__name__", '{"a": {"a": 1}}', "Strict"),
        ("def tool(a: datetime.date): return a.year", '{"a": "2026-01-02"}', 2026),
        ("def tool(copy: str, json: str, model_config: str): return copy + json + model_config",
         '{"copy": "a", "json": "b", "model_config": "c"}', "abc"),
        ("def tool(a: list = []):\n    a.append(1)\n    return a", "{}", [1]),
    ],
)  # fmt: skip
async def test_calls(write: Write, pool: Executor, text: str, arguments: str, expected: Any) -> None:
    found = await answer(write, pool, text, arguments)
    assert (found.result, found.failure) == (expected, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("None", None),
        ("{'a': (1, 2), 'b': {3}}", {"a": [1, 2], "b": [3]}),
        ("{1: 'a', None: 'b', (1, 2): 'c'}", {"1": "a", "None": "b", "1,2": "c"}),
        ("datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)", "2026-01-02T00:00:00Z"),
        ("datetime.timedelta(minutes=3)", "PT3M"),
        ("decimal.Decimal('1.10')", "1.10"),
        ("Point(0.5, datetime.date(2026, 1, 2))", {"x": 0.5, "when": "2026-01-02"}),
        ("[Line(sku='x')]", [{"SKU": "x"}]),
        ("Size.SMALL", "small"),
        ("pathlib.Path('a/b')", "a/b"),
        ("uuid.UUID(int=1)", "00000000-0000-0000-0000-000000000001"),
        ("[float('nan'), float('inf'), -float('inf')]", [None, None, None]),
        ("10 ** 30", 10**30),
        ("(number for number in range(2))", [0, 1]),
        ("sqlite3.connect(':memory:').execute('SELECT 1 UNION SELECT 2')", [[1], [2]]),
        ("(row[0] for row in sqlite3.connect(':memory:').execute('SELECT 1 UNION SELECT 2'))", [1, 2]),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_results(write: Write, pool: Executor, kind: str, value: str, expected: Any) -> None:
    found = await answer(write, pool, f"{kind} tool(): return {value}")
    assert (found.result, found.failure) == (expected, None)


@pytest.mark.parametrize(
    "value",
    ["object()", "lambda: 1", "Broken()", "a", "deep", "ValueError('x')", "(1 / 0 for _ in [1])"],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_result_that_is_not_json_is_an_error(write: Write, pool: Executor, kind: str, value: str) -> None:
    text = "a = []\na.append(a)\ndeep = []\nfor _ in range(10_000): deep = [deep]\n"
    found = await answer(write, pool, f"{text}{kind} tool(): return {value}")
    assert found.failure is not None
    assert found.failure.kind == "result is not JSON"
    assert found.result == {"error": found.failure.message}
    assert "which is not JSON" in found.failure.message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{", "the arguments are not JSON"),
        ("nonsense", "the arguments are not JSON"),
        ("[" * 100_000, "the arguments are not JSON"),
        (f'{{"a": {"9" * 10_000}}}', "the arguments are not JSON"),
        ("[1]", "the arguments are not a JSON object"),
        ("null", "the arguments are not a JSON object"),
        ('"text"', "the arguments are not a JSON object"),
        ("{}", "a: field required"),
        ('{"a": "x"}', "a: input should be a valid integer"),
        ('{"a": null}', "a: input should be a valid integer"),
        ('{"a": 1, "b": 2}', "b: extra inputs are not permitted"),
        ('{"a": 1, "call": {}}', "call: extra inputs are not permitted"),
        ('{"a": 1, "s": {"a": 8}}', "s.a: value error, not eight"),
        ('{"a": 1, "s": {}}', "s.a: field required"),
        ('{"a": "x", "c": 1}', "a: input should be a valid integer, unable to parse string as an integer; c: extra"),
    ],
)
async def test_arguments_that_do_not_fit_do_not_reach_the_function(
    write: Write, pool: Executor, arguments: str, words: str
) -> None:
    text = "def tool(a: int, call: Call, s: Strict | None = None): raise AssertionError('it was called')"
    found = await answer(write, pool, text, arguments)
    assert found.failure is not None
    assert found.failure.kind == "bad arguments"
    assert found.result == {"error": found.failure.message}
    assert words in found.failure.message


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("raise ValueError('no such order')", "ValueError", "no such order"),
        ("raise ValueError", "ValueError", "ValueError"),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("raise asyncio.CancelledError", "CancelledError", "CancelledError"),
        ("raise StopIteration", "StopIteration", "StopIteration"),
        ("raise StopAsyncIteration", "StopAsyncIteration", "StopAsyncIteration"),
        ("raise GeneratorExit", "GeneratorExit", "GeneratorExit"),
        ("raise BaseExceptionGroup('two', [ValueError(1)])", "ExceptionGroup", "two (1 sub-exception)"),
        ("json.loads('x')", "JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    ],
)
@pytest.mark.parametrize("kind_of_function", ["def", "async def"])
async def test_whatever_it_raises_is_an_error_with_the_users_line(
    write: Write, pool: Executor, kind_of_function: str, body: str, kind: str, message: str
) -> None:
    found = await answer(write, pool, f"{kind_of_function} tool():\n    {body}")
    assert found.failure is not None
    if (kind_of_function, kind) == ("async def", "StopIteration"):
        assert found.failure.kind == "RuntimeError"  # Python's own doing
        return
    assert (found.failure.kind, found.failure.message) == (kind, message)
    assert found.result == {"error": message}
    assert found.failure.file.endswith("user_tools.py")
    assert found.failure.line == HEAD.count("\n") + 2


async def test_a_validator_that_fails_is_an_error_like_any_other(write: Write, pool: Executor) -> None:
    found = await answer(write, pool, "def tool(s: Strict): ...", '{"s": {"a": 7}}')
    assert found.failure is not None
    assert (found.failure.kind, found.failure.message) == ("KeyError", "'seven'")
    assert found.failure.file.endswith("user_tools.py")


async def test_something_the_tool_waited_for_may_be_cancelled(write: Write, pool: Executor) -> None:
    waits = "task = asyncio.ensure_future(asyncio.Event().wait())"
    text = f"async def tool():\n    {waits}\n    task.cancel()\n    await task"
    found = await answer(write, pool, text)
    assert found.failure is not None
    assert found.failure.kind == "CancelledError"


async def test_a_call_that_we_cancel_is_cancelled(write: Write, pool: Executor) -> None:
    began = asyncio.Event()
    call = some_call(began.set)
    binding = bound(write, f"{HEAD}async def tool(call: Call):\n    call.say('')\n    await asyncio.Event().wait()")
    task = asyncio.ensure_future(invoke(binding, "{}", call, pool))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_users_interruption_is_not_held_up(write: Write) -> None:
    class Interrupted(Executor):
        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise KeyboardInterrupt

    binding = bound(write, "def tool(): ...")
    with pytest.raises(KeyboardInterrupt):
        await invoke(binding, "{}", CALL, Interrupted())


async def test_a_pool_that_is_closed_is_an_error(write: Write) -> None:
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    found = await invoke(bound(write, "def tool(): ..."), "{}", CALL, closed)
    assert found.failure is not None
    assert found.failure.kind == "RuntimeError"


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_context_variables_of_the_caller_are_seen_and_those_of_a_thread_do_not_leak(
    write: Write, pool: Executor, kind: str
) -> None:
    binding = bound(write, f"{HEAD}{kind} tool(a: str):\n    found = USER.get()\n    USER.set(a)\n    return found")
    user: contextvars.ContextVar[str] = binding.function.__globals__["USER"]
    user.set("Ann")
    assert await invoke(binding, '{"a": "Bob"}', CALL, pool) == Answer(b'"Ann"')
    assert user.get() == ("Ann" if kind == "def" else "Bob")


@pytest.mark.parametrize(("kind", "on_the_loop"), [("def", False), ("async def", True)])
async def test_a_plain_function_does_not_block_the_loop(
    write: Write, pool: Executor, kind: str, on_the_loop: bool
) -> None:
    text = f"{kind} tool(): return threading.current_thread() is threading.main_thread()"
    assert (await answer(write, pool, text)).result == on_the_loop


def test_a_tool_that_is_not_there() -> None:
    found = unknown_tool("gone")
    assert found.result == {"error": "Unknown tool: gone"}
    assert found.failure is not None

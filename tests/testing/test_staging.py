"""Tools replaced for a test: by values, exceptions and functions, checked by the real ones' signatures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pinecall_run import Call
from pinecall_run.testing.clock import virtual_time
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.stage import talking_to

MODEL = [{"when": r"look at (?P<what>\S+)", "call": {"look": {"what": "{{ what }}"}}, "reply": "{{ look }}"}]


async def _slowly(what: str) -> str:
    await asyncio.sleep(7)
    return what.upper()


def _knows_the_call(what: str, call: Call) -> str:
    return f"{what} in {call.channel}"


@virtual_time
async def test_a_tool_is_replaced_by_whatever_stands_in_for_it(desk: Path) -> None:
    table: list[tuple[Any, Any]] = [
        ({"found": True}, {"found": True}),
        (None, None),
        (KeyError("gone"), {"error": "'gone'"}),
        (TimeoutError, {"error": "TimeoutError"}),
        (lambda what: what * 2, "xx"),
        (_slowly, "X"),
        (_knows_the_call, "x in chat"),
    ]
    for fake, result in table:
        async with talking_to(desk, model=MODEL, tools={"look": fake}) as chat:
            assert (await chat.say("look at x")).results == [result], fake


STATEFUL = """
from contextlib import asynccontextmanager

class Database:
    name = "orders"

@asynccontextmanager
async def opened():
    yield Database()

def look(what: str, database: Database) -> str:
    "Look at something."
    return f"{what} in {database.name}"
"""


def _knows_the_state(what: str, database: Any) -> str:
    return f"{what} with {database.name}"


@virtual_time
async def test_a_tool_with_state_is_replaced_by_what_may_do_without(desk: Path) -> None:
    kittools, config = desk / "kittools.py", desk / "pinecall.yaml"
    typed = STATEFUL.replace("def opened():", "def opened() -> AsyncIterator[Database]:")
    kittools.write_text(f"{kittools.read_text()}\nfrom collections.abc import AsyncIterator\n{typed}")
    config.write_text(f"{config.read_text()}lifespan: kittools.opened\n")
    table: list[tuple[Any, Any]] = [
        ("value", "value"),
        (lambda what: what * 2, "xx"),
        (_knows_the_state, "x with orders"),
    ]
    for fake, result in table:
        async with talking_to(desk, model=MODEL, tools={"look": fake}) as chat:
            assert (await chat.say("look at x")).results == [result], fake


@virtual_time
async def test_the_model_still_has_to_call_it_rightly(desk: Path) -> None:
    wrong = [{"call": {"look": {"wat": "x"}}, "reply": "{{ look }}"}]
    async with talking_to(desk, model=wrong, tools={"look": 1}) as chat:
        assert "what: field required" in (await chat.say("go")).results[0]["error"].lower()


@virtual_time
async def test_a_tool_that_no_agent_has_is_told(desk: Path) -> None:
    with pytest.raises(Unexpected, match=r"no agent has a tool lok to replace; did you mean look\?"):
        async with talking_to(desk, model=MODEL, tools={"lok": 1}):
            pass

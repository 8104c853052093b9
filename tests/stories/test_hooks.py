"""A project with hooks, a context, a lifespan and a model of its own, as its owner runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.emulators.openai_server import Answer, calls, openai_server, says
from tests.stories._stage import chatting, running

CONFIG = """\
version: 1
lifespan: shop.lifespan
agents:
  desk:
    prompt: {text: "You talk to {{ customer }} by {{ call.channel or 'letter' }}.", vars: {customer: somebody}}
    model: gpt-4.1-mini
    channels: [chat]
    tools: {lookup: shop.lookup}
    context: {function: shop.who, timeout_seconds: 1}
    on: {call.started: shop.greet, user.message: shop.fail, call.ended: shop.ended}
  parrot:
    prompt: Repeat.
    channels: [chat]
    model: {function: shop.repeat}
"""
SHOP = """\
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pinecall_run import Call


class Log:
    def __init__(self) -> None:
        self.file = Path("log.txt").open("w", buffering=1)


@asynccontextmanager
async def lifespan() -> AsyncIterator[Log]:
    log = Log()
    yield log
    print("closed", file=log.file)


async def who(call: Call, log: Log) -> dict[str, str]:
    if Path("slow").exists():
        await asyncio.sleep(5)
    return {"customer": "Ann"}


async def greet(call: Call) -> None:
    said = await call.say("Hello.")
    print("said", said.outcome, flush=True)


def fail(event) -> None:
    raise LookupError("no such customer")


def ended(call: Call, event, log: Log) -> None:
    print("ended", event.reason, len(call.transcript), file=log.file)


def lookup(order: str, log: Log) -> str:
    \"\"\"Look an order up.

    Args:
        order: Its number.
    \"\"\"
    print("looked up", order, file=log.file)
    return "shipped"


async def repeat(call: Call) -> AsyncIterator[str]:
    for word in call.transcript[-1].text.split():
        yield word + " "
"""


def _model(body: dict[str, Any]) -> Answer:
    """A model that looks 7 up, and else tells its instructions."""
    last = body["messages"][-1]
    return calls(("lookup", {"order": "7"})) if last["content"] == "7" else says(body["messages"][0]["content"])


async def test_functions_of_the_project_know_the_call_and_live_with_the_process(tmp_path: Path) -> None:
    (tmp_path / "pinecall.yaml").write_text(CONFIG)
    (tmp_path / "shop.py").write_text(SHOP)
    async with openai_server(_model) as server:
        environment = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": server.key}
        async with running(tmp_path, **environment) as program:
            async with chatting(program.url, "desk") as chat:
                assert (await chat.hear()).text == "Hello."
                await program.until("said finished")
                assert (await chat.ask("Who am I?")).text == "You talk to Ann by chat."
                await program.until(r"on user.message shop.fail failed with LookupError at shop.py:\d+$")
                assert (await chat.ask("7")).tools == ["lookup"]
            (tmp_path / "slow").touch()
            async with chatting(program.url, "desk") as chat:
                await chat.hear()
                assert (await chat.ask("Who am I?")).text == "You talk to somebody by letter."
                await program.until(r"context shop.who failed with a time-out after 1 s$")
            async with chatting(program.url, "parrot") as chat:
                assert (await chat.ask("one two")).text == "one two "
                assert (await chat.ask("three")).text == "three "
            await program.until("parrot chat-.* ended")
            assert await program.interrupt() == 0
        assert {tool["function"]["name"]: list(tool["function"]["parameters"]["properties"]) for tool in
                server.requests[0]["tools"]} == {"lookup": ["order"]}  # fmt: skip
    log = (tmp_path / "log.txt").read_text().splitlines()
    assert log[0] == "looked up 7"
    assert log[1:-1] == ["ended chat_completed 5", "ended chat_completed 3"]
    assert log[-1] == "closed"
    assert not any("no such customer" in line for line in program.lines)


async def test_a_lifespan_that_fails_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pinecall.yaml").write_text(CONFIG)
    (tmp_path / "shop.py").write_text(SHOP.replace("log = Log()", "raise OSError('no database')"))
    async with openai_server(_model) as server:
        environment = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": server.key}
        with pytest.raises(AssertionError, match=r"failed with OSError at shop\.py:16: no database\n?$") as ended:
            async with running(tmp_path, **environment):
                pass
        assert "pinecall-run: the lifespan shop.lifespan failed with OSError" in str(ended.value)
        assert "Traceback" not in str(ended.value)

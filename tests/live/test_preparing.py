"""A call's own prompt is with the server before its first turn, or the prompt of every call stays and it is said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.live._stage import Stage, hook

from pinecall_run.live.preparing import Preparer
from pinecall_run.tools.call import Call
from pinecall_run.tools.hook import Hook
from pinecall_run.wire.commands import HistorySetInstructions, LlmReady
from pinecall_run.wire.events import HistoryUpdated, LlmBefore

PROMPT = "You talk to {{ name }}{% if call.from_ %} on {{ call.from_ }}{% endif %}."


class World(Stage):
    """A stage with a preparer and a server that takes prompts."""

    def __init__(self, context: Hook | None, prompt: str = PROMPT, seconds: float = 1.5) -> None:
        super().__init__(context=context, prompt=prompt, seconds=seconds, variables={"name": "a guest"}, from_="+1555")
        self.preparer = Preparer(self.send, self.pool, self.notify)

    def before(self, turn: int = 1) -> None:
        self.preparer.before(self.live, self.event(LlmBefore, turn=turn))

    async def ready(self, turn: int = 1) -> list[str]:
        """What was sent until the server was told to go on."""
        await self.until(lambda: [c for c in self.all(LlmReady) if c.turn == turn])
        return [c.prompt if isinstance(c, HistorySetInstructions) else "ready" for c in self.sent]

    def answer(self, **fields: Any) -> None:
        for command in self.all(HistorySetInstructions):
            self.event(HistoryUpdated, request_id=command.request_id, **fields)


def who(name: str) -> Hook:
    def context(call: Call) -> dict[str, Any]:
        return {"name": name, "tier": call.channel}

    return hook(context, "call")


async def test_the_model_waits_for_the_prompt_of_its_call() -> None:
    gate = asyncio.Event()

    async def context(call: Call) -> dict[str, str]:
        await gate.wait()
        return {"name": "Ann"}

    world = World(hook(context, "call"))
    assert world.live.call.prompt == "You talk to a guest."
    world.preparer.begin(world.live)
    world.before()
    await asyncio.sleep(0.01)
    assert world.sent == []
    gate.set()
    assert await world.ready() == ["You talk to Ann on +1555.", "ready"]
    world.before(2)
    assert await world.ready(2) == ["You talk to Ann on +1555.", "ready", "ready"]


async def test_what_the_context_told_is_known_to_the_call() -> None:
    world = World(who("Ann"))
    world.preparer.begin(world.live)
    world.before()
    await world.ready()
    assert world.live.call.vars == {"name": "Ann", "tier": "phone"}
    assert world.live.call.prompt == "You talk to Ann on +1555."


async def test_a_prompt_may_know_of_the_call_without_a_context() -> None:
    world = World(None)
    world.preparer.begin(world.live)
    world.before()
    assert await world.ready() == ["You talk to a guest on +1555.", "ready"]


def fails() -> None:
    raise LookupError("no such caller")


@pytest.mark.parametrize(
    ("function", "prompt", "failure"),
    [
        (asyncio.Event().wait, PROMPT, "a time-out after 0.01 s"),
        (fails, PROMPT, "LookupError"),
        (lambda: 7, PROMPT, "a result that is an int, not a mapping of variables"),
        (lambda: {"name": "Ann"}, "{{ name }} {{ call.metadata.tier | default('') }}{{ 1 // (0 if call.to == '' else 1)"
         " if call.from_ else '' }}", "a prompt that cannot be rendered"),
    ],
)  # fmt: skip
async def test_when_it_cannot_be_had_the_prompt_stays_as_it_is(function: Any, prompt: str, failure: str) -> None:
    world = World(hook(function), prompt, 0.01 if failure.startswith("a time-out") else 1.5)
    static = world.live.call.prompt
    world.preparer.begin(world.live)
    world.before()
    assert await world.ready() == ["ready"]
    assert (world.live.call.prompt, world.failures()) == (static, [("context", failure)])


async def test_a_context_without_news_sends_nothing() -> None:
    world = World(hook(lambda: None), prompt="You talk to {{ name }}.")
    world.preparer.begin(world.live)
    world.before()
    assert await world.ready() == ["ready"]


async def test_a_prompt_that_was_lost_with_the_connection_is_made_again_when_the_call_is_told_again() -> None:
    world = World(who("Ann"))
    world.preparer.begin(world.live)
    world.before()
    await world.ready()
    world.live.driver.cut("connection_lost")
    await world.until(lambda: world.notices)
    world.preparer.begin(world.live)
    await world.until(lambda: len(world.all(HistorySetInstructions)) == 2)
    world.answer(count=1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.live.is_prepared
    world.preparer.begin(world.live)
    await asyncio.sleep(0.01)
    assert len(world.all(HistorySetInstructions)) == 2


async def test_a_context_that_failed_is_not_asked_again_and_what_a_tool_set_stays() -> None:
    world = World(hook(fails))
    world.preparer.begin(world.live)
    world.before()
    await world.ready()
    world.live.call.set_prompt("Mine.")
    world.preparer.begin(world.live)
    await asyncio.sleep(0.01)
    assert (len(world.failures()), world.live.call.prompt) == (1, "Mine.")


async def test_a_call_that_is_over_is_told_nothing_and_its_lifespan_waits() -> None:
    gate = asyncio.Event()

    async def context() -> dict[str, str]:
        await gate.wait()
        return {"name": "Ann"}

    world = World(hook(context))
    world.preparer.begin(world.live)
    await asyncio.sleep(0)
    world.calls.end("1", "hangup")
    leaving = asyncio.create_task(world.live.state.leave(when_idle=True))
    await asyncio.sleep(0)
    assert not leaving.done()
    gate.set()
    await leaving
    assert world.sent == []


async def test_a_variable_of_ones_own_named_call_stays_what_it_is() -> None:
    stage = Stage(
        context=hook(lambda: {"name": "Ann"}), prompt="{{ name }} {{ call }}", variables={"name": "", "call": "x"}
    )
    assert stage.live.agent.template is not None
    assert not stage.live.agent.template.is_of_call
    preparer = Preparer(stage.send, stage.pool, stage.notify)
    preparer.begin(stage.live)
    preparer.before(stage.live, stage.event(LlmBefore, turn=1))
    await stage.until(lambda: stage.all(LlmReady))
    assert stage.live.call.prompt == "Ann x"


async def test_a_server_that_does_not_take_the_prompt_is_told_of() -> None:
    world = World(who("Ann"))
    world.preparer.begin(world.live)
    world.before()
    await world.ready()
    world.answer(error="no server llm")
    await world.until(lambda: world.notices)
    assert "no server llm" in str(world.notices[0])
    await world.preparer.close()


async def test_closing_waits_for_nothing() -> None:
    world = World(hook(asyncio.Event().wait))
    world.preparer.begin(world.live)
    await asyncio.sleep(0)
    await world.preparer.close()
    assert (world.notices, world.sent) == ([], [])

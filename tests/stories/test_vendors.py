"""Every ear with every voice and every model, one conversation with a tool call each; and each vendor dying in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import pytest
from tests.stories._vendors import (
    ANSWER,
    EARS,
    MODELS,
    QUESTION,
    VOICES,
    Caller,
    Runner,
    Vendors,
    register,
    vendors,
)
from tests.voice._door import client, server
from tests.voice._speech import needs_flite

AT_ONCE = 12
"""Conversations; a core carries more."""


@asynccontextmanager
async def talking(agents: dict[str, dict[str, Any]]) -> AsyncIterator[tuple[str, Vendors, Runner]]:
    """The server with these agents, and every vendor."""
    async with vendors() as made, server(environ=made.environ) as address, client(address) as socket:
        for agent, stages in agents.items():
            await register(socket, agent, **stages)
        runner = Runner(socket)
        task = asyncio.create_task(runner.run())
        try:
            yield address, made, runner
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@needs_flite
async def test_every_ear_with_every_voice_and_every_model() -> None:
    agents = {
        "-".join(names): {"stt": EARS[names[0]], "voice": VOICES[names[1]], "llm": MODELS[names[2]]}
        for names in product(EARS, VOICES, MODELS)
    }
    wrong: dict[str, str] = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def converse(agent: str) -> None:
        async with room:
            try:
                async with Caller(address, agent).calling() as caller:
                    await caller.until("call.started")
                    caller.ask()
                    await caller.until("bot.finished")
                    assert caller.heard_seconds > 0.2 * len(ANSWER.split())
                ended = await runner.until(agent, "call.ended")
                said = [(message["role"], message.get("content")) for message in ended["messages"]]
                assert said[0] == ("user", QUESTION), said
                assert said[-1] == ("assistant", ANSWER), said
                assert not runner.named(agent, "provider.failed")
                assert {line["stage"] for line in ended["metrics"]["usage"]} == {"stt", "tts", "llm"}
            except (AssertionError, TimeoutError, ExceptionGroup) as error:
                wrong[agent] = repr(error)

    async with talking(agents) as (address, _, runner):
        await asyncio.gather(*map(converse, agents))
    assert wrong == {}


@needs_flite
@pytest.mark.parametrize("dies", [*EARS, *VOICES, *MODELS])
async def test_a_vendor_that_dies_in_a_call_ends_no_call(dies: str) -> None:
    """The first answer comes from those named first; then one of them is no more."""
    first = lambda table: [table[name] for name in sorted(table, key=lambda name: name != dies)]  # noqa: E731
    stages = {"stt": first(EARS), "voice": first(VOICES), "llm": first(MODELS)}
    async with talking({"desk": stages}) as (address, made, runner):
        async with Caller(address, "desk").calling() as caller:
            await caller.until("call.started")
            caller.ask()
            await caller.until("bot.speaking")
            if dies in VOICES:
                made.servers[dies].kill()
            await caller.until("bot.finished")
            made.servers[dies].kill()
            caller.ask()
            await caller.until("bot.finished", 2)
        ended = await runner.until("desk", "call.ended")
        said = [m["content"] for m in ended["messages"] if m["role"] in ("user", "assistant") and m.get("content")]
        assert said[-2:] == [QUESTION, ANSWER]
        failed = runner.named("desk", "provider.failed")
        assert ("stt" if dies in EARS else "tts" if dies in VOICES else "llm") in {frame["stage"] for frame in failed}

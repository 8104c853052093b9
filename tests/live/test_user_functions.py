"""One door for the functions that run unasked: each event of a call reaches the parts that it concerns, in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from tests.live._stage import Stage, hook

from pinecall_run.live.user_functions import UserFunctions
from pinecall_run.tools.call import Call
from pinecall_run.tools.hook import Hook
from pinecall_run.wire import commands, events, speech_events
from pinecall_run.wire.call_commands import CallAccept


class World(Stage):
    """A stage with all functions behind the door."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.functions = UserFunctions(self.send, self.notify)

    def hear(self, kind: type[events.CallEvent], **fields: Any) -> None:
        self.functions.handle(self.live, self.event(kind, **fields))


def named(seen: list[str], *names: str) -> Mapping[str, Hook]:
    """A hook for each event, which writes down that it ran."""

    def of(name: str) -> Hook:
        async def run() -> None:
            seen.append(name)

        return hook(run)

    return {name: of(name) for name in names}


async def test_a_call_that_is_told_again_begins_once() -> None:
    seen: list[str] = []
    world = World(on=named(seen, "call.started", "call.ended"))
    world.hear(events.ChatStarted)
    world.hear(events.ChatStarted)
    world.hear(events.ChatEnded)
    await world.functions.join()
    assert seen == ["call.started", "call.ended"]


async def test_the_models_turn_waits_for_the_prompt_of_the_call() -> None:
    gate = asyncio.Event()

    async def context(call: Call) -> dict[str, str]:
        await gate.wait()
        return {"name": "Ann"}

    world = World(context=hook(context, "call"), prompt="You talk to {{ name }}.", variables={"name": "a guest"})
    world.hear(events.CallStarted)
    world.hear(events.LlmBefore, turn=1)
    await asyncio.sleep(0.01)
    assert world.sent == []
    gate.set()
    await world.until(lambda: world.all(commands.LlmReady))
    assert [type(command) for command in world.sent] == [commands.HistorySetInstructions, commands.LlmReady]
    await world.functions.close()


async def test_a_model_of_the_projects_own_answers_until_the_connection_is_lost() -> None:
    began = asyncio.Event()

    async def model() -> str:
        began.set()
        await asyncio.Event().wait()
        return "never"

    world = World(model=hook(model))
    world.hear(events.TurnEnd, message_id="u1", text="hello")
    async with asyncio.timeout(5):
        await began.wait()
    (reply,) = world.functions._responder._replies.values()
    world.functions.disconnected()
    async with asyncio.timeout(5):
        await asyncio.wait([reply.task])
    assert reply.task.cancelled()
    assert not reply.stream.is_open


async def test_a_call_that_rings_is_decided_about() -> None:
    world = World()
    ringing = speech_events.CallRinging(agent_id="desk", call_id="1")
    world.functions.screening.handle(ringing, world.live.call, hook(lambda: True), None)
    await world.until(lambda: world.all(CallAccept))


async def test_closing_waits_for_nothing_of_the_users_and_takes_no_more() -> None:
    began, release = threading.Event(), threading.Event()

    def blocks() -> None:
        began.set()
        release.wait()

    world = World(on={"call.started": hook(blocks)}, context=hook(asyncio.Event().wait), prompt="Hi.", seconds=60.0)
    world.hear(events.CallStarted)
    await asyncio.to_thread(began.wait, 5)
    try:
        async with asyncio.timeout(1):
            await world.functions.close()
            await world.functions.join()
    finally:
        release.set()
    assert (world.sent, world.notices) == ([], [])

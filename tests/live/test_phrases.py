"""A phrase is said once while tools take a while, and not when they do not, nor after the call."""

from __future__ import annotations

import asyncio

import pytest

from pinecall_run.config.model import Agent, Phrase, PromptSource
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.calls import Calls
from pinecall_run.live.driver import Wire
from pinecall_run.live.phrases import Phrases
from pinecall_run.wire.commands import BotReply, Command

SOON, NEVER = Phrase("One moment.", 10), Phrase("Never.", 60_000)


class Stage:
    """A live call, and what is said in it."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.calls = Calls(Wire(self._send))
        agent = DeployedAgent(Agent("desk", PromptSource(text="p")), "p")
        self.live, _ = self.calls.begin("1", agent, "r", channel="chat")
        self.phrases = Phrases()

    def _send(self, command: Command) -> bool:
        self.sent.append(command)
        return True

    @property
    def said(self) -> list[str]:
        return [command.text for command in self.sent if isinstance(command, BotReply)]

    async def tool(self, phrase: Phrase | None, seconds: float) -> None:
        with self.phrases.during(self.live, phrase):
            await asyncio.sleep(seconds)


@pytest.mark.parametrize(
    ("phrase", "said"), [(SOON, ["One moment."]), (Phrase("Now.", 0), ["Now."]), (NEVER, []), (None, [])]
)
async def test_a_tool_that_takes_a_while(phrase: Phrase | None, said: list[str]) -> None:
    stage = Stage()
    await stage.tool(phrase, 0.04)
    assert stage.said == said
    assert stage.phrases._waits == {}


async def test_the_model_is_not_told_that_it_said_it_and_the_person_is_not_answered() -> None:
    stage = Stage()
    await stage.tool(SOON, 0.04)
    (command,) = stage.sent
    assert isinstance(command, BotReply)
    assert (command.add_to_history, command.in_reply_to) == (False, "")


async def test_nothing_is_said_after_the_tool() -> None:
    stage = Stage()
    await stage.tool(SOON, 0)
    await asyncio.sleep(0.03)
    assert stage.said == []


async def test_nothing_is_said_after_the_call() -> None:
    stage = Stage()
    running = asyncio.create_task(stage.tool(SOON, 0.04))
    await asyncio.sleep(0)
    stage.calls.end("1", "hangup")
    await running
    assert stage.said == []


async def test_two_tools_at_once_say_one_phrase_and_two_in_a_row_say_two() -> None:
    stage = Stage()
    await asyncio.gather(stage.tool(SOON, 0.04), stage.tool(Phrase("Wait.", 20), 0.06), stage.tool(None, 0.08))
    assert stage.said == ["One moment."]
    await stage.tool(SOON, 0.04)
    assert stage.said == ["One moment."] * 2

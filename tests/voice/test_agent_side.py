"""The agent's side of a call; what it does in a whole call is in tests/voice/test_spoken_call.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.voice._fakes import settle
from tests.voice._line import FakeVoice
from tests.voice.test_call_core import core

from pinecall_run.audio.mixer import Mixer
from pinecall_run.voice.agent_side import AgentSide
from pinecall_run.voice.health import Health
from pinecall_run.voice.phrases import Phrases
from pinecall_run.voice.speaking import Speaker, Voice
from pinecall_run.wire import commands


class Floor:
    def __init__(self) -> None:
        self.log: list[Any] = []

    def agent_began(self, message: int) -> None:
        self.log.append("began")

    def agent_pending(self) -> None:
        self.log.append("pending")

    def agent_played(self, seconds: float) -> None:
        self.log.append(seconds)

    def agent_ended(self, *, is_all: bool) -> None:
        self.log.append("ended")


@asynccontextmanager
async def speaking(**configuration: Any) -> AsyncIterator[tuple[AgentSide, Floor, Any]]:
    call, owner = core(**configuration)
    floor = Floor()
    side = AgentSide(
        call,
        lambda audience: Speaker(
            [Voice("fake", FakeVoice())], Mixer(), audience, health=Health(lambda: 0.0), phrases=Phrases()
        ),
        floor,
        clock=lambda: 0.0,
        show=lambda _: None,
    )
    task = asyncio.create_task(side.speaker.run())
    try:
        yield side, floor, owner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def play(side: AgentSide, seconds: float) -> None:
    await settle()
    for _ in range(round(seconds * 50)):
        side.take(may_begin=True)


async def test_turn_taking_is_told_what_is_played() -> None:
    async with speaking(greeting="Hi there.") as (side, floor, _owner):
        side.greet()
        assert side.speaker.is_busy
        await play(side, 1.0)
        played = [entry for entry in floor.log if isinstance(entry, float)]
        assert (floor.log[0], floor.log[-1]) == ("began", "ended"), "nothing is played of what is over"
        assert played == sorted(played)
        assert played[-1] == 0.48
        assert not side.speaker.is_busy


async def test_a_stream_of_another_id_and_one_begun_twice_are_ignored() -> None:
    async with speaking() as (side, _, owner):
        for id, action, token in (
            ("m1", "start", ""), ("m1", "start", ""), ("m2", "chunk", "no"), ("m1", "chunk", "yes."), ("m1", "end", ""),
            ("m1", "end", ""),
        ):  # fmt: skip
            command = commands.BotReplyStream(call_id="call-1", message_id=id, action=action, token=token)  # type: ignore[arg-type]
            side.on_stream(command, 0)
        await play(side, 1.0)
        assert [event.text for event in owner.told if hasattr(event, "text") and event.text] == ["yes."]
        assert owner.names.count("bot.finished") == 1


async def test_an_utterance_without_words_is_finished_for_whoever_waits_for_it() -> None:
    async with speaking() as (side, _, owner):
        side.on_reply(commands.BotReply(call_id="call-1", message_id="m1", text="", in_reply_to=""), 0)
        await play(side, 0.1)
        assert owner.names[-1] == "bot.finished"

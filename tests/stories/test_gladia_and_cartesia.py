"""Whole calls that Gladia or Cartesia hears and Cartesia speaks, emulated: what callers and runners have of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.emulators.cartesia_ear_server import cartesia_ear_server
from tests.emulators.cartesia_server import CartesiaServer, cartesia_server
from tests.emulators.gladia_server import gladia_server
from tests.emulators.trouble import Trouble
from tests.voice._fakes import Model
from tests.voice._line import Line

from pinecall_run.providers import voice_socket
from pinecall_run.providers.contracts import SpeechSpec
from pinecall_run.providers.speech_catalogue import open_stt, open_tts
from pinecall_run.wire import events, speech_events

SAID = ["where is my order", "no the other one"]
ANSWER = "It ships on Tuesday. Do you need anything else?"
EARS = {"gladia": gladia_server, "cartesia": cartesia_ear_server}


@asynccontextmanager
async def called(provider: str) -> AsyncIterator[tuple[Line, Any, CartesiaServer]]:
    async with EARS[provider](SAID) as hears, cartesia_server() as speaks:
        ear: Any = open_stt(SpeechSpec(provider, language="en"), hears.environ)
        voice: Any = open_tts(SpeechSpec("cartesia", "katie", "en"), speaks.environ)
        async with Line(Model([ANSWER], ["I see."]), ears=[ear], voices=[voice]) as line:
            await passes(line, 0.2)
            yield line, hears, speaks
        await voice_socket.close()


async def passes(line: Line, seconds: float, *, is_speaking: bool = False) -> None:
    """Time of the call, with a little of ours for the sockets."""
    for _ in range(round(seconds / 0.02)):
        await line.wait(0.02, probability=0.95 if is_speaking else 0.0)
        await asyncio.sleep(0.002)


async def answered(line: Line, count: int) -> None:
    """The caller waits until so many answers were heard."""
    for _ in range(300):
        if len(line.owner.named(events.BotFinished)) >= count:
            return
        await passes(line, 0.04)
    raise AssertionError(line.owner.names)


@pytest.mark.parametrize("provider", list(EARS))
async def test_a_conversation_is_heard_and_answered_turn_by_turn(provider: str) -> None:
    async with called(provider) as (line, hears, speaks):
        for count in (1, 2):
            await passes(line, 1.2, is_speaking=True)
            await answered(line, count)
        assert line.history == [
            ("user", SAID[0]), ("assistant", ANSWER), ("user", SAID[1]), ("assistant", "I see.")
        ]  # fmt: skip
        words = [one.word for one in line.owner.named(speech_events.BotWord)]
        assert words == [*ANSWER.split(), "I", "see."]
        assert (hears.connections, speaks.connections) == (1, 1)
        assert [context.said for context in speaks.contexts] == [f"{ANSWER} ", "I see. "]


@pytest.mark.parametrize("provider", list(EARS))
async def test_what_was_said_when_the_connection_broke_is_heard_again(provider: str) -> None:
    async with called(provider) as (line, hears, _):
        hears.trouble = Trouble("drop", after=0.8, times=1)
        await passes(line, 1.2, is_speaking=True)
        await answered(line, 1)
        assert line.history == [("user", SAID[0]), ("assistant", ANSWER)]
        failed: Any = line.owner.last(speech_events.ProviderFailed)
        assert failed.error.endswith("broke the connection off")
        assert hears.connections == 2


async def test_an_interruption_stops_what_is_being_said() -> None:
    async with called("gladia") as (line, _, speaks):
        speaks.pace = 0.02
        await passes(line, 1.2, is_speaking=True)
        for _ in range(200):
            if line.owner.named(events.BotSpeaking):
                break
            await passes(line, 0.04)
        await passes(line, 1.2, is_speaking=True)
        await answered(line, 1)
        assert line.history[-1] == ("assistant", "I see.")
        assert speaks.contexts[0].is_cancelled
        assert not speaks.contexts[-1].is_cancelled

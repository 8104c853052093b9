"""Whole calls that are heard by emulated vendors: turns, changes and failures as callers and runners have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.emulators.deepgram_server import DeepgramServer, deepgram_server
from tests.voice._fakes import Model
from tests.voice._line import Line

from pinecall_run.providers.contracts import SpeechSpec
from pinecall_run.providers.speech_catalogue import open_stt
from pinecall_run.wire import commands, events, speech_events

SAID = ["Where is my order?", "No, the other one."]
NOVA, NOVA_TURNS = SpeechSpec("deepgram"), SpeechSpec("deepgram", options={"use_native_vad": True})
FLUX, FLUX_MULTI = (
    SpeechSpec("deepgram-flux", "flux-general-en"), SpeechSpec("deepgram-flux", "flux-general-multi", "en-GB")
)  # fmt: skip


@asynccontextmanager
async def called(spec: SpeechSpec) -> AsyncIterator[tuple[Line, DeepgramServer]]:
    async with deepgram_server(SAID) as server:
        ear: Any = open_stt(spec, server.environ)
        async with Line(Model(["Shipped."], ["I see."]), ears=[ear], specs=[spec]) as line:
            await passes(line, 0.2)
            yield line, server
        assert not server.problems


async def passes(line: Line, seconds: float, *, is_speaking: bool = False) -> None:
    """Time of the call, with a little of ours for the sockets."""
    for _ in range(round(seconds / 0.02)):
        await line.wait(0.02, probability=0.95 if is_speaking else 0.0)
        await asyncio.sleep(0.002)


async def answered(line: Line, count: int) -> None:
    """The caller waits until so many answers were heard."""
    for _ in range(200):
        if len(line.owner.named(events.BotFinished)) >= count:
            return
        await passes(line, 0.04)
    raise AssertionError(line.owner.names)


@pytest.mark.parametrize("spec", [NOVA, NOVA_TURNS, FLUX, FLUX_MULTI], ids=["nova", "nova turns", "flux", "multi"])
async def test_a_conversation_is_heard_and_answered_turn_by_turn(spec: SpeechSpec) -> None:
    async with called(spec) as (line, server):
        for count in (1, 2):
            await passes(line, 1.2, is_speaking=True)
            await answered(line, count)
        assert line.history == [
            ("user", SAID[0]), ("assistant", "Shipped."), ("user", SAID[1]), ("assistant", "I see.")
        ]  # fmt: skip
        assert [ended.text for ended in line.owner.named(events.TurnEnd)] == SAID
        assert [told.text for told in line.owner.named(speech_events.UserSpeaking)][:2] == ["Where", "Where is"]
        assert server.connections == 1
        assert "turn.continued" not in line.owner.names, "no answer was begun in vain"


async def test_options_change_in_the_middle_of_a_sentence_and_nothing_of_it_is_lost() -> None:
    async with called(FLUX) as (line, server):
        await passes(line, 0.8, is_speaking=True)
        changed = {"provider": "deepgram-flux", "eot_threshold": 0.9, "keyterms": ["Acme"]}
        line.specs = [SpeechSpec(FLUX.provider, FLUX.name, options={"eot_threshold": 0.9, "keyterms": ["Acme"]})]
        await line.do(commands.SessionConfigure(session_id="call-1", stt=changed))
        await passes(line, 0.4, is_speaking=True)
        await answered(line, 1)
        ended = line.owner.last(events.TurnEnd)
        assert (ended.text, ended.probability) == (SAID[0], 0.9)
        assert server.connections == 1
        assert server.requests[0].messages[0] == {
            "type": "Configure",
            "thresholds": {"eot_threshold": 0.9, "eager_eot_threshold": 0.5, "eot_timeout_ms": 1000},
            "keyterms": ["Acme"],
        }


@pytest.mark.parametrize("spec", [NOVA, FLUX], ids=["nova", "flux"])
async def test_what_was_said_when_the_connection_broke_is_heard_again(spec: SpeechSpec) -> None:
    async with called(spec) as (line, server):
        await passes(line, 0.8, is_speaking=True)
        server.reset()
        await passes(line, 0.4, is_speaking=True)
        await answered(line, 1)
        assert line.history == [("user", SAID[0]), ("assistant", "Shipped.")]
        failed: Any = line.owner.last(speech_events.ProviderFailed)
        assert (failed.provider, failed.error) == ("ear1", "Deepgram broke the connection off")
        assert server.connections == 2

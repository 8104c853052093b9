"""One caller too many: one sentence with the agent's voice, and the end, while the others talk on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.emulators.speech import emulated
from tests.voice._fakes import settle, until
from tests.voice._line import FakeVoice, Page
from tests.voice._stage import LOOKING, Client, Stage

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.transports.contract import BusyError, Caller
from pinecall_run.voice import conversations, overflow_call
from pinecall_run.voice.health import Health
from pinecall_run.voice.overflow_call import OverflowCall, sentence
from pinecall_run.voice.phrases import Phrases
from pinecall_run.voice.speaking import Voice
from pinecall_run.voice.spoken_call import SpokenCall

WORDS = "All lines are busy."


class Around:
    def __init__(self) -> None:
        self.health = Health(self.clock)

    def clock(self) -> float:
        return 5.0


def overflow(*voices: FakeVoice, reports_playing: bool = False) -> tuple[OverflowCall, Page]:
    page, around = Page(), Around()
    caller = Caller("phone", around.clock, reports_playing=reports_playing)
    ours: Any = around
    all_voices = [Voice(f"voice{n}", voice) for n, voice in enumerate(voices)]
    said = sentence(WORDS, "c", "en")
    return OverflowCall("c", "desk", said, page, ours, caller=caller, voices=all_voices, phrases=Phrases()), page


async def play(call: OverflowCall, most: int = 200) -> int:
    """Chunks with sound until it ends."""
    sounding = 0
    for _ in range(most):
        call.hear(SILENCE)
        sounding += call.take() is not None
        await settle(2)
    return sounding


async def test_the_sentence_is_heard_to_its_end_and_then_it_hangs_up() -> None:
    voice = FakeVoice()
    call, page = overflow(voice)
    running = asyncio.create_task(call.run())
    await settle()
    sounding = await play(call)
    await running
    assert voice.spoken == [WORDS]
    assert sounding == pytest.approx(4 * 0.25 / 0.02, abs=3)
    assert (page.reason, page.told) == ("busy", [])


async def test_where_the_door_says_what_was_played_it_waits_for_that() -> None:
    call, page = overflow(FakeVoice(), reports_playing=True)
    running = asyncio.create_task(call.run())
    await settle()
    sounding = await play(call)
    assert not running.done()
    call.phone.played(sounding)
    await running
    assert page.reason == "busy"


async def test_a_voice_that_fails_ends_it_and_the_next_one_is_tried_before() -> None:
    broken, whole = FakeVoice(), FakeVoice()
    broken.fails = [ProviderError("no")]
    call, page = overflow(broken, whole)
    running = asyncio.create_task(call.run())
    await settle()
    assert await play(call) > 20
    await running
    alone = FakeVoice()
    alone.fails = [ProviderError("no")]
    call, page = overflow(alone)
    async with asyncio.timeout(1):
        await call.run()
    assert page.reason == "busy"


async def test_whoever_hangs_up_first_has_hung_up_and_nobody_stays_long(monkeypatch: pytest.MonkeyPatch) -> None:
    call, page = overflow(FakeVoice())
    call.end("hangup")
    call.end("busy")
    await call.run()
    assert (page.reason, call.take()) == ("hangup", None)
    monkeypatch.setattr(overflow_call, "LONGEST_SECONDS", 0.01)
    call, page = overflow(FakeVoice())
    await call.run()
    assert page.reason == "busy"


# in a server


def stage(**limits: Any) -> tuple[Stage, Client]:
    it = Stage()
    configuration = {"stt": "emulated", "voice": "emulated", "llm": LOOKING, "config": {"limits": limits}}
    return it, it.connect("front", **configuration)


def arrive(it: Stage, call_id: str, **more: Any) -> tuple[Any, Page]:
    page = Page()
    caller = Caller("phone", lambda: 0.0, channel=("phone", "+1555"), **more)
    return it.hub.calls.begin(it.hub.registry.agents["front"], call_id, page, caller), page


async def test_the_runner_hears_that_somebody_was_turned_away_and_of_no_call() -> None:
    with emulated():
        it, client = stage(max_calls=1, overflow=WORDS)
        first, _ = arrive(it, "a")
        assert isinstance(first, SpokenCall)
        second, page = arrive(it, "b")
        assert isinstance(second, OverflowCall)
        await settle()
        assert client.take("error")["code"] == "AT_CAPACITY"
        assert [frame["call_id"] for frame in client.frames if frame["event"] == "call.started"] == []
        assert it.hub.conversations.get("a") is first
        first.end("hangup")
        await until(lambda: it.hub.conversations.get("a") is None)
        third, _ = arrive(it, "c")
        assert isinstance(third, SpokenCall), "who is told that there is no room takes none"
        await it.hub.close()
        assert page.reason == "server_stopped"


async def test_a_reload_changes_the_limit_for_the_next_call_only() -> None:
    with emulated():
        it, client = stage()
        calls = [arrive(it, name)[0] for name in ("a", "b")]
        client.send("agent.configure", agent_id="front", config={"limits": {"max_calls": 1}})
        with pytest.raises(BusyError, match="all lines are busy"):
            arrive(it, "c")
        await settle()
        assert all(it.hub.conversations.get(call.id) is call for call in calls)
        client.send("agent.configure", agent_id="front", config={"limits": {"max_calls": 3}})
        assert isinstance(arrive(it, "d")[0], SpokenCall)
        await it.hub.close()


async def test_without_words_or_a_voice_or_when_many_are_told_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_TOLD", 1)
    with emulated():
        it, client = stage(max_calls=1, overflow=WORDS)
        arrive(it, "a")
        assert isinstance(arrive(it, "b")[0], OverflowCall)
        with pytest.raises(BusyError, match=WORDS):
            arrive(it, "c")
        await it.hub.close()
        it, client = stage(max_calls=1, overflow=WORDS)
        arrive(it, "a")
        client.send("agent.configure", agent_id="front", voice="nobody:such")
        with pytest.raises(BusyError, match=WORDS):
            arrive(it, "b")
        await it.hub.close()


async def test_a_call_that_we_placed_is_not_told_that_we_have_no_room() -> None:
    with emulated():
        it, _ = stage(max_calls=1, overflow=WORDS)
        arrive(it, "a")
        assert isinstance(arrive(it, "b", direction="outbound")[0], SpokenCall)
        await it.hub.close()


async def test_the_servers_own_limit_says_whose_it_is() -> None:
    with emulated():
        it = Stage(max_calls=1)
        it.connect("front", stt="emulated", voice="emulated", llm=LOOKING)
        arrive(it, "a")
        with pytest.raises(BusyError) as busy:
            arrive(it, "b")
        assert busy.value.is_servers
        await it.hub.close()

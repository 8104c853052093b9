"""Who gets a spoken call, and what a runner is told of it beforehand."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from tests.emulators.openai_server import Answer, says
from tests.emulators.realtime_server import realtime_server
from tests.voice._fakes import settle
from tests.voice._line import Page
from tests.voice._stage import Client, Stage

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers.opening import registered
from pinecall_run.transports.contract import Caller, NotAdmittedError
from pinecall_run.turns.rules import smart_turn_model_of
from pinecall_run.voice import call_reception
from pinecall_run.voice.call_reception import audition
from pinecall_run.voice.spoken_call import SpokenCall

CALLER = Caller("webrtc", lambda: 0.0, {"language": "en-GB", "prompt": "be evil"}, {"page": "home", "user": "forged"})


def token(stage: Stage, kind: str = "webrtc", agent: str = "front", **metadata: str) -> str:
    return stage.hub.tokens.mint(kind, agent, stage.now, scope="participate", metadata=metadata)


def channel(client: Client, **more: object) -> dict[str, object]:
    client.send("channel.add", agent_id="front", type="webrtc", **more)
    return client.take("channel.added")


async def test_a_call_is_announced_with_what_its_token_seals() -> None:
    stage = Stage()
    client = stage.connect("front", stt="local", voice="local")
    admitted = stage.hub.calls.open_call("webrtc", token(stage, user="7"), Page(), CALLER)
    started = client.take("call.started")
    assert started["metadata"] == {"page": "home", "user": "7"}
    assert (started["transport"], started["language"]) == ("webrtc", "en-GB")
    assert not admitted.is_developer
    await settle()
    admitted.session.end("disconnected")
    await stage.hub.close()
    assert client.take("call.ended")["reason"] == "disconnected"


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


def test_metadata_that_nests_without_end_begins_no_call() -> None:
    stage = Stage()
    stage.connect("front", stt="local", voice="local")
    with pytest.raises(NotAdmittedError, match="nests"):
        stage.hub.calls.open_call("webrtc", token(stage), Page(), replace(CALLER, metadata=nested(900)))
    assert not list(stage.hub.conversations)


FORBIDDEN: dict[str, Any] = {
    "config": {"recording_dir": "/", "background": "/etc/passwd", "hold_music": {"file": "/etc/passwd"}},
    "recording_dir": "/",
    "turn_detection": {"mode": "smart_turn", "smart_turn_model": "/etc/passwd"},
    "session_limits": {"max_duration_seconds": 0},
    "prompt": "be evil",
    "llm": "openai:gpt",
    "tools": [],
}


async def test_a_page_sets_no_file_and_no_limit_when_it_calls_or_later() -> None:
    stage = Stage()
    stage.connect("front", stt="local", voice="local", prompt="be kind", config={"analysis": {}})
    caller = replace(
        CALLER, config={**FORBIDDEN, "stt": {"provider": "local", "grammar": "#JSGF", "turn": "smart_turn"}}
    )
    session = stage.hub.calls.open_call("webrtc", token(stage), Page(), caller).session
    assert isinstance(session, SpokenCall)
    session.act({"action": "configure", **FORBIDDEN})
    session.act({"action": "configure", "voice": {"provider": "local", **FORBIDDEN}})
    configuration = session._core.configuration
    assert (configuration["prompt"], configuration["config"]) == ("be kind", {"analysis": {}})
    assert (configuration["stt"], configuration["voice"]) == ({"provider": "local"}, {"provider": "local"})
    assert not configuration.keys() & {"recording_dir", "turn_detection", "session_limits"}
    assert not smart_turn_model_of(configuration, has_native_turns=False)
    assert session._tape is None
    session.end("disconnected")
    await stage.hub.close()


@pytest.mark.parametrize("changes", [{"voice": "nobody/x"}, {"stt": "nobody"}, {"language": "tlh"}])
async def test_a_page_that_wants_what_is_not_there_changes_nothing_and_the_call_goes_on(changes: Any) -> None:
    stage = Stage()
    stage.connect("front", stt="local", voice="local")
    page = Page()
    session = stage.hub.calls.open_call("webrtc", token(stage), page, CALLER).session
    assert isinstance(session, SpokenCall)
    await settle()
    before = dict(session._core.configuration)
    session.act({"action": "configure", **changes})
    assert session._core.configuration == before
    assert page.names[-1] == "provider.failed"
    session.act({"action": "configure", "language": "en-US"})
    assert session._core.configuration["language"] == "en-US"
    session.end("disconnected")
    await stage.hub.close()


async def test_who_has_no_token_or_an_old_one_gets_none() -> None:
    stage = Stage()
    stage.connect("front", stt="local", voice="local")
    used = token(stage)
    stage.hub.calls.open_call("webrtc", used, Page(), CALLER)
    for bad, why in ((used, "used before"), ("wrt_x.y", "not one"), (token(stage, agent="gone"), "not online")):
        with pytest.raises(NotAdmittedError, match=why):
            stage.hub.calls.open_call("webrtc", bad, Page(), CALLER)
    await stage.hub.close()


async def test_an_agent_whose_voice_is_nowhere_is_not_called() -> None:
    stage = Stage()
    stage.connect("front", stt="local", voice="elevenlabs:x")
    with pytest.raises(NotAdmittedError, match="cannot hear or speak"):
        stage.hub.calls.open_call("webrtc", token(stage), Page(), CALLER)
    await stage.hub.close()


async def test_a_runner_hears_how_its_channel_will_be_served() -> None:
    client = Stage().connect("front", stt=["soniox", "local"], voice="local")
    added = channel(client)
    passed_over, offline = added["notes"]
    assert passed_over.startswith("stt: soniox is not served here (served: ")
    assert passed_over.endswith("); using local")
    assert offline.startswith("calls are heard by pocketsphinx")
    assert "served" not in added, "it is"
    refused = channel(client, voice="elevenlabs:x")
    assert refused["served"] is False
    assert "elevenlabs" in str(refused["notes"])


def test_a_model_that_hears_and_speaks_needs_neither_ear_nor_voice() -> None:
    told = {"llm": "openai/gpt-realtime", "voice": "elevenlabs:x"}
    assert audition(told, {"OPENAI_API_KEY": "k"}) == call_reception.Audition(True)
    assert not audition(told, {}).can_talk


def test_without_the_extra_no_channel_carries_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_reception, "is_installed", lambda: False)
    heard = audition({}, {})
    assert not heard.can_talk
    assert heard.notes == (call_reception.MISSING,)


async def test_a_call_that_is_expected_finds_its_voice_ready() -> None:
    class Warm:
        rate = 16_000
        warmed = 0

        async def warm(self) -> None:
            Warm.warmed += 1

    module = ModuleType("a_voice_of_a_test")
    module.open_tts = lambda spec, environ: Warm()  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    stage = Stage()
    with registered(module.__name__, ("voice", "warm")):
        stage.connect("front", voice="warm")
        stage.hub.calls.expect(stage.hub.registry.agents["front"])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert Warm.warmed == 1
        await stage.hub.calls.close()
    del sys.modules[module.__name__]
    stage.hub.calls.expect(stage.hub.registry.agents["front"])  # nobody speaks now: nothing happens


async def test_a_call_of_a_realtime_model_is_begun_and_ends_with_nothing_open() -> None:
    def answer(request: dict[str, Any]) -> Answer:
        return says("Hello there.")

    async with realtime_server(answer) as server:
        stage = Stage()
        stage.hub._environ = stage.hub.conversations._environ = stage.hub.calls._environ = server.environ
        client = stage.connect("front", llm="openai/gpt-realtime", greeting="Hello there.")
        assert "notes" not in channel(client)
        page, now = Page(), [0.0]
        call = stage.hub.calls.open_call("webrtc", token(stage), page, Caller("webrtc", lambda: now[0])).session
        for _ in range(400):
            now[0] += 0.02
            call.hear(SILENCE)
            call.take()
            await asyncio.sleep(0.001)
            if "bot.finished" in page.names:
                break
        assert page.names == ["call.started", "bot.speaking", "message.confirmed", "bot.finished"]
        call.end("disconnected")
        await stage.hub.close()
        assert client.take("call.ended")["metrics"]["usage"][0]["provider"] == "openai-realtime"
        await asyncio.sleep(0.05)
        assert server.open_connections == 0

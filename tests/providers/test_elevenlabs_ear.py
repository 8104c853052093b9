"""ElevenLabs' Scribe: the messages of its page, and whole conversations with the emulated vendor."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from tests.emulators._sound import spoken
from tests.emulators.elevenlabs_server import ElevenLabsServer, elevenlabs_server
from tests.emulators.trouble import Trouble

from pinecall_run.audio.chunk import SILENCE, Chunker
from pinecall_run.providers import ear_socket
from pinecall_run.providers.contracts import Heard, HearingStream, ProviderError, SpeechSpec, SpeechToText, Transcript
from pinecall_run.providers.elevenlabs_ear import ScribeWire, open_stt
from pinecall_run.providers.failures import Vendor

ENVIRON = {"ELEVENLABS_API_KEY": "sk_emulated"}
VENDOR = Vendor("ElevenLabs")
ORDER, THANKS = "where is my order", "thank you"


def wire(*, is_manual: bool = True) -> ScribeWire:
    return ScribeWire(VENDOR, is_manual=is_manual)


def read(frame: str | bytes) -> Any:
    return json.loads(frame)


# the wire


def test_sound_goes_out_as_its_page_has_it() -> None:
    assert read(wire().audio(b"\x01\x02")) == {
        "message_type": "input_audio_chunk", "audio_base_64": "AQI=", "commit": False, "sample_rate": 16_000
    }  # fmt: skip


@pytest.mark.parametrize(("sent", "silence"), [(0.0, 0.32), (0.1, 0.22), (5.0, 0.0)])
def test_a_commit_has_at_least_as_much_sound_as_it_needs(sent: float, silence: float) -> None:
    it = wire()
    it.audio(bytes(2 * round(16_000 * sent)))
    (frame,) = it.finish()
    assert read(frame)["commit"] is True
    assert len(base64.b64decode(read(frame)["audio_base_64"])) == 2 * round(16_000 * silence)
    assert len(base64.b64decode(read(it.finish()[0])["audio_base_64"])) == 2 * 5_120


def test_of_what_scribe_committed_by_itself_nothing_counts_for_the_next() -> None:
    it = wire()
    it.audio(bytes(64_000))
    it.received(json.dumps({"message_type": "committed_transcript", "text": "so far"}))
    assert read(it.finish()[0])["audio_base_64"]


def test_with_its_own_detector_nobody_else_commits() -> None:
    assert wire(is_manual=False).finish() == []


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ({"message_type": "session_started", "session_id": "s", "config": {}}, []),
        ({"message_type": "partial_transcript", "text": "where is"}, [Transcript("where is", is_final=False)]),
        ({"message_type": "partial_transcript", "text": ""}, []),
        ({"message_type": "committed_transcript", "text": " where is it"}, [Transcript("where is it", is_final=True)]),
        ({"message_type": "committed_transcript", "text": ""}, [Transcript("", is_final=True)]),
        ({"message_type": "committed_transcript_with_timestamps", "text": "where is it", "words": []}, []),
        ({"message_type": "warning", "warning": "slow"}, []),
    ],
)
def test_what_a_message_comes_to(message: Mapping[str, Any], heard: list[Heard]) -> None:
    assert list(wire().received(json.dumps(message))) == heard


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("auth_error", "key"),
        ("quota_exceeded", "credit"),
        ("unaccepted_terms", "request"),
        ("invalid_request", "request"),
        ("rate_limited", "rate_limit"),
        ("resource_exhausted", "unavailable"),
        ("session_time_limit_exceeded", "network"),
        ("error", "failed"),
    ],
)
def test_an_error_is_of_its_kind_and_in_the_vendors_words(name: str, kind: str) -> None:
    with pytest.raises(ProviderError, match=r"ElevenLabs.*: in its words") as raised:
        wire().received(json.dumps({"message_type": name, "error": "in its words"}))
    assert raised.value.kind == kind


@pytest.mark.parametrize("message", ["<html>", "[]", b"\x00", '{"message_type": "committed_transcript"}'])
def test_what_is_no_message_is_garbage(message: str | bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        wire().received(message)
    assert raised.value.kind == "garbage"


# options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"commit_strategy": "often"}, "`commit_strategy` of elevenlabs"),
        ({"vad_threshold": 0.5}, "`vad_threshold` of elevenlabs is for commit_strategy vad only"),
        ({"commit_strategy": "vad", "vad_threshold": 1}, "`vad_threshold` of elevenlabs"),
        ({"keyterms": ["x" * 21]}, "`keyterms` of elevenlabs"),
        ({"keyterms": ["x"] * 51}, "`keyterms` of elevenlabs"),
        ({"endpointing": 3}, "no option `endpointing`"),
    ],
)
def test_what_it_does_not_take_is_refused(options: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_stt(SpeechSpec("elevenlabs", "", "", options), ENVIRON)
    assert said in str(raised.value)
    assert raised.value.kind == "request"


def test_without_a_key_it_is_said_what_to_do() -> None:
    with pytest.raises(ProviderError, match="elevenlabs needs a key") as raised:
        open_stt(SpeechSpec("elevenlabs"), {})
    assert raised.value.kind == "missing"


# with the emulated vendor


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with elevenlabs_server([ORDER, THANKS]) as server:
        yield server
        async with asyncio.timeout(2):
            while server.open_connections:  # noqa: ASYNC110 - the emulator tells nobody
                await asyncio.sleep(0.01)
        assert len(asyncio.all_tasks()) == 1


def ear(server: ElevenLabsServer, name: str = "", language: str = "en", **options: Any) -> SpeechToText:
    return open_stt(SpeechSpec("elevenlabs", name, language, options), server.environ)


@asynccontextmanager
async def hearing(stt: SpeechToText) -> AsyncIterator[tuple[HearingStream, AsyncIterator[Heard]]]:
    stream = await stt.open()
    try:
        yield stream, stream.heard()
    finally:
        await stream.close()


def say(stream: HearingStream, text: str, pause: float = 0.6) -> None:
    for chunk in Chunker().feed(np.concatenate([spoken(text, 16_000)[0], np.zeros(round(16_000 * pause), np.int16)])):
        stream.hear(chunk)


async def until_final(heard: AsyncIterator[Heard]) -> tuple[str, list[str]]:
    """The text that is final, and those that were not."""
    partial: list[str] = []
    async with asyncio.timeout(5):
        async for one in heard:
            assert isinstance(one, Transcript)
            if one.is_final:
                return one.text, partial
            partial.append(one.text)
    raise AssertionError("nothing was final")


async def one_turn(server: ElevenLabsServer) -> str:
    async with hearing(ear(server)) as (stream, heard):
        say(stream, ORDER)
        stream.finish()
        return (await until_final(heard))[0]


async def test_a_conversation_is_heard_turn_by_turn(server: ElevenLabsServer) -> None:
    async with hearing(ear(server)) as (stream, heard):
        for count in range(3):
            say(stream, ORDER, pause=1.0)
            stream.finish()
            text, partial = await until_final(heard)
            assert text == ORDER
            assert count == 0 or partial  # none comes of the first two seconds
            say(stream, THANKS)
            stream.finish()
            assert (await until_final(heard))[0] == THANKS


async def test_a_pause_in_which_nothing_was_said_is_answered_with_nothing(server: ElevenLabsServer) -> None:
    async with hearing(ear(server)) as (stream, heard):
        for _ in range(3):
            stream.hear(SILENCE)
            stream.finish()
            assert await until_final(heard) == ("", [])


async def test_with_its_own_detector_it_says_itself_what_is_final(server: ElevenLabsServer) -> None:
    async with hearing(ear(server, commit_strategy="vad", vad_silence_threshold_secs=0.6)) as (stream, heard):
        say(stream, ORDER, pause=1.0)
        assert (await until_final(heard))[0] == ORDER


async def test_with_its_own_detector_what_it_said_last_counts_where_it_is_slow(
    server: ElevenLabsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.2)
    async with hearing(ear(server, commit_strategy="vad")) as (stream, heard):
        say(stream, "", pause=2.0)  # before that nothing is told
        say(stream, ORDER, pause=0.3)
        stream.finish()
        assert (await until_final(heard))[0] == ORDER


async def test_what_the_query_says(server: ElevenLabsServer) -> None:
    vad = {
        "vad_silence_threshold_secs": 0.8, "vad_threshold": 0.5, "min_speech_duration_ms": 60,
        "min_silence_duration_ms": 70,
    }  # fmt: skip
    more = {"no_verbatim": True, "filter_background_audio": False, "enable_logging": False}
    stt = ear(
        server, "scribe", "es-MX", commit_strategy="vad", keyterms=["Cointel", "a b"], secondary_languages=["en"],
        **vad, **more,
    )  # fmt: skip
    async with hearing(stt) as (stream, heard):
        say(stream, ORDER, pause=1.0)
        await until_final(heard)
    assert server.requests[0].query == [
        ("model_id", "scribe_v2_realtime"), ("language_code", "es"), ("audio_format", "pcm_16000"),
        ("commit_strategy", "vad"), ("vad_silence_threshold_secs", "0.8"), ("vad_threshold", "0.5"),
        ("min_speech_duration_ms", "60"), ("min_silence_duration_ms", "70"), ("keyterms", "Cointel"),
        ("keyterms", "a b"), ("secondary_languages", "en"), ("no_verbatim", "true"),
        ("filter_background_audio", "false"), ("enable_logging", "false"),
    ]  # fmt: skip


async def test_another_model_and_any_language(server: ElevenLabsServer) -> None:
    async with hearing(ear(server, "scribe_v3_live", "multi")) as (stream, heard):
        stream.finish()
        await until_final(heard)
    assert server.requests[0].query == [
        ("model_id", "scribe_v3_live"), ("audio_format", "pcm_16000"), ("commit_strategy", "manual")
    ]  # fmt: skip


async def test_a_stream_on_which_nothing_is_sent_is_kept_alive(
    server: ElevenLabsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinecall_run.providers.elevenlabs_ear.KEEP_ALIVE_SECONDS", 0.05)
    server.silent_seconds = 0.2
    async with hearing(ear(server)) as (stream, heard):
        await asyncio.sleep(0.5)
        stream.finish()
        assert await until_final(heard) == ("", [])


async def test_a_wrong_key_is_told_as_such_and_never_shown(server: ElevenLabsServer) -> None:
    stt = open_stt(SpeechSpec("elevenlabs"), {**server.environ, "ELEVENLABS_API_KEY": "sk_wrong"})
    async with hearing(stt) as (stream, heard):
        stream.hear(SILENCE)
        with pytest.raises(ProviderError, match="ElevenLabs refused the key: You must be authenticated") as raised:
            await until_final(heard)
    assert raised.value.kind == "key"
    assert "sk_wrong" not in repr(raised.value)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble("refuse", status=401), "key"),
        (Trouble("refuse", status=402), "credit"),
        (Trouble("refuse", status=422), "request"),
        (Trouble("refuse", status=429, headers={"Retry-After": "3"}), "rate_limit"),
        (Trouble("refuse", status=503), "unavailable"),
        (Trouble("close", after=0.3, code=1011), "network"),
        (Trouble("drop", after=0.3), "network"),
        (Trouble("garbage", after=0.3, times=1), "garbage"),
        (Trouble("error", after=0.3, code="queue_overflow"), "unavailable"),
        (Trouble("error", after=0.3, code="quota_exceeded"), "credit"),
        (Trouble("hang"), "timeout"),
        (Trouble("stall", after=0.3), "timeout"),
    ],
)
async def test_each_trouble_is_an_error_of_its_kind(
    server: ElevenLabsServer, trouble: Trouble, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear_socket, "FINISH_SECONDS", 0.3)
    monkeypatch.setattr("pinecall_run.providers.vendor_socket.OPEN_SECONDS", 0.3)
    server.trouble = trouble
    with pytest.raises(ProviderError) as raised:
        await one_turn(server)
    assert raised.value.kind == kind, str(raised.value)
    assert raised.value.retry_after == (3 if kind == "rate_limit" else 0)
    server.trouble = None
    assert await one_turn(server) in (ORDER, THANKS)

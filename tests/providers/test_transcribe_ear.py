"""Amazon Transcribe's messages, and conversations with its emulator."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators._event_stream import pack, unpack
from tests.emulators.aws_server import AwsServer, aws_server
from tests.emulators.trouble import Trouble

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE
from pinecall_run.providers import ear_socket
from pinecall_run.providers.aws_account import Account
from pinecall_run.providers.contracts import FailureKind, Heard, HearingStream, ProviderError, SpeechSpec, Transcript
from pinecall_run.providers.transcribe_ear import TranscribeWire, audio_event, open_stt

AUDIO = {":message-type": "event", ":event-type": "AudioEvent", ":content-type": "application/octet-stream"}
TRANSCRIPT = {":message-type": "event", ":event-type": "TranscriptEvent", ":content-type": "application/json"}
SENTENCES = ["where is my order", "thank you"]
LOUD = (8_000 * np.sin(np.arange(CHUNK_SAMPLES) * 0.12)).astype(np.int16)
WHOLE_SENTENCE = 70
"""Chunks: four words of 0.3 s, and a bit."""


@pytest.fixture
async def server() -> AsyncIterator[AwsServer]:
    async with aws_server(sentences=SENTENCES) as emulated:
        yield emulated


def spec(language: str = "", name: str = "", **options: Any) -> SpeechSpec:
    return SpeechSpec("transcribe", name, language, options)


def wire(**more: Any) -> TranscribeWire:
    account = Account("Amazon Transcribe", {}, endpoint="AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING", region="eu-west-1")
    return TranscribeWire(account, "en-US", **more)


def say(stream: HearingStream, chunks: int = WHOLE_SENTENCE) -> None:
    for _ in range(chunks):
        stream.hear(LOUD)


async def until_final(heard: AsyncIterator[Heard]) -> list[Transcript]:
    found: list[Transcript] = []
    async with asyncio.timeout(5):
        async for one in heard:
            assert isinstance(one, Transcript)
            found.append(one)
            if one.is_final:
                break
    return found


async def all_of(stream: HearingStream, seconds: float = 5.0) -> list[Heard]:
    async with asyncio.timeout(seconds):
        return [one async for one in stream.heard()]


async def failed(stream: HearingStream) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await all_of(stream)
    await stream.close()
    return raised.value


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it was not so within 5 s")


# messages


def test_sound_is_an_audio_event() -> None:
    message = unpack(audio_event(b"\1\2\3\4"))
    assert (message.headers, message.payload) == (AUDIO, b"\1\2\3\4")
    assert wire().audio(b"\1\2\3\4") == audio_event(b"\1\2\3\4")
    assert wire().goodbye() == [audio_event(b"")]


@pytest.mark.parametrize(("frames", "seconds"), [(wire().finish(), 0.6), (wire().keep_alive(), 0.1)])
def test_pauses_are_silence(frames: list[bytes], seconds: float) -> None:
    (frame,) = frames
    assert unpack(frame).payload == bytes(round(32_000 * seconds))


def event(*results: Mapping[str, Any]) -> bytes:
    return pack(TRANSCRIPT, json.dumps({"Transcript": {"Results": results}}).encode())


def result(text: str, *, is_partial: bool, **more: Any) -> dict[str, Any]:
    """As the guide has it (streaming-partial-results.html, API_streaming_Result.html)."""
    items = [
        {"Content": word, "EndTime": 0.37, "StartTime": 0.02, "Type": "pronunciation", "VocabularyFilterMatch": False}
        for word in text.split()
    ]
    if not is_partial:
        items = [item | {"Confidence": 0.8 + number / 10} for number, item in enumerate(items)]
    ends = {"EndTime": 0.56, "StartTime": 0.02, "ResultId": "2db76dc8-d728-11e8-9f8b-f2801f1b9fd1"}
    return {"Alternatives": [{"Items": items, "Transcript": text}], "IsPartial": is_partial, **ends, **more}


def test_results_are_transcripts() -> None:
    assert wire().received(event()) == []
    assert wire().received(event(result("the", is_partial=True))) == [Transcript("the", False, 1.0, "en-US")]
    (final,) = wire().received(event(result("The Amazon.", is_partial=False, LanguageCode="es-US")))
    assert final == Transcript("The Amazon.", True, pytest.approx(0.85), "es-US")
    both = event(result("Yes.", is_partial=False), result("and", is_partial=True))
    assert [one.text for one in wire(has_partials=False).received(both)] == ["Yes."]  # type: ignore[union-attr]


def test_other_events_are_passed_over() -> None:
    assert wire().received(pack(TRANSCRIPT | {":event-type": "UtteranceEvent"}, b"{}")) == []


def refusal(name: str, words: str) -> bytes:
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return pack(headers, json.dumps({"Message": words}).encode())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("BadRequestException", "request"), ("UnrecognizedClientException", "key"),
     ("LimitExceededException", "rate_limit"), ("InternalFailureException", "unavailable"),
     ("ConflictException", "unavailable"), ("ServiceUnavailableException", "unavailable")],
)  # fmt: skip
def test_refusals_come_as_messages(name: str, kind: FailureKind) -> None:
    with pytest.raises(ProviderError, match=r"Amazon Transcribe .*: because of it") as raised:
        wire().received(refusal(name, "because of it"))
    assert raised.value.kind == kind


def test_silence_on_our_side_is_no_lasting_failure() -> None:
    words = "Your request timed out because no new audio was received for 15 seconds."
    with pytest.raises(ProviderError, match="no new audio") as raised:
        wire().received(refusal("BadRequestException", words))
    assert (raised.value.kind, raised.value.is_lasting) == ("timeout", False)


def test_an_error_message_is_a_refusal_too() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "oh dear"}
    with pytest.raises(ProviderError, match="answered InternalFailure: oh dear"):
        wire().received(pack(headers, b""))


GARBAGE = [
    "text", b"", b"\0" * 16, event()[:-1], event() + event(), event()[:-1] + b"\0", pack({}, b""),
    pack(TRANSCRIPT, b"{"), pack(TRANSCRIPT, b"[]"), pack(TRANSCRIPT, b'{"Transcript": {"Results": [{}]}}'),
    pack({":message-type": "exception"}, b""),
]  # fmt: skip


@pytest.mark.parametrize("frame", GARBAGE)
def test_garbage_is_told(frame: str | bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        wire().received(frame)
    assert raised.value.kind == "garbage"


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
def test_nothing_else_is_raised_by_whatever_comes(noise: bytes, at: int, byte: int) -> None:
    good = bytearray(event(result("the", is_partial=True)))
    good[at % len(good)] = byte
    for frame in (noise, bytes(good), pack(TRANSCRIPT, noise)):
        try:
            wire().received(frame)
        except ProviderError as error:
            assert error.kind == "garbage"  # noqa: PT017


# options


async def asked(server: AwsServer, wanted: SpeechSpec) -> dict[str, str]:
    """The query that a stream with these options has."""
    stream = await open_stt(wanted, server.environ).open()
    say(stream, 5)
    await until(lambda: bool(server.requests))
    await stream.close()
    query: dict[str, str] = server.requests.pop()
    return query


PLAIN = {
    "media-encoding": "pcm",
    "sample-rate": "16000",
    "language-code": "en-US",
    "enable-partial-results-stabilization": "true",
    "partial-results-stability": "high",
}


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (spec(), {}),
        (spec("es"), {"language-code": "es-ES"}),
        (spec("es-us"), {"language-code": "es-US"}),
        (spec(partial_results_stability="low"), {"partial-results-stability": "low"}),
        (
            spec(partial_results_stability="off"),
            {"enable-partial-results-stabilization": None, "partial-results-stability": None},
        ),
        (spec(name="orders-v2"), {"language-model-name": "orders-v2"}),
        (spec(vocabulary_names=["parts"]), {"vocabulary-name": "parts"}),
        (
            spec(vocabulary_filter_names=["rude"]),
            {"vocabulary-filter-name": "rude", "vocabulary-filter-method": "mask"},
        ),
        (
            spec(vocabulary_filter_names=["rude"], vocabulary_filter_method="remove"),
            {"vocabulary-filter-name": "rude", "vocabulary-filter-method": "remove"},
        ),
        (spec(redact=["PIN", "NAME"]), {"content-redaction-type": "PII", "pii-entity-types": "PIN,NAME"}),
        (
            spec("es", language_options=["en", "es-MX"], vocabulary_names=["parts", "piezas"]),
            {
                "language-code": None,
                "identify-language": "true",
                "language-options": "en-US,es-MX",
                "preferred-language": "es-MX",
                "vocabulary-names": "parts,piezas",
            },
        ),
        (
            spec("en", language_options=["en", "fr"], identify_multiple_languages=True),
            {"language-code": None, "identify-multiple-languages": "true", "language-options": "en-US,fr-FR"},
        ),
        (spec(region="eu-west-1"), {}),
    ],
)
async def test_options_are_in_the_address(server: AwsServer, wanted: SpeechSpec, changes: dict[str, Any]) -> None:
    expected = {name: value for name, value in {**PLAIN, **changes}.items() if value is not None}
    assert await asked(server, wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (spec("eo"), "`language` of transcribe is none that Transcribe hears"),
        (spec("es-AR"), "of that language it hears es-ES, es-US, es-MX"),
        (spec(punctuate=True), "transcribe takes no option `punctuate`"),
        (spec(partial_results_stability="higher"), "`partial_results_stability` of transcribe must be one of"),
        (spec(vocabulary_names=["no such/name"]), "`vocabulary_names` of transcribe has an entry, number 1"),
        (spec(vocabulary_names=["a", "b"]), "more than one entry, which needs language_options"),
        (spec(vocabulary_filter_method="mask"), "needs vocabulary_filter_names"),
        (spec(identify_multiple_languages=True), "needs language_options"),
        (spec(language_options=["en"]), "must have at least 2 entries"),
        (spec(language_options=["en-US", "en-GB"]), "names a language twice"),
        (spec(language_options=["en", "es"], name="orders"), "goes not with a custom language model"),
        (spec(region="the moon"), "`region` of transcribe must match"),
    ],
)
def test_options_that_it_does_not_take_are_refused(wanted: SpeechSpec, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_stt(wanted, {})
    assert words in str(raised.value)
    assert raised.value.kind == "request"


# conversations


async def test_a_conversation_is_understood(server: AwsServer) -> None:
    before = asyncio.all_tasks()
    stream = await open_stt(spec("en"), server.environ).open()
    heard = stream.heard()
    say(stream)
    stream.finish()
    found = await until_final(heard)
    assert [one.text for one in found if not one.is_final][-1] == "where is my order"
    assert found[-1] == Transcript("where is my order", True, pytest.approx(0.98), "en-US")
    for _ in range(40):
        stream.hear(SILENCE)
    say(stream, 40)
    stream.finish()
    assert (await until_final(heard))[-1].text == "thank you"
    await stream.close()
    await stream.close()
    with pytest.raises(StopAsyncIteration):
        await anext(heard)
    await until(lambda: server.open_connections == 0 and asyncio.all_tasks() == before)


async def test_redacted_is_only_what_is_final(server: AwsServer) -> None:
    stream = await open_stt(spec(redact=["ALL"]), server.environ).open()
    say(stream)
    stream.finish()
    assert [one.is_final for one in await until_final(stream.heard())] == [True]
    await stream.close()


async def test_of_what_it_is_silent_about_nothing_was_understood(
    server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.05)
    stream = await open_stt(spec(), server.environ).open()
    stream.hear(SILENCE)
    stream.finish()
    assert await until_final(stream.heard()) == [Transcript("", is_final=True)]
    await stream.close()


async def test_a_stream_is_kept_open_by_silence(server: AwsServer) -> None:
    server.transcribe.idle_seconds = 0.2
    ear = open_stt(spec(), server.environ)
    object.__setattr__(ear, "keep_alive_seconds", 0.05)
    stream = await ear.open()
    with pytest.raises(TimeoutError):
        await all_of(stream, 0.6)
    await stream.close()


async def test_temporary_keys_are_signed_with_their_token() -> None:
    async with aws_server(sentences=SENTENCES, token="temporary/+=") as server:
        stream = await open_stt(spec(), server.environ).open()
        say(stream)
        stream.finish()
        assert (await until_final(stream.heard()))[-1].text == SENTENCES[0]
        await stream.close()


# failures


@pytest.mark.parametrize("changed", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_wrong_keys_are_told_after_the_upgrade(server: AwsServer, changed: str) -> None:
    stream = await open_stt(spec(), {**server.environ, changed: "WRONG"}).open()
    error = await failed(stream)
    assert (error.kind, error.is_lasting) == ("key", True)
    assert str(error).startswith("Amazon Transcribe refused the keys: The ")
    assert "WRONG" not in str(error)


async def test_too_many_streams(server: AwsServer) -> None:
    server.transcribe.max_streams = 0
    error = await failed(await open_stt(spec(), server.environ).open())
    assert (error.kind, error.is_lasting) == ("rate_limit", False)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble("close", after=0.5), "network"),
        (Trouble("drop", after=0.5), "network"),
        (Trouble("garbage", after=0.5), "garbage"),
        (Trouble("error", after=0.5, code="InternalFailureException"), "unavailable"),
        (Trouble("error", after=0.5, code="BadRequestException"), "request"),
        (Trouble("error", after=0.5, code="LimitExceededException"), "rate_limit"),
    ],
    ids=lambda one: f"{one.kind}-{one.code}" if isinstance(one, Trouble) else one,
)
async def test_troubles_of_a_stream(server: AwsServer, trouble: Trouble, kind: FailureKind) -> None:
    server.trouble = trouble
    stream = await open_stt(spec(), server.environ).open()
    say(stream)
    error = await failed(stream)
    assert error.kind == kind
    assert str(error).startswith("Amazon Transcribe ")


@pytest.mark.parametrize(
    ("status", "kind"), [(403, "key"), (429, "rate_limit"), (500, "unavailable"), (503, "unavailable")]
)
async def test_an_upgrade_that_is_refused(server: AwsServer, status: int, kind: FailureKind) -> None:
    server.trouble = Trouble("refuse", status=status, headers={"Retry-After": "2"})
    with pytest.raises(ProviderError, match="emulated trouble") as raised:
        await open_stt(spec(), server.environ).open()
    assert (raised.value.kind, raised.value.retry_after) == (kind, 2.0)


async def test_one_that_never_answers(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.providers.vendor_socket.OPEN_SECONDS", 0.1)
    server.trouble = Trouble("hang")
    with pytest.raises(ProviderError) as raised:
        await open_stt(spec(), server.environ).open()
    assert raised.value.kind == "timeout"


async def test_one_that_falls_silent_is_settled(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.3)
    server.trouble = Trouble("stall", after=0.95)
    stream = await open_stt(spec(), server.environ).open()
    say(stream)
    stream.finish()
    found = await until_final(stream.heard())
    assert found[-1].text == "where is my"[: len(found[-1].text)]
    assert found[-1].text
    await stream.close()


async def test_nobody_there(server: AwsServer) -> None:
    server.kill()
    with pytest.raises(ProviderError) as raised:
        await open_stt(spec(), server.environ).open()
    assert raised.value.kind in ("network", "garbage")


async def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
    with pytest.raises(ProviderError, match="is in no region") as raised:
        await open_stt(spec(), keys).open()
    assert raised.value.kind == "missing"

"""Gladia hears by a session that is asked for first; each way in which that fails has its kind and its words."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulators.gladia_server import GladiaServer, gladia_server
from tests.emulators.trouble import Trouble
from tests.providers._hearing import gone, has_final, heard_by

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers import ear_socket, gladia_ear
from pinecall_run.providers.contracts import Heard, ProviderError, SpeechSpec, Transcript
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.gladia_ear import GladiaWire, open_stt

SAID = "where is my order"
ENVIRON = {"GLADIA_API_KEY": "s3cret"}


def spec(name: str = "", language: str = "en", **options: Any) -> SpeechSpec:
    return SpeechSpec("gladia", name, language, options)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[GladiaServer]:
    async with gladia_server([SAID]) as running:
        yield running


# messages


def wire() -> GladiaWire:
    return GladiaWire(Vendor("Gladia", "GLADIA_API_KEY", "GLADIA_URL", ("s3cret",)))


TRANSCRIPT: dict[str, Any] = {
    "session_id": "4a39145c-2844-4557-8f34-34883f7be7d9",
    "created_at": "2021-09-01T12:00:00.123Z",
    "type": "transcript",
    "data": {
        "id": "00-00000011",
        "utterance": {
            "text": "Hello world.",
            "start": 0,
            "end": 0.48,
            "language": "en",
            "confidence": 0.91,
            "channel": 0,
            "words": [{"word": "Hello", "start": 0, "end": 0.4, "confidence": 0.9}],
        },
        "is_final": True,
    },
}
"""As the page on the WebSocket has it."""


def _message(**utterance: Any) -> str:
    data = {"id": "00-00000011", "is_final": False, "utterance": {**TRANSCRIPT["data"]["utterance"], **utterance}}
    return json.dumps({**TRANSCRIPT, "data": data})


def test_what_its_messages_come_to() -> None:
    assert wire().received(json.dumps(TRANSCRIPT)) == [Transcript("Hello world.", True, 0.91, "en")]
    assert wire().received(_message(text=" Hello ")) == [Transcript("Hello", False, 0.91, "en")]
    assert wire().received(_message(text=" ")) == []
    acknowledged = {"acknowledged": True, "error": None, "data": {"byte_range": [0, 4095], "time_range": [0, 0.136]}}
    assert wire().received(json.dumps({**TRANSCRIPT, "type": "audio_chunk", **acknowledged})) == []
    assert wire().received(json.dumps({"type": "speech_start", "data": {"time": 0, "channel": 0}})) == []
    assert wire().received(json.dumps({"type": "what_comes_next_year"})) == []


def test_what_it_is_told() -> None:
    assert (wire().audio(b"\1\2"), wire().finish()) == (b"\1\2", [])
    assert wire().keep_alive() == [SILENCE.tobytes()]
    assert wire().goodbye() == ['{"type": "stop_recording"}']


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [({"status_code": 400, "exception": "BadRequest", "message": "not s3cret"}, "request",
      "Gladia answered 400: not …"),
     ({"status_code": 429, "message": "slower"}, "rate_limit", "Gladia is asked too much at once: slower"),
     ({"message": "it broke"}, "unavailable", "Gladia failed: it broke"),
     ("it broke", "unavailable", "Gladia failed: it broke")],
)  # fmt: skip
def test_sound_that_it_does_not_take_is_a_failure_with_its_words(error: Any, kind: str, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        wire().received(json.dumps({"type": "audio_chunk", "acknowledged": False, "error": error, "data": None}))
    assert (raised.value.kind, str(raised.value)) == (kind, words)


@pytest.mark.parametrize(
    "frame",
    ["", "no", "[]", "{}", b"\xff", '{"type": "transcript"}', '{"type": "transcript", "data": {"utterance": 1}}'],
)
def test_what_is_no_message_is_garbage(frame: str | bytes) -> None:
    with pytest.raises(ProviderError, match="Gladia sent a message that is none of its interface") as raised:
        wire().received(frame)
    assert raised.value.kind == "garbage"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "confidence"]), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(_JSON, st.sampled_from(["type", "data", "error", "utterance", "is_final"]))
def test_no_message_does_anything_else(value: Any, name: str) -> None:
    data = {**TRANSCRIPT["data"], name: value}
    for message in (value, {**TRANSCRIPT, name: value}, {**TRANSCRIPT, "data": data}):
        with suppress(ProviderError):
            assert all(isinstance(heard, Transcript) for heard in wire().received(json.dumps(message)))


# what is asked for

WRONG = [
    (spec(language="tlh"), "gladia does not hear `tlh`"),
    (spec(endpointing=0), "`endpointing` of gladia is 0, and must be at least 0.01"),
    (spec(max_duration_without_endpointing=90), "`max_duration_without_endpointing` of gladia is 90"),
    (spec(speech_threshold=2), "`speech_threshold` of gladia is 2, and must be at most 1"),
    (spec(languages=["es-ES"]), "`languages` of gladia has an entry, number 1, that must be one of"),
    (spec(languages=[]), "`languages` of gladia must have at least 1 entries"),
    (spec(custom_spelling={"Acme": "akme"}), "`custom_spelling` of gladia must have a list of texts under each word"),
    (spec(custom_spelling=["Acme"]), "`custom_spelling` of gladia must be a mapping"),
    (spec(region="moon"), "`region` of gladia must be one of eu-west, us-west"),
    (spec(interim_results=True), "gladia takes no option `interim_results`"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_what_gladia_would_refuse_is_refused(asked: SpeechSpec, message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_stt(asked, ENVIRON)
    assert str(raised.value).startswith(message)
    assert raised.value.kind == "request"
    assert raised.value.hint


def test_a_missing_key_says_what_to_set() -> None:
    with pytest.raises(ProviderError, match="gladia needs a key") as raised:
        open_stt(spec(), {})
    assert (raised.value.kind, raised.value.hint) == ("missing", "set GLADIA_API_KEY where the voice server runs")


async def opened_with(server: GladiaServer, asked: SpeechSpec) -> dict[str, Any]:
    async with heard_by(asked, server.environ):
        return server.requests[-1]


async def test_what_is_asked_for_by_default(server: GladiaServer) -> None:
    asked = await opened_with(server, spec(language="es-AR"))
    messages = asked.pop("messages_config")
    assert asked == {
        "encoding": "wav/pcm", "bit_depth": 16, "sample_rate": 16_000, "channels": 1, "model": "solaria-1",
        "endpointing": 0.1, "maximum_duration_without_endpointing": 15.0,
        "language_config": {"languages": ["es"], "code_switching": False},
    }  # fmt: skip
    assert {name for name, on in messages.items() if on} == {
        "receive_partial_transcripts", "receive_final_transcripts", "receive_acknowledgments", "receive_errors"
    }  # fmt: skip


async def test_every_option_is_asked_for(server: GladiaServer) -> None:
    asked = await opened_with(
        server,
        spec(
            "solaria", "en-GB", endpointing=0.3, max_duration_without_endpointing=20, languages=["en", "cy"],
            code_switching=True, keyterms=["Acme", " ", "order number"], keyterm_intensity=0.7,
            custom_spelling={"Acme": ["akme", "ack me"]}, speech_threshold=0.8, audio_enhancer=True, region="us-west",
        ),
    )  # fmt: skip
    assert (asked["endpointing"], asked["maximum_duration_without_endpointing"]) == (0.3, 20)
    assert asked["language_config"] == {"languages": ["en", "cy"], "code_switching": True}
    assert asked["pre_processing"] == {"speech_threshold": 0.8, "audio_enhancer": True}
    assert asked["realtime_processing"] == {
        "custom_vocabulary": True,
        "custom_vocabulary_config": {"vocabulary": ["Acme", "order number"], "default_intensity": 0.7},
        "custom_spelling": True,
        "custom_spelling_config": {"spelling_dictionary": {"Acme": ["akme", "ack me"]}},
    }


@pytest.mark.parametrize(
    ("asked", "languages", "is_switching"),
    [(spec(language="nb-NO"), ["no"], False), (spec(language=""), [], False), (spec(language="jv"), ["jw"], False),
     (spec(language="multi"), [], True), (spec(code_switching=True), [], True),
     (spec(languages=["es", "ca"]), ["es", "ca"], False)],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
async def test_languages_are_told_as_it_writes_them(
    server: GladiaServer, asked: SpeechSpec, languages: list[str], is_switching: bool
) -> None:
    found = (await opened_with(server, asked))["language_config"]
    assert found == {"languages": languages, "code_switching": is_switching}


async def test_a_model_that_it_does_not_have_is_told_by_gladia(server: GladiaServer) -> None:
    with pytest.raises(ProviderError) as raised:
        await open_stt(spec("solaria-9"), server.environ).open()
    words = "Gladia answered 400: Invalid parameter(s); model must be one of the following values: solaria-1"
    assert (raised.value.kind, str(raised.value)) == ("request", words)


# a conversation


def finals(heard: list[Heard]) -> list[str]:
    return [one.text for one in heard if isinstance(one, Transcript) and one.is_final]


async def test_sentences_are_heard_as_they_are_said_and_then_for_good(server: GladiaServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        for _ in range(2):
            caller.speaks(4)
            caller.pauses(0.6)
            heard = await caller.until(has_final)
            assert heard[0] == Transcript("where", False, 0.61, "en")
            assert heard[-1] == Transcript(SAID, True, 0.97, "en")
            assert finals(heard) == [SAID]
    (session,) = server.sessions
    assert session.seconds == pytest.approx(3.6, abs=0.1)
    await gone(server)
    assert session.is_over, "it was told that no more comes"


async def test_what_it_does_not_make_final_in_time_counts_as_it_is(
    server: GladiaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.1)
    async with heard_by(spec(), server.environ) as caller:
        caller.speaks(4)
        caller.pauses(0.2)
        caller.stream.finish()
        heard = await caller.until(has_final)
        assert heard[-1] == Transcript(SAID, is_final=True)
        caller.pauses(0.6)
        await asyncio.sleep(0.1)
        assert finals(caller.heard) == [], "the same once more is no news"


async def test_where_nothing_was_said_nobody_waits(server: GladiaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.05)
    async with heard_by(spec(), server.environ) as caller:
        caller.pauses(0.4)
        caller.stream.finish()
        assert await caller.until(has_final) == [Transcript("", is_final=True)]


async def test_a_silent_line_is_kept_open(server: GladiaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gladia_ear, "KEEP_ALIVE_SECONDS", 0.05)
    server.idle_seconds = 0.3
    async with heard_by(spec(), server.environ) as caller:
        await asyncio.sleep(0.6)
        caller.speaks(4)
        caller.pauses(0.6)
        assert finals(await caller.until(has_final)) == [SAID]


async def test_its_silence_is_told_from_the_callers(server: GladiaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gladia_ear, "SILENT_SECONDS", 0.1)
    async with heard_by(spec(), server.environ) as caller:
        caller.pauses(2.0)
        await asyncio.sleep(0.3)
        assert caller.error is None, "it took all of it"


async def test_a_stream_after_one_that_broke_is_another_session(server: GladiaServer) -> None:
    server.trouble = Trouble("drop", after=0.5, times=1)
    stt = open_stt(spec(), server.environ)
    for is_broken in (True, False):
        async with heard_by(spec(), server.environ) as caller:
            caller.speaks(4)
            caller.pauses(0.6)
            if is_broken:
                assert (await caller.fails()).kind == "network"
            else:
                assert finals(await caller.until(has_final)) == [SAID]
    assert [session.attached for session in server.sessions] == [1, 1]
    assert stt.has_turns is False


# failures


async def _fails(server: GladiaServer, trouble: Trouble, strikes_at: Any = "") -> ProviderError:
    """How a trouble ends a stream, or its opening; neither the key nor the session's token shows."""
    server.trouble, server.strikes_at = trouble, strikes_at
    try:
        async with heard_by(spec(), server.environ) as caller:
            caller.speaks(4)
            error = await caller.fails()
    except ProviderError as refusal:
        error = refusal
    told = f"{error} {error.hint}"
    assert server.key not in told
    assert not any(session.token in told for session in server.sessions)
    return error


@pytest.mark.parametrize("strikes_at", ["init", "socket"])
@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(400, "request", "Gladia answered 400: no"), (401, "key", "Gladia refused the key: no"),
     (402, "credit", "Gladia has no credit left: no"), (403, "key", "Gladia refused the key: no"),
     (422, "request", "Gladia answered 422: no"), (429, "rate_limit", "Gladia is asked too much at once: no"),
     (503, "unavailable", "Gladia answered 503: no")],
)  # fmt: skip
async def test_a_refusal_has_its_kind_and_its_words(
    server: GladiaServer, strikes_at: str, status: int, kind: str, words: str
) -> None:
    trouble = Trouble("refuse", status=status, headers={"Retry-After": "7"}, reason="no")
    error = await _fails(server, trouble, strikes_at)
    assert (error.kind, str(error), error.retry_after) == (kind, words, 7.0)


async def test_a_wrong_key_is_refused(server: GladiaServer) -> None:
    with pytest.raises(ProviderError, match="Gladia refused the key") as raised:
        await open_stt(spec(), {**server.environ, "GLADIA_API_KEY": "wrong"}).open()
    assert (raised.value.kind, raised.value.hint) == ("key", "check GLADIA_API_KEY where the voice server runs")


@pytest.mark.parametrize(
    ("kind", "comes_to", "words"),
    [("close", "garbage", "Gladia sent what is no whole answer of HTTP"),
     ("drop", "network", "Gladia broke the connection off"),
     ("garbage", "garbage", "Gladia sent an answer that names no session")],
)  # fmt: skip
async def test_a_session_that_cannot_be_begun_says_why(
    server: GladiaServer, kind: Any, comes_to: str, words: str
) -> None:
    error = await _fails(server, Trouble(kind), "init")
    assert (error.kind, str(error)) == (comes_to, words)


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [(Trouble("close", after=0.5, code=4408, reason="time is up"), "network",
      "Gladia closed the connection (4408): time is up"),
     (Trouble("drop", after=0.5), "network", "Gladia broke the connection off"),
     (Trouble("stall", after=0.5), "timeout", "Gladia says nothing any more"),
     (Trouble("garbage", after=0.5), "garbage", "Gladia sent a message that is none of its interface"),
     (Trouble("error", after=0.5, reason="it broke"), "unavailable", "Gladia failed: it broke")],
    ids=lambda value: getattr(value, "kind", ""),
)  # fmt: skip
async def test_a_stream_that_fails_says_how(
    server: GladiaServer, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, kind: str, words: str
) -> None:
    if trouble.kind == "stall":
        monkeypatch.setattr(gladia_ear, "SILENT_SECONDS", 0.3)
    error = await _fails(server, trouble)
    assert (error.kind, str(error)) == (kind, words)
    await gone(server)


async def test_a_post_that_is_never_answered_is_given_up(server: GladiaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gladia_ear, "OPEN_SECONDS", 0.1)
    error = await _fails(server, Trouble("hang"), "init")
    assert (error.kind, str(error)) == ("timeout", "Gladia did not answer in time")


@pytest.mark.parametrize(
    ("url", "words"),
    [("", "Gladia cannot be reached: Connect"), ("nonsense", "Gladia cannot be reached")],
)
async def test_nobody_there_is_a_failure_of_the_network(url: str, words: str) -> None:
    async with gladia_server() as server:
        environ = server.environ
    with pytest.raises(ProviderError, match=words) as raised:
        await open_stt(spec(), {**environ, **({"GLADIA_URL": url} if url else {})}).open()
    assert (raised.value.kind, raised.value.hint) == ("network", "check the network and GLADIA_URL")


@pytest.mark.parametrize(
    ("cause", "words"),
    [(socket.gaierror(-2, "Name or service not known"), "its name is not known to the network"),
     (OSError("All connection attempts failed"), ""), (ConnectionRefusedError(111, "Refused"), "Refused")],
)  # fmt: skip
def test_what_lies_under_an_error_is_told(cause: OSError, words: str) -> None:
    error = httpx2.ConnectError("")
    error.__cause__ = cause
    told = str(gladia_ear._unreached(Vendor("Gladia"), error))
    assert told == "Gladia cannot be reached" + (f": {words}" if words else "")


async def test_an_answer_that_names_no_websocket_is_garbage() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"id": "1", "url": "https://elsewhere.example/"}'
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ProviderError, match="Gladia sent an answer that names no session") as raised:
            await open_stt(spec(), {**ENVIRON, "GLADIA_URL": url}).open()
    assert raised.value.kind == "garbage"

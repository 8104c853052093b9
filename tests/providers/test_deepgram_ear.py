"""Nova as Deepgram's pages have its messages, and against an emulator of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators.deepgram_server import DeepgramServer, deepgram_server
from tests.emulators.trouble import Trouble
from tests.providers._hearing import gone, has_final, heard_by

from pinecall_run.providers import _deepgram, ear_socket, vendor_socket
from pinecall_run.providers.contracts import Heard, ProviderError, SpeechSpec, Transcript, TurnSignal
from pinecall_run.providers.deepgram_ear import NovaWire, open_stt
from pinecall_run.providers.failures import Vendor

VENDOR = Vendor("Deepgram", "DEEPGRAM_API_KEY", "DEEPGRAM_URL", ("s3cret",))
ENVIRON = {"DEEPGRAM_API_KEY": "s3cret"}
SAID = "Where is my order?"


def spec(model: str = "", language: str = "", **options: Any) -> SpeechSpec:
    return SpeechSpec("deepgram", model, language, options)


@pytest.fixture
async def server() -> AsyncIterator[DeepgramServer]:
    async with deepgram_server([SAID, "No, the other one."]) as emulated:
        yield emulated


# the wire


def wire(**options: Any) -> NovaWire:
    return NovaWire(VENDOR, options, "en")


def results(text: str, *, confidence: float = 0.98, **flags: Any) -> str:
    """As https://developers.deepgram.com/docs/interim-results shows one, without the words."""
    return json.dumps(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": 1.039875,
            "start": 0.0,
            "is_final": False,
            "speech_final": False,
            "channel": {"alternatives": [{"transcript": text, "confidence": confidence, "words": []}]},
            "metadata": {"request_id": "52cc0efe-fa77-4aa7-b79c-0dda09de2f14"},
            **flags,
        }
    )


def test_what_seems_to_be_said_is_told_and_then_what_was() -> None:
    nova = wire()
    assert nova.received(results("another big")) == [Transcript("another big", False, 0.98, "en")]
    assert nova.received(results("Another big problem.", is_final=True, speech_final=True)) == [
        Transcript("Another big problem.", True, 0.98, "en")
    ]


def test_silence_is_no_news_unless_it_takes_something_back_or_answers() -> None:
    nova = wire()
    assert nova.received(results("")) == []
    assert nova.received(results("", is_final=True, speech_final=True)) == []
    nova.received(results("uh"))
    assert nova.received(results("", is_final=True)) == [Transcript("", True, 0.98, "en")]
    assert nova.received(results("", is_final=True, from_finalize=True)) == [Transcript("", True, 0.98, "en")]


def test_what_is_not_understood_well_enough_counts_as_nothing() -> None:
    nova = wire(min_confidence=0.5)
    assert nova.received(results("mumble", confidence=0.3)) == []
    assert nova.received(results("mumble", confidence=0.3, is_final=True, from_finalize=True)) == [
        Transcript("", True, 0.3, "en")
    ]
    assert nova.received(results("clear", confidence=0.5)) == [Transcript("clear", False, 0.5, "en")]


def test_interim_results_may_be_kept_back() -> None:
    nova = wire(interim_results=False)
    assert nova.received(results("another")) == []
    assert nova.received(results("another big", is_final=True)) == [Transcript("another big", True, 0.98, "en")]


def test_of_several_languages_the_one_that_is_spoken_is_told() -> None:
    message = json.loads(results("hola", is_final=True))
    message["channel"]["alternatives"][0]["languages"] = ["es", "en"]
    assert wire().received(json.dumps(message)) == [Transcript("hola", True, 0.98, "es")]


def test_its_own_voice_detection_makes_turns() -> None:
    nova = wire(use_native_vad=True)
    assert nova.received('{"type": "SpeechStarted", "channel": [0, 1], "timestamp": 9.54}') == [TurnSignal("started")]
    nova.received(results("where is", is_final=True))
    assert nova.received(results("my order?", is_final=True, speech_final=True))[1:] == [
        TurnSignal("ended", "where is my order?")
    ]
    end = '{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.395}'
    assert nova.received(end) == [], "it is over already"
    nova.received(results("on a noisy line", is_final=True))
    assert nova.received(end) == [TurnSignal("ended", "on a noisy line")]


def test_without_it_there_are_no_turns() -> None:
    nova = wire()
    assert nova.received('{"type": "SpeechStarted", "channel": [0, 1], "timestamp": 9.54}') == []
    nova.received(results("where", is_final=True))
    assert nova.received('{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.395}') == []


def test_what_goes_out() -> None:
    nova = wire()
    assert nova.keep_alive() == [bytes(640)], "until there was sound, only sound counts"
    assert nova.audio(b"\1\0") == b"\1\0"
    assert nova.keep_alive() == ['{"type": "KeepAlive"}']
    assert nova.finish() == ['{"type": "Finalize"}']
    assert nova.goodbye() == ['{"type": "CloseStream"}']


def test_what_is_none_of_our_affair_is_passed_over() -> None:
    metadata = '{"type": "Metadata", "transaction_key": "deprecated", "request_id": "8c8ebea9", "duration": 25.9}'
    assert wire().received(metadata) == []
    assert wire().received('{"type": "SomethingNew"}') == []


@pytest.mark.parametrize(
    "frame",
    ["\0garbage{", "[1]", "null", "[" * 100_000,
     b"\xff\xfe", '{"type": "Results"}', '{"type": "Results", "channel": 3}',
     '{"type": "Results", "is_final": true, "channel": {"alternatives": []}}'],
)  # fmt: skip
def test_what_is_no_message_of_its_is_an_error(frame: str | bytes) -> None:
    with pytest.raises(ProviderError, match="Deepgram sent a message that is none of its interface") as raised:
        wire().received(frame)
    assert raised.value.kind == "garbage"


_KEYS = ["channel", "alternatives", "transcript", "confidence", "is_final", "languages", "code", "description"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.just(10**400) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=12,
)


@given(st.sampled_from(["Results", "Error", "UtteranceEnd", "SpeechStarted"]), _JSON)
def test_whatever_comes_is_understood_or_an_error(kind: str, value: Any) -> None:
    message = {**value, "type": kind} if isinstance(value, dict) else value
    with suppress(ProviderError):
        assert all(isinstance(heard, Transcript | TurnSignal) for heard in wire().received(json.dumps(message)))


def test_its_own_errors_have_its_words() -> None:
    message = {"type": "Error", "variant": "SchemaError", "description": "Could not deserialize s3cret"}
    with pytest.raises(ProviderError) as raised:
        wire().received(json.dumps(message))
    assert (str(raised.value), raised.value.kind) == ("Deepgram failed: Could not deserialize …", "request")


# what is asked for


WRONG = [
    (spec("nova3"), "deepgram has no model `nova3`"),
    (spec("nova-2", "ar"), "`nova-2` of deepgram does not hear `ar`"),
    (spec("nova-3", "tlh"), "`nova-3` of deepgram does not hear `tlh`"),
    (spec("nova-2-phonecall", "es"), "`nova-2-phonecall` of deepgram does not hear `es`"),
    (spec(endpointing_ms=5), "`endpointing_ms` of deepgram is 5, and must be at least 10"),
    (spec(utterance_end_ms=500), "`utterance_end_ms` of deepgram is 500, and must be at least 1000"),
    (spec(eot_threshold=0.7), "deepgram takes no option `eot_threshold`"),
    (spec("nova-2", keyterms=["Acme"]), "`keyterms` of deepgram is not for nova-2: it takes keywords"),
    (spec("nova-3", keywords=["Acme:2"]), "`keywords` of deepgram is not for nova-3: it takes keyterms"),
    (spec(language_hint="es"), "`language_hint` of deepgram is for nova-3 with the language multi"),
    (spec("", "multi", language_hint=["es", "tlh"]), "`language_hint` of deepgram has `tlh`"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_what_deepgram_would_refuse_or_read_over_is_refused(asked: SpeechSpec, message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_stt(asked, ENVIRON)
    assert str(raised.value).startswith(message)
    assert raised.value.kind == "request"
    assert raised.value.hint


def test_a_missing_key_says_what_to_set() -> None:
    with pytest.raises(ProviderError, match="deepgram needs a key") as raised:
        open_stt(spec(), {})
    assert raised.value.kind == "missing"
    assert raised.value.hint == "set DEEPGRAM_API_KEY where the voice server runs"


async def opened_with(server: DeepgramServer, asked: SpeechSpec) -> dict[str, list[str]]:
    async with heard_by(asked, server.environ):
        return {name: list(values) for name, values in server.requests[-1].parameters.items()}


async def test_what_is_asked_for_by_default(server: DeepgramServer) -> None:
    assert await opened_with(server, spec()) == {
        "model": ["nova-3"], "language": ["en"], "channels": ["1"], "interim_results": ["true"],
        "endpointing": ["300"], "punctuate": ["true"], "encoding": ["linear16"], "sample_rate": ["16000"],
    }  # fmt: skip
    assert server.requests[-1].path == "/v1/listen"


async def test_every_option_is_asked_for(server: DeepgramServer) -> None:
    asked = spec(
        "nova-3", "multi", endpointing_ms=500, utterance_end_ms=1500, use_native_vad=True, punctuate=False,
        smart_format=True, profanity_filter=True, numerals=True, mip_opt_out=True, tag=["a", "b"],
        keyterms=["Acme", "order number", " "], language_hint=["es", "pt-BR"], redact=["pci", "ssn"],
    )  # fmt: skip
    assert await opened_with(server, asked) == {
        "model": ["nova-3"], "language": ["multi"], "channels": ["1"], "interim_results": ["true"],
        "endpointing": ["500"], "utterance_end_ms": ["1500"], "vad_events": ["true"], "smart_format": ["true"],
        "profanity_filter": ["true"], "numerals": ["true"], "mip_opt_out": ["true"], "tag": ["a", "b"],
        "keyterm": ["Acme", "order number"], "language_hint": ["es", "pt"], "redact": ["pci", "ssn"],
        "encoding": ["linear16"], "sample_rate": ["16000"],
    }  # fmt: skip
    asked = spec("nova-2", "es-AR", keywords=["Acme:2", "fundación"])
    found = await opened_with(server, asked)
    assert (found["language"], found["keywords"]) == (["es"], ["Acme:2", "fundación"])
    assert (await opened_with(server, spec("", "nb")))["language"] == ["no"]


async def test_a_model_of_ones_own_takes_any_language(server: DeepgramServer) -> None:
    asked = spec("1dbdfb4d-85b2-4659-9831-16b3c76229aa", "tlh")
    with pytest.raises(ProviderError, match="No such model/language/tier") as raised:
        await open_stt(asked, server.environ).open()
    assert raised.value.kind == "request", "this emulator has none"


# a conversation


def finals(heard: list[Heard]) -> list[str]:
    return [one.text for one in heard if isinstance(one, Transcript) and one.is_final]


async def test_a_sentence_is_heard_in_pieces_and_then_for_good(server: DeepgramServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        for said in (SAID, "No, the other one."):
            caller.speaks(4)
            caller.pauses(0.6)
            heard = await caller.until(has_final)
            assert heard[0] == Transcript(said.split()[0], False, 0.98, "en")
            assert finals(heard) == [said]
        assert server.requests[0].seconds == pytest.approx(3.6, abs=0.1)
    assert server.connections == 1
    await gone(server)
    assert [message["type"] for message in server.requests[0].messages] == ["CloseStream"]


async def test_a_pause_asks_for_what_was_said(server: DeepgramServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        caller.speaks(4)
        caller.pauses(0.2)
        caller.stream.finish()
        assert finals(await caller.until(has_final)) == [SAID]
        assert server.requests[0].messages == [{"type": "Finalize"}]


async def test_where_nothing_was_said_that_is_told_though_deepgram_does_not(
    server: DeepgramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.05)
    async with heard_by(spec(), server.environ) as caller:
        caller.pauses(0.4)
        caller.stream.finish()
        assert await caller.until(has_final) == [Transcript("", is_final=True)]


async def test_deepgram_decides_about_turns_where_it_is_asked_to(server: DeepgramServer) -> None:
    asked = spec(use_native_vad=True)
    assert open_stt(asked, server.environ).has_turns
    assert not open_stt(spec(), server.environ).has_turns
    async with heard_by(asked, server.environ) as caller:
        caller.speaks(4)
        caller.pauses(0.6)
        heard = await caller.until(lambda heard: TurnSignal("ended", SAID) in heard)
        assert heard[0] == TurnSignal("started")


async def test_a_silent_line_is_kept_open(server: DeepgramServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.providers.deepgram_ear.KEEP_ALIVE_SECONDS", 0.05)
    server.nova_idle = 0.3
    async with heard_by(spec(), server.environ) as caller:
        await asyncio.sleep(0.5)  # from the beginning, and with the caller on hold
        caller.speaks(4)
        caller.pauses(0.6)
        await caller.until(has_final)
        await asyncio.sleep(0.5)
        assert caller.error is None
    kinds = {message["type"] for message in server.requests[0].messages}
    assert kinds == {"KeepAlive", "CloseStream"}
    assert server.connections == 1


# failures


async def _fails(server: DeepgramServer, trouble: Trouble) -> ProviderError:
    """How a trouble ends a stream, or its opening; the key shows nowhere."""
    server.trouble = trouble
    try:
        async with heard_by(spec(), server.environ) as caller:
            caller.speaks(4)
            error = await caller.fails()
    except ProviderError as refusal:
        error = refusal
    assert server.key not in f"{error} {error.hint}"
    return error


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(400, "request", "Deepgram answered 400: Bad Request: failed to process audio: corrupt or unsupported data"),
     (401, "key", "Deepgram refused the key: Invalid credentials."),
     (402, "credit", "Deepgram has no credit left: Project does not have enough credits"),
     (403, "key", "Deepgram refused the key: Project does not have access to the requested model."),
     (429, "rate_limit", "Deepgram is asked too much at once: Too many requests. Please try again later"),
     (503, "unavailable", "Deepgram answered 503: Please try again later")],
)  # fmt: skip
async def test_a_refusal_has_its_kind_and_its_words(server: DeepgramServer, status: int, kind: str, words: str) -> None:
    error = await _fails(server, Trouble("refuse", status=status, headers={"Retry-After": "7"}))
    assert error.kind == kind
    assert str(error).startswith(words)
    assert error.retry_after == 7.0


async def test_a_wrong_key_is_refused(server: DeepgramServer) -> None:
    with pytest.raises(ProviderError, match="Deepgram refused the key: Invalid credentials") as raised:
        await open_stt(spec(), {**server.environ, "DEEPGRAM_API_KEY": "wrong"}).open()
    assert (raised.value.kind, raised.value.hint) == ("key", "check DEEPGRAM_API_KEY where the voice server runs")


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [(Trouble("close", after=0.5, code=1011, reason="NET-0000"), "network",
      "Deepgram closed the connection (1011): NET-0000"),
     (Trouble("close", after=0.5, code=1008, reason="DATA-0000"), "request",
      "Deepgram closed the connection (1008): DATA-0000"),
     (Trouble("drop", after=0.5), "network", "Deepgram broke the connection off"),
     (Trouble("stall", after=0.5), "timeout", "Deepgram says nothing any more"),
     (Trouble("garbage", after=0.5), "garbage", "Deepgram sent a message that is none of its interface"),
     (Trouble("error", after=0.5, code="INTERNAL", reason="it broke"), "unavailable", "Deepgram failed: it broke")],
    ids=lambda value: getattr(value, "kind", ""),
)  # fmt: skip
async def test_a_stream_that_fails_says_how(
    server: DeepgramServer, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, kind: str, words: str
) -> None:
    if trouble.kind == "stall":
        monkeypatch.setattr(_deepgram, "SILENT_SECONDS", 0.3)
    error = await _fails(server, trouble)
    assert (error.kind, str(error)) == (kind, words)
    await gone(server)


async def test_a_handshake_that_is_never_answered_is_given_up(
    server: DeepgramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_socket, "OPEN_SECONDS", 0.1)
    error = await _fails(server, Trouble("hang"))
    assert (error.kind, str(error)) == ("timeout", "Deepgram did not answer in time")


async def test_nobody_there_is_a_failure_of_the_network() -> None:
    async with deepgram_server() as server:
        environ = server.environ
    with pytest.raises(ProviderError, match="Deepgram cannot be reached") as raised:
        await open_stt(spec(), environ).open()
    assert (raised.value.kind, raised.value.hint) == ("network", "check the network and DEEPGRAM_URL")


async def test_its_silence_is_told_from_the_callers(server: DeepgramServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deepgram, "SILENT_SECONDS", 0.1)
    async with heard_by(spec(), server.environ) as caller:
        caller.pauses(2.0)
        await asyncio.sleep(0.3)
        assert caller.error is None, "it told that it heard nothing"

"""Flux as Deepgram's pages have its messages, and against an emulator of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators.deepgram_server import DeepgramServer, deepgram_server
from tests.emulators.trouble import Trouble
from tests.providers._hearing import gone, has_final, heard_by

from pinecall_run.providers import _deepgram, ear_socket, vendor_socket
from pinecall_run.providers.contracts import (
    ConfigurableStream,
    Heard,
    ProviderError,
    SpeechSpec,
    Transcript,
    TurnSignal,
)
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.flux_ear import FluxWire, open_stt

VENDOR = Vendor("Deepgram", "DEEPGRAM_API_KEY", "DEEPGRAM_URL", ("s3cret",))
ENVIRON = {"DEEPGRAM_API_KEY": "s3cret"}
EN, MULTI = "flux-general-en", "flux-general-multi"
SAID = "Where is my order?"


def spec(model: str = EN, language: str = "", **options: Any) -> SpeechSpec:
    return SpeechSpec("deepgram-flux", model, language, options)


@pytest.fixture
async def server() -> AsyncIterator[DeepgramServer]:
    async with deepgram_server([SAID, "No, the other one."]) as emulated:
        yield emulated


# the wire


def wire(**options: Any) -> FluxWire:
    return FluxWire(VENDOR, spec(**options))


def turn(event: str, text: str = "", sure: float = 0.1, **more: Any) -> str:
    """As https://developers.deepgram.com/docs/flux/state shows one."""
    words = [{"word": word, "confidence": 0.9} for word in text.split()]
    return json.dumps(
        {
            "type": "TurnInfo",
            "request_id": "a1b2c3",
            "sequence_id": 4,
            "event": event,
            "turn_index": 0,
            "audio_window_start": 0.0,
            "audio_window_end": 1.5,
            "transcript": text,
            "words": words,
            "end_of_turn_confidence": sure,
            **more,
        }
    )


def partial(text: str, confidence: float = 0.9) -> Transcript:
    return Transcript(text, False, confidence, "en")


def test_a_turn_from_its_beginning_to_its_end() -> None:
    flux = wire()
    assert flux.received('{"type": "Connected", "request_id": "a1b2c3", "sequence_id": 0}') == []
    assert flux.received(turn("Update")) == []
    assert flux.received(turn("StartOfTurn", "Hi")) == [TurnSignal("started", "Hi", 0.1)]
    assert flux.received(turn("Update", "Hi")) == []
    assert flux.received(turn("Update", "Hi I need")) == [partial("Hi I need")]
    assert flux.received(turn("EagerEndOfTurn", "Hi I need", 0.5)) == [TurnSignal("eager", "Hi I need", 0.5)]
    assert flux.received(turn("TurnResumed", "Hi I need to", 0.2)) == [TurnSignal("resumed", "Hi I need to", 0.2)]
    assert flux.received(turn("EndOfTurn", "Hi I need to cancel.", 0.8, trigger="model")) == [
        Transcript("Hi I need to cancel.", True, 0.9, "en"),
        TurnSignal("ended", "Hi I need to cancel.", 0.8),
    ]
    assert flux.received(turn("Update")) == []


def test_what_is_not_understood_well_enough_counts_as_nothing() -> None:
    flux = wire(min_confidence=0.95)
    assert flux.received(turn("StartOfTurn", "mumble")) == [TurnSignal("started", "", 0.1)]
    assert flux.received(turn("Update", "mumble")) == []
    assert flux.received(turn("EndOfTurn", "mumble", 0.8)) == [TurnSignal("ended", "", 0.8)]


def test_words_that_were_taken_back_are_no_words_in_the_end() -> None:
    flux = wire()
    flux.received(turn("StartOfTurn", "uh"))
    assert flux.received(turn("EndOfTurn", "", 0.8)) == [Transcript("", True, 1.0, "en"), TurnSignal("ended", "", 0.8)]


def test_of_several_languages_the_one_that_is_spoken_most_is_told() -> None:
    flux = FluxWire(VENDOR, spec(MULTI))
    flux.received(turn("StartOfTurn", "hola", languages=["es", "en"]))
    heard = flux.received(turn("EndOfTurn", "hola", languages=["es", "en"], languages_hinted=[]))
    assert heard[0] == Transcript("hola", True, 0.9, "es")
    assert flux.received(turn("Update", "yes")) == [Transcript("yes", False, 0.9, "")]


def test_in_a_turn_it_is_sent_silence_where_nobody_speaks() -> None:
    flux = wire()
    assert flux.keep_alive() == []
    flux.received(turn("StartOfTurn", "Hi"))
    assert flux.keep_alive() == [bytes(16_000)], "half a second"
    flux.received(turn("EndOfTurn", "Hi", 0.8))
    assert flux.keep_alive() == []


def test_what_goes_out() -> None:
    assert wire().audio(b"\1\0") == b"\1\0"
    assert wire().finish() == ['{"type": "ForceEndTurn"}']
    assert wire().goodbye() == ['{"type": "CloseStream"}']


def configured(before: Mapping[str, Any], after: Mapping[str, Any], model: str = EN, language: str = "") -> Any:
    frames = FluxWire(VENDOR, SpeechSpec("deepgram-flux", model, language, before)).configure(after)
    return frames if frames is None else [json.loads(frame) for frame in frames]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [({}, {"eot_threshold": 0.9},
      {"thresholds": {"eot_threshold": 0.9, "eager_eot_threshold": 0.5, "eot_timeout_ms": 1000}}),
     ({"eager_eot_threshold": 0.3, "eot_timeout_ms": 5000.0}, {"eot_timeout_ms": 6000.0},
      {"thresholds": {"eot_threshold": 0.7, "eager_eot_threshold": 0.5, "eot_timeout_ms": 6000}}),
     ({"keyterms": ["Acme"]}, {"keyterms": ["portero", " "]}, {"keyterms": ["portero"]}),
     ({"keyterms": ["Acme"]}, {}, {"keyterms": []}),
     ({}, {"numerals": True}, {"numerals": True}),
     ({"numerals": True}, {}, {"numerals": False})],
)  # fmt: skip
def test_options_change_on_a_stream(before: Any, after: Any, message: Any) -> None:
    assert configured(before, after) == [{"type": "Configure", **message}]


def test_languages_to_expect_change_on_a_stream_unless_there_are_to_be_none() -> None:
    message = {"type": "Configure", "language_hints": ["es", "en"]}
    assert configured({}, {"language_hint": ["es", "en"]}, MULTI, "fr") == [message]
    assert configured({"language_hint": "es"}, {}, MULTI, "fr") == [{**message, "language_hints": ["fr"]}]
    assert configured({"language_hint": "es"}, {}, MULTI) is None


def test_what_is_ours_alone_changes_without_a_word() -> None:
    flux = wire()
    assert flux.configure({"min_confidence": 0.95}) == []
    assert flux.received(turn("Update", "mumble")) == []


def test_what_takes_another_stream_changes_nothing() -> None:
    flux = wire()
    assert flux.configure({"profanity_filter": True, "min_confidence": 0.95}) is None
    assert flux.received(turn("Update", "mumble")) == [partial("mumble")]


def test_a_change_that_is_refused_ends_the_stream_with_its_words() -> None:
    message = {"type": "ConfigureFailure", "sequence_id": 9, "description": "Keyterm limit exceeded."}
    with pytest.raises(ProviderError) as raised:
        wire().received(json.dumps(message))
    assert str(raised.value) == "Deepgram refused to change options: Keyterm limit exceeded."
    assert not raised.value.is_lasting, "another stream may take them"


@pytest.mark.parametrize("code", ["NET-0001", "UNPARSABLE_CLIENT_MESSAGE", "INTERNAL_SERVER_ERROR"])
def test_its_own_errors_have_its_words(code: str) -> None:
    message = {"type": "Error", "sequence_id": 3, "code": code, "description": "it broke over s3cret"}
    with pytest.raises(ProviderError, match="Deepgram failed: it broke over …") as raised:
        wire().received(json.dumps(message))
    kinds = {"NET-0001": "timeout", "UNPARSABLE_CLIENT_MESSAGE": "request", "INTERNAL_SERVER_ERROR": "unavailable"}
    assert raised.value.kind == kinds[code]


@pytest.mark.parametrize("frame", ["\0garbage{", "[1]", '{"type": "TurnInfo"}', '{"type": "TurnInfo", "words": 3}'])
def test_what_is_no_message_of_its_is_an_error(frame: str) -> None:
    with pytest.raises(ProviderError, match="Deepgram sent a message that is none of its interface") as raised:
        wire().received(frame)
    assert raised.value.kind == "garbage"


_KEYS = ["event", "transcript", "words", "confidence", "end_of_turn_confidence", "languages", "code", "description"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.just(10**400) | st.text() | st.sampled_from(["EndOfTurn", "Update"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=12,
)


@given(st.sampled_from(["TurnInfo", "Error", "ConfigureFailure", "Warning"]), _JSON)
def test_whatever_comes_is_understood_or_an_error(kind: str, value: Any) -> None:
    message = {**value, "type": kind} if isinstance(value, dict) else value
    with suppress(ProviderError):
        assert all(isinstance(heard, Transcript | TurnSignal) for heard in wire().received(json.dumps(message)))


# what is asked for


WRONG = [
    (spec("flux-general-fr"), "deepgram-flux has no model `flux-general-fr`"),
    (spec(EN, "es"), "`flux-general-en` of deepgram-flux does not hear `es`"),
    (spec(MULTI, "zh"), "`flux-general-multi` of deepgram-flux does not hear `zh`"),
    (spec(EN, language_hint="en"), "`language_hint` of deepgram-flux is for flux-general-multi"),
    (spec(MULTI, language_hint=["es", "zh"]), "`language_hint` of deepgram-flux has `zh`"),
    (spec(eot_threshold=0.4), "`eot_threshold` of deepgram-flux is 0.4, and must be at least 0.5"),
    (spec(eager_eot_threshold=0.8), "`eager_eot_threshold` of deepgram-flux is above eot_threshold, 0.7"),
    (spec(eot_timeout_ms=100), "`eot_timeout_ms` of deepgram-flux is 100, and must be at least 500"),
    (spec(endpointing_ms=300), "deepgram-flux takes no option `endpointing_ms`"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_what_deepgram_would_refuse_is_refused(asked: SpeechSpec, message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_stt(asked, ENVIRON)
    assert str(raised.value).startswith(message)
    assert raised.value.kind == "request"
    assert raised.value.hint


def test_a_missing_key_says_what_to_set() -> None:
    with pytest.raises(ProviderError, match="deepgram-flux needs a key") as raised:
        open_stt(spec(), {})
    assert raised.value.kind == "missing"


async def opened_with(server: DeepgramServer, asked: SpeechSpec) -> dict[str, list[str]]:
    async with heard_by(asked, server.environ):
        found = {name: list(values) for name, values in server.requests[-1].parameters.items()}
    assert server.requests[-1].path == "/v2/listen"
    assert (found.pop("encoding"), found.pop("sample_rate")) == (["linear16"], ["16000"])
    return found


async def test_what_is_asked_for_by_default(server: DeepgramServer) -> None:
    thresholds = {"eot_threshold": ["0.7"], "eager_eot_threshold": ["0.5"], "eot_timeout_ms": ["1000"]}
    assert await opened_with(server, spec("")) == {"model": [EN], **thresholds}
    assert await opened_with(server, spec(MULTI)) == {"model": [MULTI], **thresholds}
    assert await opened_with(server, spec(MULTI, "pt-BR")) == {
        "model": [MULTI], **thresholds, "language_hint": ["pt-BR"]
    }  # fmt: skip


async def test_every_option_is_asked_for(server: DeepgramServer) -> None:
    asked = spec(
        MULTI, "es", eot_threshold=1, eager_eot_threshold=0.9, eot_timeout_ms=60_000, keyterms=["Acme", "order number"],
        language_hint=["es", "en-GB"], profanity_filter=True, numerals=True, mip_opt_out=True, tag=["a"],
        redact=["numbers"],
    )  # fmt: skip
    assert await opened_with(server, asked) == {
        "model": [MULTI], "eot_threshold": ["1"], "eager_eot_threshold": ["0.9"], "eot_timeout_ms": ["60000"],
        "keyterm": ["Acme", "order number"], "language_hint": ["es", "en-GB"], "profanity_filter": ["true"],
        "numerals": ["true"], "mip_opt_out": ["true"], "tag": ["a"], "redact": ["numbers"],
    }  # fmt: skip


# a conversation


def has_ended(heard: list[Heard]) -> bool:
    return any(isinstance(one, TurnSignal) and one.kind == "ended" for one in heard)


def signals(heard: list[Heard]) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in heard if isinstance(one, TurnSignal)]


async def test_turns_begin_and_end_by_what_flux_thinks(server: DeepgramServer) -> None:
    assert open_stt(spec(), server.environ).has_turns
    async with heard_by(spec(), server.environ) as caller:
        for said in (SAID, "No, the other one."):
            caller.speaks(4)
            caller.pauses(1.0)
            heard = await caller.until(has_ended)
            assert signals(heard) == [("started", said.split()[0]), ("eager", said), ("ended", said)]
            assert heard[-2] == Transcript(said, True, 0.98, "en")
            assert Transcript(" ".join(said.split()[:2]), False, 0.98, "en") in heard
    await gone(server)
    assert [message["type"] for message in server.requests[0].messages] == ["CloseStream"]


async def test_a_caller_who_goes_on_resumes_the_turn(server: DeepgramServer) -> None:
    async with heard_by(spec(eager_eot_threshold=0.4), server.environ) as caller:
        caller.speaks(4)
        caller.pauses(0.55)
        caller.speaks(4)
        caller.pauses(1.0)
        kinds = [kind for kind, _ in signals(await caller.until(has_ended))]
        assert kinds == ["started", "eager", "resumed", "eager", "ended"]


async def test_a_turn_ends_though_the_caller_is_put_on_hold_in_it(server: DeepgramServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        caller.speaks(4)
        assert signals(await caller.until(has_ended))[-1] == ("ended", SAID)
        assert server.requests[0].seconds > 1.9


async def test_somebody_else_may_end_a_turn(server: DeepgramServer) -> None:
    async with heard_by(spec(eot_threshold=1), server.environ) as caller:
        caller.speaks(4)
        caller.pauses(0.2)
        caller.stream.finish()
        assert signals(await caller.until(has_ended))[-1] == ("ended", SAID)
        assert server.requests[0].messages == [{"type": "ForceEndTurn"}]


async def test_where_somebody_else_does_nothing_said_is_told_too(
    server: DeepgramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.05)
    async with heard_by(spec(), server.environ) as caller:
        caller.pauses(0.4)
        caller.stream.finish()
        assert await caller.until(has_final) == [Transcript("", is_final=True)]


async def test_options_change_in_the_middle_of_a_call(server: DeepgramServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        assert isinstance(caller.stream, ConfigurableStream)
        caller.speaks(4)
        assert caller.stream.configure({"eot_threshold": 0.9, "keyterms": ["Acme"]})
        caller.pauses(1.0)
        heard = await caller.until(has_ended)
        assert heard[-1] == TurnSignal("ended", SAID, 0.9), "it waited until it was surer"
        assert not caller.stream.configure({"profanity_filter": True})
    session = server.requests[0].session
    assert getattr(session, "keyterms") == ["Acme"]  # noqa: B009 - it is of Flux's session only
    assert server.connections == 1


async def test_a_change_that_is_refused_ends_the_stream(server: DeepgramServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        assert isinstance(caller.stream, ConfigurableStream)
        assert caller.stream.configure({"keyterms": ["antidisestablishmentarianism"] * 100})
        error = await caller.fails()
    assert str(error).startswith("Deepgram refused to change options: Keyterm limit exceeded.")
    server.problems.clear()


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
    ("trouble", "kind", "words"),
    [(Trouble("refuse", status=403), "key",
      "Deepgram refused the key: Project does not have access to the requested model."),
     (Trouble("refuse", status=429), "rate_limit",
      "Deepgram is asked too much at once: Too many requests. Please try again later"),
     (Trouble("hang"), "timeout", "Deepgram did not answer in time"),
     (Trouble("close", after=0.5, code=1011, reason="gone"), "network", "Deepgram closed the connection (1011): gone"),
     (Trouble("drop", after=0.5), "network", "Deepgram broke the connection off"),
     (Trouble("stall", after=0.5), "timeout", "Deepgram says nothing any more"),
     (Trouble("garbage", after=0.5), "garbage", "Deepgram sent a message that is none of its interface"),
     (Trouble("error", after=0.5, code="INTERNAL_SERVER_ERROR", reason="it broke"), "unavailable",
      "Deepgram failed: it broke")],
    ids=lambda value: getattr(value, "kind", ""),
)  # fmt: skip
async def test_a_stream_that_fails_says_how(
    server: DeepgramServer, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, kind: str, words: str
) -> None:
    if trouble.kind == "stall":
        monkeypatch.setattr(_deepgram, "SILENT_SECONDS", 0.3)
    if trouble.kind == "hang":
        monkeypatch.setattr(vendor_socket, "OPEN_SECONDS", 0.1)
    error = await _fails(server, trouble)
    assert (error.kind, str(error)) == (kind, words)
    await gone(server)


async def test_a_wrong_key_is_refused(server: DeepgramServer) -> None:
    with pytest.raises(ProviderError, match="Deepgram refused the key: Invalid credentials") as raised:
        await open_stt(spec(), {**server.environ, "DEEPGRAM_API_KEY": "wrong"}).open()
    assert raised.value.kind == "key"


async def test_its_silence_is_told_from_the_callers(server: DeepgramServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deepgram, "SILENT_SECONDS", 0.1)
    async with heard_by(spec(), server.environ) as caller:
        caller.pauses(2.0)
        await asyncio.sleep(0.3)
        assert caller.error is None, "it told that it heard nothing"

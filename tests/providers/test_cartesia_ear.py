"""Cartesia hears in pieces that are one text when it was asked for; each way to fail has its kind and its words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulators.cartesia_ear_server import CartesiaEarServer, cartesia_ear_server
from tests.emulators.trouble import Trouble
from tests.providers._hearing import gone, has_final, heard_by

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers import cartesia_ear, ear_socket, vendor_socket
from pinecall_run.providers.cartesia_ear import InkWire, open_stt
from pinecall_run.providers.contracts import ProviderError, SpeechSpec, Transcript
from pinecall_run.providers.failures import Vendor

SAID = "where is my order"
ENVIRON = {"CARTESIA_API_KEY": "s3cret"}


def spec(name: str = "", language: str = "en", **options: Any) -> SpeechSpec:
    return SpeechSpec("cartesia", name, language, options)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[CartesiaEarServer]:
    async with cartesia_ear_server([SAID]) as running:
        yield running


# messages


def wire() -> InkWire:
    return InkWire(Vendor("Cartesia", "CARTESIA_API_KEY", "CARTESIA_URL", ("s3cret",)))


TRANSCRIPT = {
    "type": "transcript",
    "is_final": True,
    "request_id": "b67e1c5d-2f4c-4c3d-9f82-96eb4d2f12a8",
    "text": "How are you doing today?",
    "duration": 2.5,
    "language": "en",
    "words": [{"word": "How", "start": 0, "end": 0.12}],
}
"""As the page has it."""


def test_pieces_are_joined_as_they_are_until_there_are_no_more() -> None:
    ink = wire()
    pieces = [("How are", False), ("How are yo", True), ("u doing", True), (" to", False), (" today?", True)]
    seems = [ink.received(json.dumps({**TRANSCRIPT, "text": text, "is_final": final})) for text, final in pieces]
    texts = ["How are", "How are yo", "How are you doing", "How are you doing to", "How are you doing today?"]
    assert seems == [[Transcript(text, is_final=False, language="en")] for text in texts]
    done = json.dumps({"type": "flush_done", "request_id": "b67e1c5d-2f4c-4c3d-9f82-96eb4d2f12a8"})
    assert ink.received(done) == [Transcript("How are you doing today?", is_final=True, language="en")]
    assert ink.received(done) == [Transcript("", is_final=True, language="en")], "nothing was said since"


def test_what_is_of_no_interest() -> None:
    assert wire().received(json.dumps({**TRANSCRIPT, "text": " ", "is_final": False})) == []
    assert wire().received('{"type": "done"}') == []
    assert wire().received('{"type": "what_comes_next_year"}') == []


def test_what_it_is_told() -> None:
    assert (wire().audio(b"\1\2"), wire().finish(), wire().goodbye()) == (b"\1\2", ["finalize"], ["close"])
    assert wire().keep_alive() == [SILENCE.tobytes()]


@pytest.mark.parametrize("frame", ["", "no", "[]", b"\xff", '{"type": "transcript"}'])
def test_what_is_no_message_is_garbage(frame: str | bytes) -> None:
    with pytest.raises(ProviderError, match="Cartesia sent a") as raised:
        wire().received(frame)
    assert raised.value.kind == "garbage"


@settings(max_examples=50)
@given(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    st.sampled_from(["type", "text", "is_final", "language"]),
)
def test_no_message_does_anything_else(value: Any, name: str) -> None:
    for message in (value, {**TRANSCRIPT, name: value}, {"type": "error", name: value}):
        with suppress(ProviderError):
            assert all(isinstance(heard, Transcript) for heard in wire().received(json.dumps(message)))


# what is asked for

WRONG = [
    (spec(language="tlh"), "cartesia does not hear `tlh`"),
    (spec(language="multi"), "cartesia does not hear `multi`"),
    (spec("ink-2", "de"), "cartesia does not hear `de`"),
    (spec(keyterms=["Acme"]), "`keyterms` of cartesia is not for ink-whisper"),
    (spec("ink-2", min_volume=0.1), "`min_volume` of cartesia is not for ink-2"),
    (spec("ink-2", keyterms=["x" * 1201]), "`keyterms` of cartesia must have at most 1200 characters in all"),
    (spec(min_volume=2), "`min_volume` of cartesia is 2, and must be at most 1"),
    (spec(endpointing=1), "cartesia takes no option `endpointing`"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG, ids=lambda value: str(value)[:50])
def test_what_cartesia_would_refuse_is_refused(asked: SpeechSpec, message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_stt(asked, ENVIRON)
    assert str(raised.value).startswith(message)
    assert raised.value.kind == "request"
    assert raised.value.hint


def test_a_missing_key_says_what_to_set() -> None:
    with pytest.raises(ProviderError, match="cartesia needs a key") as raised:
        open_stt(spec(), {})
    assert (raised.value.kind, raised.value.hint) == ("missing", "set CARTESIA_API_KEY where the voice server runs")


SAME = {"encoding": ["pcm_s16le"], "sample_rate": ["16000"]}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(spec(language="es-AR", min_volume=0.1, max_silence_duration_secs=0.5),
      {"model": ["ink-whisper"], "language": ["es"], "min_volume": ["0.1"], "max_silence_duration_secs": ["0.5"]}),
     (spec("ink-whisper-2025-06-04", ""), {"model": ["ink-whisper-2025-06-04"]}),
     (spec("ink-2", "multi"), {"model": ["ink-2"]}),
     (spec("ink-2", "fr", keyterms=["Acme", " ", "order number"]),
      {"model": ["ink-2"], "keyterm": ["Acme", "order number"]})],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
async def test_every_option_is_asked_for(
    server: CartesiaEarServer, asked: SpeechSpec, expected: dict[str, list[str]]
) -> None:
    async with heard_by(asked, server.environ) as caller:
        caller.stream.finish()
        await caller.until(has_final)
    assert server.requests == [{**SAME, **expected}]


# a conversation


async def test_sentences_are_heard_and_are_final_when_the_caller_pauses(server: CartesiaEarServer) -> None:
    async with heard_by(spec(), server.environ) as caller:
        for _ in range(2):
            caller.speaks(4)
            caller.stream.finish()
            heard = await caller.until(has_final)
            assert heard[0] == Transcript("where", is_final=False, language="en")
            assert heard[-1] == Transcript(SAID, is_final=True, language="en")
        caller.stream.finish()
        assert await caller.until(has_final) == [Transcript("", is_final=True, language="en")]
    await gone(server)
    assert server.commands == ["finalize", "finalize", "finalize", "close"]


async def test_a_silent_line_is_kept_open(server: CartesiaEarServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cartesia_ear, "KEEP_ALIVE_SECONDS", 0.05)
    server.idle_seconds = 0.3
    async with heard_by(spec(), server.environ) as caller:
        await asyncio.sleep(0.6)
        assert caller.error is None


# failures


async def _fails(server: CartesiaEarServer, trouble: Trouble) -> ProviderError:
    """How a trouble ends a stream, or its opening; the key shows nowhere."""
    server.trouble = trouble
    try:
        async with heard_by(spec(), server.environ) as caller:
            caller.speaks(4)
            caller.stream.finish()
            error = await caller.fails()
    except ProviderError as refusal:
        error = refusal
    assert server.key not in f"{error} {error.hint}"
    return error


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [(Trouble("refuse", status=401, reason="no"), "key", "Cartesia refused the key: no"),
     (Trouble("refuse", status=402, reason="no"), "credit", "Cartesia has no credit left: no"),
     (Trouble("refuse", status=429, reason="no"), "rate_limit", "Cartesia is asked too much at once: no"),
     (Trouble("refuse", status=500, reason="no"), "unavailable", "Cartesia answered 500: no"),
     (Trouble("close", after=0.5, code=1011, reason="bye"), "network", "Cartesia closed the connection (1011): bye"),
     (Trouble("drop", after=0.5), "network", "Cartesia broke the connection off"),
     (Trouble("stall", after=0.5), "timeout", "Cartesia did not say what it heard"),
     (Trouble("garbage", after=0.5), "garbage", "Cartesia sent a message that is none of its interface"),
     (Trouble("error", after=0.5, status=402, code="quota_exceeded", reason="none left"), "credit",
      "Cartesia has no credit left: none left"),
     (Trouble("hang"), "timeout", "Cartesia did not answer in time")],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Trouble) else "",
)  # fmt: skip
async def test_each_way_to_fail_has_its_kind_and_its_words(
    server: CartesiaEarServer, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, kind: str, words: str
) -> None:
    if trouble.kind == "hang":
        monkeypatch.setattr(vendor_socket, "OPEN_SECONDS", 0.1)
    monkeypatch.setattr(ear_socket, "FINISH_SECONDS", 0.5)
    error = await _fails(server, trouble)
    assert (error.kind, str(error)) == (kind, words)
    await gone(server)


async def test_a_wrong_key_is_refused(server: CartesiaEarServer) -> None:
    with pytest.raises(ProviderError, match="Cartesia refused the key: The API key is invalid") as raised:
        await open_stt(spec(), {**server.environ, "CARTESIA_API_KEY": "wrong"}).open()
    assert (raised.value.kind, raised.value.hint) == ("key", "check CARTESIA_API_KEY where the voice server runs")


async def test_a_model_that_it_does_not_have_is_told_by_cartesia(server: CartesiaEarServer) -> None:
    async with heard_by(spec("ink-9"), server.environ) as caller:
        error = await caller.fails()
    words = "Cartesia answered 400: The model is not valid, make sure it is a valid model ID."
    assert (error.kind, str(error)) == ("request", words)

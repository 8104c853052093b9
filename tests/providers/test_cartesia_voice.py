"""Cartesia speaks an utterance in one context, and each way in which that fails has its kind and its words."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulators._sound import spoken
from tests.emulators.cartesia_server import CartesiaServer, cartesia_server
from tests.emulators.trouble import Trouble

from pinecall_run.audio.chunk import RATE
from pinecall_run.providers import cartesia_voice, vendor_socket, voice_socket
from pinecall_run.providers.cartesia_voice import ContextsWire, open_tts
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.voice_socket import END, Sentence

KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
SAID, THEN = "It ships on Tuesday.", "Do you need anything else?"
ENVIRON = {"CARTESIA_API_KEY": "s3cret"}
UNIT = np.arange(RATE // 10, dtype=np.int16)
"""0.1 s of sound."""


def spec(name: str = "katie", language: str = "en", **options: Any) -> SpeechSpec:
    return SpeechSpec("cartesia", name, language, options)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[CartesiaServer]:
    before = asyncio.all_tasks()
    async with cartesia_server() as running:
        try:
            yield running
        finally:
            await voice_socket.close()
            await gone(running)
    left = [task for task in asyncio.all_tasks() - before if "pinecall_run" in repr(task.get_coro())]
    assert not left, left


async def gone(server: CartesiaServer) -> None:
    async with asyncio.timeout(2):
        while server.open_connections:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)


# messages


class Talk:
    """A wire, with what it was told and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        vendor = Vendor("Cartesia", "CARTESIA_API_KEY", "CARTESIA_URL", ("s3cret",))
        self.wire = ContextsWire(vendor, {"model_id": "sonic-3.6"}, lambda: self.now)
        self.context = ""

    def says(self, id: str, utterance: str = "u", text: str = "Hi there.") -> str:
        """Ask for a sentence; its context."""
        self.context = _asked(self.wire.speak(Sentence(id, text, utterance)))
        return self.context

    def hears(self, kind: str, context: str = "", **fields: Any) -> list[Any]:
        message = {"type": kind, "done": False, "status_code": 206, "context_id": context or self.context, **fields}
        return list(self.wire.received(json.dumps(message)))

    def sounds(self, context: str = "") -> list[Any]:
        return self.hears("chunk", context, data=base64.b64encode(UNIT.tobytes()).decode(), step_time=123)


def _asked(frames: Any) -> str:
    text, flush = map(json.loads, frames)
    assert text["context_id"] == flush["context_id"]
    return str(text["context_id"])


def test_a_sentence_is_asked_for_and_flushed() -> None:
    text, flush = ContextsWire(Vendor("Cartesia"), {"model_id": "m"}).speak(Sentence("s1", " Hi there.\n", "u"))
    name = json.loads(text)["context_id"]
    assert json.loads(text) == {
        "model_id": "m", "context_id": name, "continue": True, "transcript": "Hi there. "
    }  # fmt: skip
    assert json.loads(flush) == {
        "model_id": "m", "context_id": name, "continue": True, "transcript": "", "flush": True
    }  # fmt: skip


def test_what_its_messages_come_to() -> None:
    talk = Talk()
    talk.says("s1")
    ((id, piece),) = talk.sounds()
    assert id == "s1"
    assert isinstance(piece, Audio)
    assert np.array_equal(piece.samples, UNIT)
    times = {"words": ["Hi", "there."], "start": [0.0, 0.5], "end": [0.4, 0.9]}
    assert talk.hears("timestamps", word_timestamps=times) == [
        ("s1", WordTime("Hi", 0.0, 0.4)),
        ("s1", WordTime("there.", 0.5, 0.9)),
    ]
    assert talk.hears("phoneme_timestamps", phoneme_timestamps={}) == []
    assert talk.hears("flush_done", flush_done=True, flush_id=1) == [("s1", END)]
    assert talk.sounds() == [], "the sentence is over"


def test_sentences_of_an_utterance_share_a_context_and_have_their_own_times() -> None:
    talk = Talk()
    first = talk.says("s1")
    talk.sounds()
    talk.sounds()
    talk.hears("flush_done")
    talk.now += 0.6
    assert talk.says("s2") == first
    assert talk.says("s3", "another utterance") != first
    times = {"words": ["Ho"], "start": [0.25], "end": [0.3]}
    ((id, word),) = talk.hears("timestamps", first, word_timestamps=times)
    assert (id, word.word, word.start, word.end) == ("s2", "Ho", pytest.approx(0.05), pytest.approx(0.1))


def test_a_context_that_may_be_forgotten_is_not_used() -> None:
    talk = Talk()
    first = talk.says("s1")
    talk.sounds()
    talk.hears("flush_done")
    talk.now += 0.8
    assert talk.says("s2") != first
    assert list(talk.wire._contexts) == [talk.context]


@pytest.mark.parametrize("kind", ["error", "done"])
def test_a_sentence_that_came_too_late_is_asked_for_anew(kind: str) -> None:
    talk = Talk()
    first = talk.says("s1")
    talk.sounds()
    talk.hears("flush_done")
    assert talk.says("s2") == first
    second = _asked(talk.hears(kind, status_code=400, title="Context closed", message="Context has closed"))
    assert second != first
    assert talk.hears("error", first, status_code=400, message="Context has closed") == [], (
        "the flush came too late too"
    )
    assert talk.sounds(second)
    talk.hears("flush_done", second)
    assert talk.says("s3") == second


def test_one_that_a_new_context_does_not_take_is_not_asked_for_again() -> None:
    talk = Talk()
    talk.says("s1")
    ((id, error),) = talk.hears("error", status_code=400, title="Invalid", message="no s3cret")
    assert (id, error.kind, str(error)) == ("s1", "request", "Cartesia answered 400: no …")
    assert talk.wire._contexts == {}


def test_calls_that_name_their_utterances_alike_do_not_share_one() -> None:
    talk = Talk()
    mine = talk.says("s1", "greeting")
    talk.sounds()
    yours = talk.says("s2", "greeting")
    assert yours != mine
    assert [news[0] for news in [*talk.sounds(mine), *talk.sounds(yours)]] == ["s1", "s2"]


def test_what_is_cancelled_is_no_news_and_nothing_follows_it() -> None:
    talk = Talk()
    first = talk.says("s1")
    talk.sounds()
    assert list(talk.wire.cancel(Sentence("s1", "Hi there.", "u"))) == [
        json.dumps({"context_id": first, "cancel": True})
    ]
    assert talk.sounds() == []
    assert talk.hears("done", done=True) == []
    assert list(talk.wire.cancel(Sentence("s1", "Hi there.", "u"))) == []
    assert talk.says("s2") != first


def test_what_is_made_of_nothing() -> None:
    talk = Talk()
    first = talk.says("s1", text="…")
    assert talk.hears("flush_done") == [("s1", END), json.dumps({"context_id": first, "cancel": True})]
    talk.says("s2")
    (_, error), _ = talk.hears("flush_done")
    assert (error.kind, str(error)) == ("failed", "Cartesia spoke nothing of a sentence")
    talk.says("s3")
    ((_, error),) = talk.hears("done", done=True)
    assert str(error) == "Cartesia spoke nothing of a sentence"
    talk.says("s4")
    talk.sounds()
    assert talk.hears("done", done=True) == [("s4", END)]


def test_samples_may_be_cut_between_messages() -> None:
    talk = Talk()
    talk.says("s1")
    whole = UNIT.tobytes()
    pieces = [base64.b64encode(part).decode() for part in (whole[:3], whole[3:4], whole[4:])]
    news = [one for piece in pieces for one in talk.hears("chunk", data=piece)]
    found = np.concatenate([piece.samples for _, piece in news])
    assert np.array_equal(found, UNIT)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [({"status_code": 402, "error_code": "quota_exceeded", "message": "none left"}, "credit",
      "Cartesia has no credit left: none left"),
     ({"status_code": 400, "error_code": "quota_exceeded", "message": "none left"}, "credit",
      "Cartesia has no credit left: none left"),
     ({"status_code": 429, "error_code": "concurrency_limited", "message": "wait"}, "rate_limit",
      "Cartesia is asked too much at once: wait"),
     ({"status_code": 404, "error_code": "voice_not_found", "title": "Voice not found"}, "request",
      "Cartesia answered 404: Voice not found"),
     ({"status_code": 500, "error": "Internal: it broke"}, "unavailable", "Cartesia answered 500: Internal: it broke"),
     ({"status_code": None, "message": "it broke"}, "unavailable", "Cartesia failed: it broke")],
)  # fmt: skip
def test_its_errors_have_their_kind_and_their_words(fields: dict[str, Any], kind: str, words: str) -> None:
    talk = Talk()
    talk.says("s1")
    ((_, error),) = talk.hears("error", done=True, **fields)
    assert (error.kind, str(error)) == (kind, words)
    with pytest.raises(ProviderError) as raised:
        talk.wire.received(json.dumps({"type": "error", **fields}))
    assert (raised.value.kind, str(raised.value)) == (kind, words), "without a context it is about all"


@pytest.mark.parametrize(
    "frame",
    ["", "no", "[]", b"\xff", '{"type": "chunk", "context_id": "C"}',
     '{"type": "chunk", "context_id": "C", "data": "?"}', '{"type": "timestamps", "context_id": "C"}',
     '{"type": "timestamps", "context_id": "C", "word_timestamps": {"words": ["a"], "start": [0], "end": []}}'],
)  # fmt: skip
def test_what_is_no_message_is_garbage(frame: str | bytes) -> None:
    talk = Talk()
    context = talk.says("s1")
    with pytest.raises(ProviderError, match="Cartesia sent ") as raised:
        talk.wire.received(frame.replace('"C"', f'"{context}"') if isinstance(frame, str) else frame)
    assert raised.value.kind == "garbage"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["words", "start", "end"]), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(_JSON, st.sampled_from(["chunk", "timestamps", "flush_done", "done", "error", "x"]))
def test_no_message_does_anything_else(value: Any, kind: str) -> None:
    for fields in ({"data": value}, {"word_timestamps": value}, {"context_id": value}, {"status_code": value}):
        talk = Talk()
        talk.says("s1")
        with suppress(ProviderError):
            talk.hears(kind, **fields)
    with suppress(ProviderError):
        Talk().wire.received(json.dumps(value))


# what is asked for

WRONG = [
    (spec(""), "cartesia needs a voice"),
    (spec("nobody"), "cartesia has no voice named `nobody`"),
    (spec(language="tlh"), "cartesia does not speak `tlh`"),
    (spec(locale="xx-GB"), "cartesia does not speak `xx-GB`"),
    (spec(locale="english"), "`locale` of cartesia must match"),
    (spec(speed=2), "`speed` of cartesia is 2, and must be at most 1.5"),
    (spec(volume=0.1), "`volume` of cartesia is 0.1, and must be at least 0.5"),
    (spec(emotion=""), "`emotion` of cartesia must not be empty"),
    (spec(normalization="always"), "`normalization` of cartesia must match"),
    (spec(model="sonic-2"), "`model` of cartesia is sonic-2, which Cartesia no longer serves"),
    (spec(stability=1), "cartesia takes no option `stability`"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG, ids=lambda value: str(value)[:50])
def test_what_cartesia_would_refuse_is_refused(asked: SpeechSpec, message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_tts(asked, ENVIRON)
    assert str(raised.value).startswith(message)
    assert raised.value.kind == "request"
    assert raised.value.hint


def test_a_missing_key_says_what_to_set() -> None:
    with pytest.raises(ProviderError, match="cartesia needs a key") as raised:
        open_tts(spec(), {})
    assert (raised.value.kind, raised.value.hint) == ("missing", "set CARTESIA_API_KEY where the voice server runs")


async def said(voice: TextToSpeech, text: str = SAID, context: str = "msg_1") -> list[Spoken]:
    return [piece async for piece in voice.speak(text, context)]


def sound(pieces: list[Spoken]) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.concatenate([piece.samples for piece in pieces if isinstance(piece, Audio)])


def words(pieces: list[Spoken]) -> list[tuple[str, float, float]]:
    return [(one.word, round(one.start, 3), round(one.end, 3)) for one in pieces if isinstance(one, WordTime)]


async def asked_with(server: CartesiaServer, asked: SpeechSpec) -> Mapping[str, Any]:
    await said(open_tts(asked, server.environ))
    text = server.requests[-2]
    return {name: value for name, value in text.items() if name not in ("context_id", "transcript", "continue")}


async def test_what_is_asked_for_by_default(server: CartesiaServer) -> None:
    assert await asked_with(server, spec()) == {
        "model_id": "sonic-3.6", "voice": {"mode": "id", "id": KATIE}, "language": "en", "add_timestamps": True,
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16_000},
        "max_buffer_delay_ms": 0,
    }  # fmt: skip


async def test_every_option_is_asked_for(server: CartesiaServer) -> None:
    found = await asked_with(
        server,
        spec(
            KATIE.upper(), "en", model="sonic-3.5", speed=1.2, volume=0.8, emotion="calm", locale="en-GB",
            normalization="off", pronunciation_dict_id="dict_1",
        ),
    )  # fmt: skip
    assert (found["model_id"], found["voice"]["id"]) == ("sonic-3.5", KATIE)
    assert found["generation_config"] == {"speed": 1.2, "volume": 0.8, "emotion": "calm"}
    assert (found["locale"], "language" in found) == ("en-GB", False)
    assert (found["normalization"], found["pronunciation_dict_id"]) == ("off", "dict_1")


@pytest.mark.parametrize(
    ("tag", "language"), [("es-AR", "es"), ("nb-NO", "no"), ("fil", "tl"), ("", ""), ("multi", "")]
)
async def test_languages_are_told_as_it_writes_them(server: CartesiaServer, tag: str, language: str) -> None:
    assert (await asked_with(server, spec(language=tag))).get("language", "") == language


# a conversation


async def test_an_utterance_is_spoken_in_one_context(server: CartesiaServer) -> None:
    voice = open_tts(spec(), server.environ)
    assert (voice.rate, voice.model) == (RATE, "sonic-3.6")  # type: ignore[attr-defined]
    for text in (SAID, THEN):
        pieces = await said(voice, text)
        samples, times = spoken(text, RATE)
        assert np.array_equal(sound(pieces), samples)
        assert words(pieces) == [(word.text, round(word.start, 3), round(word.end, 3)) for word in times]
    (context,) = server.contexts
    assert context.said == f"{SAID} {THEN} "
    await said(voice, SAID, "msg_2")
    assert [one.said for one in server.contexts[1:]] == [f"{SAID} "]
    assert server.connections == 1


async def test_one_that_was_forgotten_is_begun_anew(server: CartesiaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = open_tts(spec(), server.environ)
    server.expiry_seconds = 0.05
    for kept in (0.7, 0.01):  # told so by Cartesia, and known before
        monkeypatch.setattr(cartesia_voice, "KEPT_SECONDS", kept)
        await said(voice, SAID)
        await asyncio.sleep(0.15)
        before = len(server.contexts)
        pieces = await said(voice, THEN)
        assert np.array_equal(sound(pieces), spoken(THEN, RATE)[0])
        assert words(pieces)[0] == ("Do", 0.0, 0.3)
        assert len(server.contexts) == before + 1


async def test_calls_speak_at_once_and_share_a_socket(server: CartesiaServer) -> None:
    voices = [open_tts(spec(), server.environ) for _ in range(6)]
    texts = [f"You are number {number}." for number in range(6)]
    found = await asyncio.gather(*(said(voice, text, "greeting") for voice, text in zip(voices, texts, strict=True)))
    for text, pieces in zip(texts, found, strict=True):
        assert np.array_equal(sound(pieces), spoken(text, RATE)[0])
    assert server.connections == 1
    await said(open_tts(spec("daniel"), server.environ))
    assert server.connections == 2, "another voice"


@pytest.mark.parametrize("lets_finish", [True, False])
async def test_an_interruption_stops_it_and_the_next_answer_is_whole(server: CartesiaServer, lets_finish: bool) -> None:
    server.cancel_lets_finish, server.pace = lets_finish, 0.01
    voice = open_tts(spec(), server.environ)
    pieces = voice.speak(SAID, "msg_1")
    assert isinstance(await anext(pieces), Audio)
    await pieces.aclose()  # type: ignore[attr-defined]
    found = await said(voice, THEN, "msg_1")
    assert np.array_equal(sound(found), spoken(THEN, RATE)[0])
    assert [context.is_cancelled for context in server.contexts] == [True, False]
    assert server.connections == 1


# failures


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [(Trouble("refuse", status=401, reason="no"), "key", "Cartesia refused the key: no"),
     (Trouble("refuse", status=402, reason="no"), "credit", "Cartesia has no credit left: no"),
     (Trouble("refuse", status=429, reason="no", headers={"Retry-After": "7"}), "rate_limit",
      "Cartesia is asked too much at once: no"),
     (Trouble("refuse", status=500, reason="no"), "unavailable", "Cartesia answered 500: no"),
     (Trouble("close", after=2, code=1011, reason="bye"), "network", "Cartesia closed the connection (1011): bye"),
     (Trouble("drop", after=2), "network", "Cartesia broke the connection off"),
     (Trouble("garbage", after=2), "garbage", "Cartesia sent a message that is none of its interface"),
     (Trouble("error", after=2, status=402, code="quota_exceeded", reason="No credits are left"), "credit",
      "Cartesia has no credit left: No credits are left"),
     (Trouble("error", after=2, status=429, code="concurrency_limited", reason="wait"), "rate_limit",
      "Cartesia is asked too much at once: wait"),
     (Trouble("error", after=2, status=500, code="", reason="it broke"), "unavailable",
      "Cartesia answered 500: it broke")],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Trouble) else "",
)  # fmt: skip
async def test_each_way_to_fail_has_its_kind_and_its_words(
    server: CartesiaServer, trouble: Trouble, kind: str, words: str
) -> None:
    server.trouble = trouble
    voice = open_tts(spec(), server.environ)
    with pytest.raises(ProviderError) as raised:
        await said(voice)
    assert (raised.value.kind, str(raised.value)) == (kind, words)
    assert raised.value.retry_after == (7.0 if trouble.headers else 0.0)
    assert server.key not in f"{raised.value} {raised.value.hint}"
    server.trouble = None
    assert np.array_equal(sound(await said(voice, THEN)), spoken(THEN, RATE)[0]), "and then it is well again"


async def test_one_that_says_nothing_more_is_left(server: CartesiaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_socket, "STALE_SECONDS", 0.1)
    server.trouble = Trouble("stall", after=2)
    voice = open_tts(spec(), server.environ)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await said(voice)
    server.trouble = None
    assert np.array_equal(sound(await said(voice, THEN)), spoken(THEN, RATE)[0])
    assert server.connections == 2


async def test_a_handshake_that_is_never_answered_is_given_up(
    server: CartesiaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_socket, "OPEN_SECONDS", 0.1)
    server.trouble = Trouble("hang")
    with pytest.raises(ProviderError, match="Cartesia did not answer in time") as raised:
        await said(open_tts(spec(), server.environ))
    assert raised.value.kind == "timeout"


async def test_a_wrong_key_is_refused(server: CartesiaServer) -> None:
    with pytest.raises(ProviderError, match="Cartesia refused the key: The API key is invalid") as raised:
        await said(open_tts(spec(), {**server.environ, "CARTESIA_API_KEY": "wrong"}))
    assert (raised.value.kind, raised.value.hint) == ("key", "check CARTESIA_API_KEY where the voice server runs")


async def test_what_the_account_does_not_have_is_told_by_cartesia(server: CartesiaServer) -> None:
    with pytest.raises(ProviderError, match="make sure it is a valid model ID") as raised:
        await said(open_tts(spec(model="sonic-9"), server.environ))
    assert raised.value.kind == "request"
    server.concurrency, server.pace = 1, 0.05
    voice = open_tts(spec(), server.environ)
    pieces = voice.speak(SAID, "msg_1")
    assert isinstance(await anext(pieces), Audio)
    with pytest.raises(ProviderError, match="exceeded your plan's concurrency limit") as raised:
        await said(voice, THEN, "msg_2")
    assert raised.value.kind == "rate_limit"
    await pieces.aclose()  # type: ignore[attr-defined]


async def test_nobody_there_is_a_failure_of_the_network() -> None:
    async with cartesia_server() as server:
        environ = server.environ
    with pytest.raises(ProviderError, match="Cartesia cannot be reached") as raised:
        await said(open_tts(spec(), environ))
    assert (raised.value.kind, raised.value.hint) == ("network", "check the network and CARTESIA_URL")
    await voice_socket.close()

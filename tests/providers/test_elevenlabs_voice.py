"""ElevenLabs' voices: the messages of its page, and whole conversations with the emulated vendor."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators._sound import spoken
from tests.emulators.elevenlabs_server import VOICES as EMULATED
from tests.emulators.elevenlabs_server import ElevenLabsServer, elevenlabs_server
from tests.emulators.trouble import Trouble

from pinecall_run.providers import voice_socket
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime
from pinecall_run.providers.elevenlabs_voice import ContextsWire, open_tts
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.opening import close_providers
from pinecall_run.providers.voice_socket import END, Sentence
from pinecall_run.vendors.elevenlabs import VOICES

SARAH = "EXAVITQu4vr4xnSDxMaL"
ENVIRON = {"ELEVENLABS_API_KEY": "sk_emulated"}
VENDOR = Vendor("ElevenLabs")
HELLO = Sentence("s1", "Hello there.", "u")


def wire(**first: Any) -> ContextsWire:
    return ContextsWire(VENDOR, first)


def sound(seconds: float) -> str:
    return base64.b64encode(b"\x01\x00" * round(16_000 * seconds)).decode()


def times(text: str, *starts: int) -> dict[str, Any]:
    ends = [*starts[1:], starts[-1] + 50]
    return {
        "chars": list(text),
        "charStartTimesMs": list(starts),
        "charDurationsMs": [end - start for start, end in zip(starts, ends, strict=True)],
    }


def said(wire: ContextsWire, **message: Any) -> list[Any]:
    return list(wire.received(json.dumps({"contextId": "s1", **message})))


def words(news: list[Any]) -> list[WordTime]:
    return [one[1] for one in news if isinstance(one, tuple) and isinstance(one[1], WordTime)]


# the wire


def test_a_sentence_is_a_context_with_the_settings_in_its_first_message() -> None:
    frames = wire(voice_settings={"speed": 1.1}).speak(HELLO)
    assert [json.loads(frame) for frame in frames] == [
        {"text": " ", "context_id": "s1", "voice_settings": {"speed": 1.1}},
        {"text": "Hello there. ", "context_id": "s1", "flush": True},
    ]


def test_a_context_is_closed_by_its_first_sound_and_over_when_it_is_final() -> None:
    it = wire()
    it.speak(HELLO)
    first, closing = said(it, audio=sound(0.1))
    assert isinstance(first[1], Audio)
    assert json.loads(closing) == {"context_id": "s1", "close_context": True}
    assert len(said(it, audio=sound(0.1))) == 1
    assert said(it, isFinal=True) == [("s1", END)]
    assert json.loads(it.goodbye()[0]) == {"close_socket": True}


def test_where_there_is_nothing_to_say_nobody_waits_for_a_sound() -> None:
    it = wire()
    frames = it.speak(Sentence("s1", "…", "u"))
    assert json.loads(frames[-1]) == {"context_id": "s1", "close_context": True}
    assert said(it, isFinal=True) == [("s1", END)]


def test_a_sentence_that_stays_without_sound_has_failed() -> None:
    it = wire()
    it.speak(HELLO)
    ((_, error),) = said(it, isFinal=True)
    assert isinstance(error, ProviderError)
    assert str(error) == "ElevenLabs spoke nothing of a sentence"


def test_what_is_cancelled_is_closed_once_and_no_news_but_its_end() -> None:
    it = wire()
    it.speak(HELLO)
    assert [json.loads(frame) for frame in it.cancel(HELLO)] == [{"context_id": "s1", "close_context": True}]
    assert said(it, audio=sound(0.1)) == []
    assert said(it, isFinal=True) == [("s1", END)]
    it.speak(HELLO)
    said(it, audio=sound(0.1))
    assert it.cancel(HELLO) == []


def test_words_may_be_cut_by_pieces_of_sound_from_whose_beginning_their_times_are() -> None:
    it = wire()
    it.speak(HELLO)
    first = said(it, audio=sound(0.5), alignment=times("Hello the", 0, 50, 100, 150, 200, 250, 300, 400, 450))
    second = said(it, audio=sound(0.5), alignment=times("re. ", 0, 50, 100, 200))
    assert words(first) == [WordTime("Hello", 0.0, 0.25)]
    assert words(second) == [WordTime("there.", 0.3, 0.7)]
    assert [type(one[1]) for one in second] == [WordTime, Audio]


def test_the_last_word_is_told_at_the_end_where_nothing_follows_it() -> None:
    it = wire()
    it.speak(HELLO)
    said(it, audio=sound(0.5), alignment=times("Hi", 0, 100))
    assert said(it, isFinal=True) == [("s1", WordTime("Hi", 0.0, 0.15)), ("s1", END)]


def test_each_sign_of_a_language_without_spaces_is_a_word() -> None:
    it = wire()
    it.speak(HELLO)
    found = said(it, audio=sound(0.5), alignment=times("你好。OK ", 0, 100, 200, 250, 300, 350))
    assert [word.word for word in words(found)] == ["你", "好。", "OK"]


def test_with_a_dictionary_words_are_those_that_are_spoken() -> None:
    it = wire(pronunciation_dictionary_locators=[{"pronunciation_dictionary_id": "d", "version_id": "v"}])
    it.speak(HELLO)
    written, heard = times("a ", 0, 50), times("b ", 0, 50)
    assert [word.word for word in words(said(it, audio=sound(0.5), alignment=written, normalizedAlignment=heard))] == [
        "b"
    ]


def test_where_there_are_no_times_of_the_text_as_written_those_of_what_is_spoken_will_do() -> None:
    it = wire()
    it.speak(HELLO)
    found = said(it, audio=sound(0.5), alignment=None, normalizedAlignment=times(" Hi ", 0, 50, 100, 150))
    assert words(found) == [WordTime("Hi", 0.05, 0.15)]


def test_half_a_sample_waits_for_its_other_half() -> None:
    it = wire()
    it.speak(HELLO)
    pcm = np.arange(5, dtype="<i2").tobytes()
    pieces = [said(it, audio=base64.b64encode(part).decode())[0][1].samples for part in (pcm[:3], pcm[3:])]
    assert np.concatenate(pieces).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("invalid_api_key", "key"),
        ("quota_exceeded", "credit"),
        ("voice_id_does_not_exist", "request"),
        ("max_active_conversations", "rate_limit"),
        ("input_timeout_exceeded", "network"),
        ("internal_error", "unavailable"),
        ("news_to_us", "failed"),
    ],
)
def test_an_error_is_of_its_kind_and_in_the_vendors_words(name: str, kind: str) -> None:
    with pytest.raises(ProviderError, match=r"ElevenLabs.*: in its words") as raised:
        wire().received(json.dumps({"message": "in its words", "error": name, "code": 1008}))
    assert raised.value.kind == kind


@pytest.mark.parametrize(
    "message",
    [
        "<html>",
        "[]",
        b"\x00",
        json.dumps({"contextId": "s1", "audio": "*"}),
        json.dumps({"contextId": "s1", "audio": 1}),
        json.dumps({"contextId": "s1", "alignment": {"chars": ["a"]}}),
        json.dumps({"contextId": "s1", "alignment": {"chars": ["a"], "charStartTimesMs": [], "charDurationsMs": []}}),
        json.dumps({"contextId": "s1", "alignment": [1]}),
        json.dumps({"contextId": "s1", "alignment": {"chars": [1], "charStartTimesMs": [1], "charDurationsMs": [1]}}),
    ],
)
def test_what_is_no_message_is_garbage(message: str | bytes) -> None:
    it = wire()
    it.speak(HELLO)
    with pytest.raises(ProviderError) as raised:
        it.received(message)
    assert raised.value.kind == "garbage"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1), min_size=1))
def test_words_are_those_of_the_text_however_it_is_cut(given_words: list[str]) -> None:
    text = " ".join(given_words) + " "
    it = wire()
    it.speak(HELLO)
    found = [word for char in text for word in words(said(it, audio=sound(0.01), alignment=times(char, 0)))]
    assert "".join(word.word for word in found) == "".join(text.split())
    assert all(before.start <= after.start for before, after in pairwise(found))


# options


def opened(name: str = "sarah", language: str = "", **options: Any) -> TextToSpeech:
    return open_tts(SpeechSpec("elevenlabs", name, language, options), ENVIRON)


@pytest.mark.parametrize(
    ("name", "language", "options", "said"),
    [
        ("", "", {}, "elevenlabs needs a voice"),
        ("nobody", "", {}, "elevenlabs has no voice named `nobody`"),
        ("sarah", "", {"speed": 2}, "`speed` of elevenlabs"),
        ("sarah", "", {"spede": 1}, "no option `spede`"),
        ("sarah", "", {"stability": "much"}, "`stability` of elevenlabs"),
        ("sarah", "", {"model": "eleven_v3"}, "`model` of elevenlabs is eleven_v3"),
        ("sarah", "he", {}, "`eleven_flash_v2_5` of elevenlabs does not speak `he`"),
        ("sarah", "es", {"model": "eleven_flash_v2"}, "`eleven_flash_v2` of elevenlabs does not speak `es`"),
        ("sarah", "", {"apply_text_normalization": "on"}, "cannot be on for eleven_flash_v2_5"),
        ("sarah", "", {"pronunciation_dictionary_locators": [{"version_id": "v"}]}, "pronunciation_dictionary_id"),
        ("sarah", "", {"seed": 1.5}, "`seed` of elevenlabs"),
    ],
)
def test_what_it_does_not_take_is_refused(name: str, language: str, options: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ProviderError) as raised:
        opened(name, language, **options)
    assert said in str(raised.value)
    assert raised.value.kind == "request"


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ProviderError) as raised:
        opened("nobody")
    assert all(name in raised.value.hint for name in VOICES)


def test_without_a_key_it_is_said_what_to_do() -> None:
    with pytest.raises(ProviderError, match="elevenlabs needs a key") as raised:
        open_tts(SpeechSpec("elevenlabs", "sarah"), {})
    assert (raised.value.kind, raised.value.hint) == (
        "missing",
        "set ELEVENLABS_API_KEY where the voice server runs",
    )
    with pytest.raises(ProviderError, match="ELEVENLABS_URL is no address"):
        open_tts(SpeechSpec("elevenlabs", "sarah"), {**ENVIRON, "ELEVENLABS_URL": "api.elevenlabs.io"})


# with the emulated vendor


async def nobody_connected(server: ElevenLabsServer) -> None:
    async with asyncio.timeout(2):
        while server.open_connections:  # noqa: ASYNC110 - the emulator tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with elevenlabs_server(voices={**EMULATED, **{one: name for name, one in VOICES.items()}}) as server:
        yield server
        await close_providers()
        await nobody_connected(server)
        assert len(asyncio.all_tasks()) == 1


def voice(server: ElevenLabsServer, name: str = "sarah", language: str = "en", **options: Any) -> TextToSpeech:
    return open_tts(SpeechSpec("elevenlabs", name, language, options), server.environ)


async def heard(tts: TextToSpeech, text: str, context: str = "u") -> list[Spoken]:
    async with asyncio.timeout(5), aclosing(tts.speak(text, context)) as pieces:  # type: ignore[type-var]
        return [piece async for piece in pieces]


def samples(pieces: list[Spoken]) -> Any:
    return np.concatenate([piece.samples for piece in pieces if isinstance(piece, Audio)])


def frames(server: ElevenLabsServer) -> Iterator[dict[str, Any]]:
    return (message for asked in server.requests for message in asked.messages)


async def test_sentences_of_a_conversation_are_spoken_on_one_socket(server: ElevenLabsServer) -> None:
    tts = voice(server)
    texts = ["Where is my order?", "It left the shop.", "Yes.", "And it comes tomorrow, before noon."]
    for text in texts:
        pieces = await heard(tts, text)
        assert np.array_equal(samples(pieces), spoken(text, 16_000)[0])
        told = [(piece.word, piece.start, piece.end) for piece in pieces if isinstance(piece, WordTime)]
        assert [word for word, _, _ in told] == text.split()
        for (_, start, end), word in zip(told, spoken(text, 16_000)[1], strict=True):
            assert word.start - 0.001 <= start < end <= word.end + 0.001
    assert server.connections == 1
    assert [one.text for one in server.said] == texts
    assert not server.unsaid


async def test_callers_share_sockets_five_to_each(server: ElevenLabsServer) -> None:
    server.pace, server.closing_seconds = 0.01, 0.02
    tts = voice(server)
    texts = [f"caller {count} is told something" for count in range(12)]
    results = await asyncio.gather(*(heard(tts, text, text) for text in texts))
    for text, pieces in zip(texts, results, strict=True):
        assert np.array_equal(samples(pieces), spoken(text, 16_000)[0])
    assert server.connections == 3
    assert max(asked.peak for asked in server.requests) == 5


async def test_callers_who_interrupt_again_and_again_do_not_exceed_the_five(server: ElevenLabsServer) -> None:
    server.pace, server.closing_seconds = 0.005, 0.1
    tts = voice(server)
    for _ in range(12):
        async with aclosing(tts.speak("a sentence that is cut short", "u")) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, Audio):
                    break
    assert server.connections > 1
    assert max(asked.peak for asked in server.requests) <= 5
    assert samples(await heard(tts, "well again")).any()


async def test_what_is_closed_too_early_would_be_left_unsaid_and_is_not(server: ElevenLabsServer) -> None:
    server.is_racing = True
    assert samples(await heard(voice(server), "Hello there.")).any()
    assert not server.unsaid


async def test_what_the_query_and_the_first_message_say(server: ElevenLabsServer) -> None:
    dictionary = {"pronunciation_dictionary_id": "d", "version_id": "v"}
    settings = {"speed": 1.1, "stability": 0.4, "similarity_boost": 0.9, "style": 0.1, "use_speaker_boost": False}
    options = {"seed": 7, "enable_logging": False, "enable_ssml_parsing": True, "apply_text_normalization": "off"}
    await heard(
        voice(server, SARAH, "es-MX", **settings, **options, pronunciation_dictionary_locators=[dictionary]), "Hola."
    )
    assert server.requests[0].voice == SARAH
    assert server.requests[0].parameters == {
        "model_id": "eleven_multilingual_v2", "output_format": "pcm_16000", "inactivity_timeout": "180",
        "sync_alignment": "true", "auto_mode": "true", "seed": "7", "enable_logging": "false",
        "enable_ssml_parsing": "true", "apply_text_normalization": "off",
    }  # fmt: skip
    first = server.requests[0].messages[0]
    assert first["voice_settings"] == settings
    assert first["pronunciation_dictionary_locators"] == [dictionary]
    await heard(voice(server), "Hello.")
    assert "voice_settings" not in server.requests[1].messages[0]


@pytest.mark.parametrize(
    ("language", "options", "model", "code"),
    [
        ("", {}, "eleven_flash_v2_5", None),
        ("en-GB", {}, "eleven_flash_v2_5", "en"),
        ("es", {}, "eleven_multilingual_v2", None),
        ("es", {"flash": True}, "eleven_flash_v2_5", "es"),
        ("nb", {}, "eleven_flash_v2_5", "no"),
        ("es", {"flash": True, "model": "eleven_turbo_v2_5"}, "eleven_turbo_v2_5", "es"),
        ("en", {"model": "eleven_multilingual_v2"}, "eleven_multilingual_v2", None),
        ("multi", {}, "eleven_flash_v2_5", None),
    ],
)
async def test_the_model_goes_by_the_language_and_what_is_named_wins(
    server: ElevenLabsServer, language: str, options: Mapping[str, Any], model: str, code: str | None
) -> None:
    await heard(voice(server, "sarah", language, **options), "Hello.")
    asked = server.requests[0].parameters
    assert (asked["model_id"], asked.get("language_code")) == (model, code)


async def test_a_wrong_key_is_told_as_such_and_never_shown(server: ElevenLabsServer) -> None:
    tts = open_tts(SpeechSpec("elevenlabs", "sarah"), {**server.environ, "ELEVENLABS_API_KEY": "sk_wrong"})
    for _ in range(3):
        with pytest.raises(ProviderError, match="ElevenLabs refused the key: Invalid API key") as raised:
            await heard(tts, "Hello.")
        assert raised.value.kind == "key"
        assert raised.value.hint == "check ELEVENLABS_API_KEY where the voice server runs"
        assert "sk_wrong" not in repr(raised.value)
    assert server.connections == 3


async def test_an_unknown_id_and_an_empty_purse_are_told_as_such(server: ElevenLabsServer) -> None:
    with pytest.raises(ProviderError, match="voice_id 00000000000000000000 does not exist") as raised:
        await heard(voice(server, "0" * 20), "Hello.")
    assert raised.value.kind == "request"
    server.credits = 3
    with pytest.raises(ProviderError, match=r"has no credit left: .* exceeds your quota of 3") as raised:
        await heard(voice(server), "Hello.")
    assert raised.value.kind == "credit"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble("refuse", status=401), "key"),
        (Trouble("refuse", status=402), "credit"),
        (Trouble("refuse", status=403), "key"),
        (Trouble("refuse", status=404), "request"),
        (Trouble("refuse", status=429, headers={"Retry-After": "3"}), "rate_limit"),
        (Trouble("refuse", status=503), "unavailable"),
        (Trouble("close", code=1011), "network"),
        (Trouble("close", code=1013), "unavailable"),
        (Trouble("drop"), "network"),
        (Trouble("garbage"), "garbage"),
        (Trouble("error", code="system_busy"), "unavailable"),
        (Trouble("error", code="quota_exceeded"), "credit"),
    ],
)
async def test_each_trouble_is_an_error_of_its_kind(server: ElevenLabsServer, trouble: Trouble, kind: str) -> None:
    server.trouble = trouble
    tts = voice(server)
    with pytest.raises(ProviderError) as raised:
        await heard(tts, "Hello.")
    assert raised.value.kind == kind, str(raised.value)
    assert raised.value.retry_after == (3 if kind == "rate_limit" else 0)
    server.trouble = None
    assert samples(await heard(tts, "Hello.")).any()


async def test_trouble_in_the_middle_is_an_error_for_all_who_are_spoken_to(server: ElevenLabsServer) -> None:
    server.pace, server.trouble = 0.005, Trouble("drop", after=2, times=1)
    tts = voice(server)
    texts = ["one two three four five six", "seven eight nine ten eleven"]
    for error in await asyncio.gather(*(heard(tts, text) for text in texts), return_exceptions=True):
        assert isinstance(error, ProviderError)
        assert error.kind == "network"
    assert samples(await heard(tts, texts[0])).any()


async def test_a_vendor_that_hangs_or_stalls_is_left_by_who_waits(
    server: ElevenLabsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinecall_run.providers.vendor_socket.OPEN_SECONDS", 0.1)
    server.trouble = Trouble("hang")
    with pytest.raises(ProviderError, match="did not answer in time") as raised:
        await heard(voice(server), "Hello.")
    assert raised.value.kind == "timeout"
    monkeypatch.setattr(voice_socket, "STALE_SECONDS", 0.05)
    server.trouble = Trouble("stall")
    tts = voice(server)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await anext(tts.speak("Hello.", "u"))
    server.trouble = None
    assert samples(await heard(tts, "Hello.")).any()
    assert server.connections == 3


async def test_a_socket_that_the_vendor_ends_for_idleness_is_replaced(server: ElevenLabsServer) -> None:
    server.idle_seconds = 0.05
    tts = voice(server)
    for count in (1, 2, 3):
        assert samples(await heard(tts, "Hello.")).any()
        assert server.connections == count
        await nobody_connected(server)


async def test_closing_says_goodbye(server: ElevenLabsServer) -> None:
    await heard(voice(server), "Hello.")
    await close_providers()
    assert list(frames(server))[-1] == {"close_socket": True}

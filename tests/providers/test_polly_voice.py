"""What Amazon Polly is asked for, and what comes of it, with its emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.emulators._sound import spoken
from tests.emulators.aws_server import AwsServer, aws_server
from tests.emulators.trouble import Trouble

from pinecall_run.providers import _aws_http, polly_voice
from pinecall_run.providers.aws_account import Account
from pinecall_run.providers.contracts import Audio, FailureKind, ProviderError, SpeechSpec, Spoken, WordTime
from pinecall_run.providers.opening import close_providers, opened
from pinecall_run.providers.polly_voice import PollyVoice, open_tts, word_times

TEXT = "Mary had a little lamb."
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}


@pytest.fixture
async def server() -> AsyncIterator[AwsServer]:
    async with aws_server() as emulated:
        yield emulated
        await close_providers()


def spec(name: str = "Joanna", language: str = "", **options: Any) -> SpeechSpec:
    return SpeechSpec("polly", name, language, options)


async def said(voice: PollyVoice, text: str = TEXT) -> list[Spoken]:
    async with asyncio.timeout(10):
        return [piece async for piece in voice.speak(text, "m1")]


def sound(pieces: list[Spoken]) -> NDArray[np.int16]:
    return np.concatenate([piece.samples for piece in pieces if isinstance(piece, Audio)])


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it was not so within 5 s")


async def failed(voice: PollyVoice) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await said(voice)
    return raised.value


# a real use


async def test_sentences_become_sound(server: AwsServer) -> None:
    voice = opened("voice", spec(), server.environ)
    assert (voice.rate, voice.model) == (16_000, "neural")
    assert np.array_equal(sound(await said(voice)), spoken(TEXT, 16_000)[0])
    assert np.array_equal(sound(await said(voice, "And then?")), spoken("And then?", 16_000)[0])
    body = {"VoiceId": "Joanna", "Engine": "neural", "Text": TEXT, "OutputFormat": "pcm", "SampleRate": "16000"}
    assert server.requests == [body, {**body, "Text": "And then?"}]
    assert server.connections == 1


async def test_sound_comes_as_it_is_made(server: AwsServer) -> None:
    server.polly.pace = 0.05
    pieces = await said(open_tts(spec(), server.environ))
    assert len(pieces) >= 4


async def test_calls_share_connections_and_warming_opens_one(server: AwsServer) -> None:
    voices = [open_tts(spec(), server.environ), open_tts(spec("Ruth"), server.environ)]
    await voices[0].warm()
    assert (server.connections, server.requests) == (1, [])
    await said(voices[0])
    await said(voices[1])
    assert (server.connections, len(server.requests)) == (1, 2)
    await close_providers()
    await until(lambda: server.open_connections == 0)
    await said(voices[0])
    assert server.connections == 2


async def test_warming_never_fails(server: AwsServer) -> None:
    await open_tts(spec(), {**server.environ, "AWS_SECRET_ACCESS_KEY": "wrong"}).warm()
    server.kill()
    await open_tts(spec(), server.environ).warm()


async def test_a_sentence_that_is_cut_is_no_longer_made(server: AwsServer) -> None:
    server.polly.pace = 0.02
    before = asyncio.all_tasks()
    async with aclosing(open_tts(spec(), server.environ).speak("one " * 200, "m1")) as pieces:  # type: ignore[type-var]
        async for _ in pieces:
            break
    await until(lambda: server.open_connections == 0)
    await close_providers()
    await until(lambda: asyncio.all_tasks() == before)


@pytest.mark.parametrize("is_answered", [True, False])
async def test_one_that_waits_is_cut_too(server: AwsServer, is_answered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polly_voice, "MARKS_SECONDS", 60.0)
    server.polly.pace = 0.05
    server.trouble = None if is_answered else Trouble("hang")
    saying = asyncio.create_task(said(open_tts(spec(word_times=True), server.environ), "one " * 200))
    await until(lambda: len(server.requests) == 2 if is_answered else server.open_connections == 2)
    saying.cancel()
    async with asyncio.timeout(2):
        await asyncio.wait([saying])
    await until(lambda: server.open_connections == 0)


async def test_what_is_left_unread_is_closed(server: AwsServer) -> None:
    account = Account("Amazon Polly", server.environ, endpoint="AWS_ENDPOINT_URL_POLLY", region="")
    body = {"VoiceId": "Joanna", "Engine": "neural", "Text": TEXT, "OutputFormat": "pcm"}
    async with _aws_http.SignedHttp(account, "polly", "https://polly.{}").answer("POST", "/v1/speech", body) as answer:
        assert not answer.is_closed
    assert answer.is_closed


async def test_temporary_keys_are_signed_with_their_token() -> None:
    async with aws_server(token="temporary/+=") as server:
        assert len(sound(await said(open_tts(spec(), server.environ)))) > 0
        await close_providers()


async def test_samples_may_be_parted(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = spoken(TEXT, 16_000)[0].astype("<i2").tobytes()
    pieces = [whole[at : at + 333] for at in range(0, len(whole), 333)]
    monkeypatch.setattr("tests.emulators._polly._sound", lambda body: pieces)
    assert np.array_equal(sound(await said(open_tts(spec(), server.environ))), spoken(TEXT, 16_000)[0])


# options


async def asked(server: AwsServer, wanted: SpeechSpec, text: str = "one") -> dict[str, Any]:
    """What the first request has, beside the form of the answer."""
    await said(open_tts(wanted, server.environ), text)
    body: Mapping[str, Any] = server.requests[0]
    return {name: value for name, value in body.items() if name not in ("OutputFormat", "SampleRate")}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (spec("joanna"), {"VoiceId": "Joanna", "Engine": "neural"}),
        (spec("lucia", engine="standard"), {"VoiceId": "Lucia", "Engine": "standard"}),
        (spec("Ruth", engine="long-form"), {"VoiceId": "Ruth", "Engine": "long-form"}),
        (spec("Aditi"), {"VoiceId": "Aditi", "Engine": "standard"}),
        (spec("Aditi", "hi"), {"VoiceId": "Aditi", "Engine": "standard", "LanguageCode": "hi-IN"}),
        (spec("Joanna", "es"), {"VoiceId": "Joanna", "Engine": "neural"}),
        (spec(""), {"VoiceId": "Joanna", "Engine": "neural"}),
        (spec("", "es"), {"VoiceId": "Lucia", "Engine": "neural"}),
        (spec("", "es-us"), {"VoiceId": "Lupe", "Engine": "neural"}),
        (spec("", "de-LI"), {"VoiceId": "Vicki", "Engine": "neural"}),
    ],
)
async def test_voices_have_an_engine_and_some_a_language(
    server: AwsServer, wanted: SpeechSpec, expected: dict[str, str]
) -> None:
    assert await asked(server, wanted) == {**expected, "Text": "one"}


async def test_how_it_is_said_is_ssml(server: AwsServer) -> None:
    wanted = spec(engine="standard", rate="85%", volume="+6dB", pitch="low")
    body = await asked(server, wanted, 'Tom & "Jerry" <\x01both>\ud800')
    assert body["TextType"] == "ssml"
    prosody = ElementTree.fromstring(body["Text"])[0]
    assert (prosody.tag, prosody.attrib) == ("prosody", {"rate": "85%", "volume": "+6dB", "pitch": "low"})
    assert prosody.text == 'Tom & "Jerry" < both> '


@given(st.text(max_size=40))
def test_whatever_is_said_stays_text(text: str) -> None:
    made = open_tts(spec(rate="slow"), KEYS)._text(text)["Text"]
    root = ElementTree.fromstring(made)
    assert [element.tag for element in root.iter()] == ["speak", "prosody"]
    made.encode()


async def test_lexicons_are_named(server: AwsServer) -> None:
    error = await failed(open_tts(spec(lexicon_names=["mine"]), server.environ))
    assert str(error) == "Amazon Polly answered LexiconNotFoundException: Lexicon not found: mine"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (spec(speed=2), "polly takes no option `speed`"),
        (spec(engine="best"), "`engine` of polly must be one of neural, generative, long-form, standard"),
        (spec(rate="210%"), "`rate` of polly must match"),
        (spec(rate=2), "`rate` of polly must be text"),
        (spec(volume="6dB"), "`volume` of polly must match"),
        (spec(engine="standard", pitch="+51%"), "`pitch` of polly must match"),
        (spec(pitch="low"), "`pitch` of polly goes only with the engine standard, and this is neural"),
        (spec(engine="generative", word_times=True), "`word_times` of polly goes not with the engine generative"),
        (spec("Tiffany", word_times=True), "`word_times` of polly goes not with the engine generative"),
        (spec("", "eo"), "`language` of polly is none that a voice is known for"),
        (spec(lexicon_names=["a"] * 6), "must have at most 5"),
    ],
)
def test_options_that_it_does_not_take_are_refused(wanted: SpeechSpec, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        open_tts(wanted, KEYS)
    assert words in str(raised.value)
    assert raised.value.kind == "request"


# word times


async def test_words_come_before_their_sound(server: AwsServer) -> None:
    pieces = await said(open_tts(spec(word_times=True, rate="slow"), server.environ), "Tom & Jerry, <both>")
    words = [piece for piece in pieces if isinstance(piece, WordTime)]
    assert pieces[: len(words)] == words
    assert words[0] == WordTime("Tom", 0.0, 0.3)
    assert len(pieces) > len(words) > 2
    marks = next(body for body in server.requests if body["OutputFormat"] == "json")
    assert marks["SpeechMarkTypes"] == ["word"]
    assert {body["Text"] for body in server.requests} == {marks["Text"]}


async def test_they_are_not_asked_for_unasked(server: AwsServer) -> None:
    assert not [piece for piece in await said(open_tts(spec(), server.environ)) if isinstance(piece, WordTime)]
    assert len(server.requests) == 1


async def test_sound_does_not_depend_on_them(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polly_voice, "MARKS_SECONDS", 0.05)
    monkeypatch.setattr("tests.emulators._polly._marks", lambda body: [b'{"type": "word"}\n'])
    pieces = await said(open_tts(spec(word_times=True), server.environ))
    assert np.array_equal(sound(pieces), spoken(TEXT, 16_000)[0])
    assert not [piece for piece in pieces if isinstance(piece, WordTime)]
    server.polly.pace = 0.02
    monkeypatch.setattr("tests.emulators._polly._marks", lambda body: [b"\n"] * 20)
    assert np.array_equal(sound(await said(open_tts(spec(word_times=True), server.environ))), spoken(TEXT, 16_000)[0])


def test_a_word_ends_where_the_next_begins() -> None:
    marks = [
        {"time": 0, "type": "sentence", "start": 0, "end": 23, "value": "Mary had"},
        {"time": 6, "type": "word", "start": 0, "end": 4, "value": "Mary"},
        {"time": 373, "type": "word", "start": 5, "end": 8, "value": "had"},
    ]
    assert word_times(marks) == [WordTime("Mary", 0.006, 0.373), WordTime("had", 0.373, pytest.approx(0.573))]
    assert word_times(marks[:1]) == []


# failures


@pytest.mark.parametrize(
    ("changed", "words"),
    [("AWS_ACCESS_KEY_ID", "The security token included"), ("AWS_SECRET_ACCESS_KEY", "The request signature we calc")],
)
async def test_wrong_keys(server: AwsServer, changed: str, words: str) -> None:
    error = await failed(open_tts(spec(), {**server.environ, changed: "WRONG"}))
    assert str(error).startswith(f"Amazon Polly refused the keys: {words}")
    assert (error.kind, "WRONG" in str(error)) == ("key", False)
    assert error.hint == "check AWS_ACCESS_KEY_ID or the profile where the voice server runs"


async def test_what_polly_does_not_have(server: AwsServer) -> None:
    error = await failed(open_tts(spec("Nobody"), server.environ))
    assert (error.kind, "Value 'Nobody' at 'voiceId'" in str(error)) == ("request", True)
    error = await failed(open_tts(spec("Aditi", engine="neural"), server.environ))
    assert "This voice does not support the selected engine: neural" in str(error)


async def test_what_was_to_be_spoken_is_not_repeated(server: AwsServer) -> None:
    words = f"1 validation error detected: Value '{TEXT}' at 'text' failed to satisfy constraint: Member must be short"
    server.trouble = Trouble("error", code="ValidationException", reason=words)
    assert str(await failed(open_tts(spec(), server.environ))) == "Amazon Polly answered ValidationException"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble("error", code="ThrottlingException"), "rate_limit"),
        (Trouble("error", code="ServiceFailureException"), "unavailable"),
        (Trouble("error", code="ExpiredTokenException"), "key"),
        (Trouble("error", code="ServiceQuotaExceededException"), "rate_limit"),
        (Trouble("error", code="SomethingNewException"), "request"),
        (Trouble("refuse", status=503), "unavailable"),
        (Trouble("refuse", status=403), "key"),
        (Trouble("refuse", status=429), "rate_limit"),
        (Trouble("close", after=2), "network"),
        (Trouble("drop", after=2), "network"),
        (Trouble("garbage", after=2), "garbage"),
    ],
    ids=lambda one: f"{one.kind}-{one.code}-{one.status}" if isinstance(one, Trouble) else one,
)
async def test_troubles(server: AwsServer, trouble: Trouble, kind: FailureKind) -> None:
    server.trouble = trouble
    error = await failed(open_tts(spec(), server.environ))
    assert error.kind == kind
    assert str(error).startswith("Amazon Polly ")
    server.trouble = None
    assert len(sound(await said(open_tts(spec(), server.environ)))) > 0


async def test_a_wait_that_is_asked_for_is_told(server: AwsServer) -> None:
    server.trouble = Trouble("refuse", status=503, headers={"Retry-After": "2"})
    assert (await failed(open_tts(spec(), server.environ))).retry_after == 2.0


@pytest.mark.parametrize("kind", ["hang", "stall"])
async def test_answers_that_do_not_come(server: AwsServer, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_aws_http, "SILENT_SECONDS", 0.1)
    server.trouble = Trouble(kind, after=1)
    error = await failed(open_tts(spec(), server.environ))
    assert (str(error), error.kind) == ("Amazon Polly did not answer in time", "timeout")


async def test_another_page_than_polly_is_no_sound(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.emulators._polly._write_head", lambda writer, status, headers: _html(writer))
    error = await failed(open_tts(spec(), server.environ))
    assert (str(error), error.kind) == ("Amazon Polly sent what is no sound", "garbage")


def _html(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")


async def test_a_connection_that_is_closed_when_it_is_asked_is_no_failure() -> None:
    connections = 0

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"}")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nContent-Length: 4\r\n\r\n"
        writer.write(head + b"\1\0\2\0")
        await reader.readuntil(b"}")  # and now it is too late
        writer.close()

    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        voice = open_tts(spec(), {**KEYS, "AWS_ENDPOINT_URL_POLLY": url})
        for _ in range(3):
            assert sound(await said(voice)).tolist() == [1, 2]
        assert connections == 3
        await close_providers()
        await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_nobody_there(server: AwsServer) -> None:
    server.kill()
    assert (await failed(open_tts(spec(), server.environ))).kind == "network"
    error = await failed(open_tts(spec(), {**server.environ, "AWS_ENDPOINT_URL_POLLY": "http://127.0.0.1:1"}))
    assert (error.kind, error.hint) == ("network", "check the network and AWS_ENDPOINT_URL_POLLY")
    assert str(error).startswith("Amazon Polly cannot be reached: ")

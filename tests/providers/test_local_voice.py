"""The offline voice: early, complete, stopped cleanly, and one thread for everybody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from pinecall_run.audio.chunk import Samples
from pinecall_run.providers import local_voice
from pinecall_run.providers._espeak import EspeakError, Mark
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime
from pinecall_run.providers.local_voice import Job, Words, Worker, close, open_tts

SENTENCE = "Your order one thousand and one has shipped, and arrives on Monday."


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await close()
    assert "local-voice" not in [thread.name for thread in threading.enumerate()]


def voice(name: str = "", language: str = "en", **options: Any) -> TextToSpeech:
    return open_tts(SpeechSpec("local", name, language, options), {})


async def pieces(by: TextToSpeech, sentence: str, context: str = "a") -> list[Spoken]:
    return [piece async for piece in by.speak(sentence, context)]


def sound(spoken: Iterable[Spoken]) -> Samples:
    return np.concatenate([piece.samples for piece in spoken if isinstance(piece, Audio)])


def is_same(one: Samples, other: Samples) -> bool:
    """Whether both say the same in the same way: the library lets the pitch flutter, so no two samples are alike."""
    if abs(len(one) - len(other)) > 0.02 * len(one):
        return False
    size = min(len(one), len(other)) // 441
    loudness = [np.abs(samples[: size * 441].astype(float)).reshape(-1, 441).mean(axis=1) for samples in (one, other)]
    return bool(np.corrcoef(*loudness)[0, 1] > 0.9)


def words(spoken: Iterable[Spoken]) -> list[WordTime]:
    return [piece for piece in spoken if isinstance(piece, WordTime)]


async def test_a_sentence_has_sound_and_the_times_of_its_words() -> None:
    by = voice()
    spoken = await pieces(by, SENTENCE)
    seconds = len(sound(spoken)) / by.rate
    assert by.rate == 22050
    assert 3 < seconds < 7
    assert np.abs(sound(spoken)).max() > 5_000
    assert [word.word for word in words(spoken)] == SENTENCE.split()
    times = [time for word in words(spoken) for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[-1] <= seconds


async def test_a_words_time_comes_before_the_end_of_its_sound() -> None:
    by = voice()
    heard = 0.0
    for piece in await pieces(by, SENTENCE):
        if isinstance(piece, Audio):
            heard += len(piece.samples) / by.rate
        else:
            assert heard <= piece.end
    assert heard > 3


async def test_sound_comes_in_pieces_as_it_is_made() -> None:
    lengths = [len(piece.samples) for piece in await pieces(voice(), SENTENCE) if isinstance(piece, Audio)]
    assert len(lengths) > 30
    assert max(lengths) <= 22050 * 0.07


@pytest.mark.parametrize(
    "sentence", ["", "...", "1001 - 3.50, Dr. Who?", "您好 世界。", "a\0b \ud800 é", "<b>&x;</b> [[foo]]"]
)
async def test_every_word_of_any_text_is_told_once(sentence: str) -> None:
    told = [word.word for word in words(await pieces(voice(), sentence))]
    assert "".join(told) == "".join(sentence.split())


async def test_speech_that_is_stopped_leaves_the_next_clean() -> None:
    by = voice()
    whole = sound(await pieces(by, SENTENCE))
    for number in range(10):
        stream = by.speak(SENTENCE * 3, f"stopped {number}")
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert is_same(sound(await pieces(by, SENTENCE, "next")), whole)


async def test_conversations_at_once_hear_their_own() -> None:
    voices = [voice(), voice("es"), voice("en-gb", speed=250), voice(pitch=90)]
    alone = [sound(await pieces(by, SENTENCE)) for by in voices]
    together = await asyncio.gather(*(pieces(by, SENTENCE, str(n % 7)) for n in range(5) for by in voices))
    for number, spoken in enumerate(together):
        assert is_same(sound(spoken), alone[number % 4])
    assert not any(is_same(alone[0], other) for other in alone[1:3])


async def test_speed_is_in_words_a_minute_or_a_factor() -> None:
    lengths = [len(sound(await pieces(voice(speed=speed), SENTENCE))) for speed in (0.8, 1, 175, 300)]
    assert lengths[0] > 1.1 * lengths[1] > 1.2 * lengths[3]
    assert lengths[1] == pytest.approx(lengths[2], rel=0.01)


@pytest.mark.parametrize(
    ("name", "language"), [("", ""), ("", "en-AU"), ("", "es-MX"), ("", "zh"), ("", "pt_BR"), ("EN-us+f3", "de")]
)
def test_there_is_a_voice_for_a_language(name: str, language: str) -> None:
    assert voice(name, language).rate == 22050


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sarah", {}, "no voice `sarah`"),
        ("../etc", {}, "no voice"),
        ("en+../../../../etc/passwd", {}, "no variant"),
        ("", {"language": "tlh"}, "no voice for the language `tlh`"),
        ("", {"speed": 5_000}, "speed 5000 is out of range"),
        ("", {"speed": 10**400}, r"speed 1e\+09 is out of range"),
        ("", {"speed": "fast"}, "speed is a str"),
        ("", {"pitch": -1}, "pitch -1 is out of range"),
        ("", {"pitch": True}, "pitch is a bool"),
    ],
)
def test_a_voice_that_there_is_not_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        voice(name, **options)


class Engine:
    """A library whose failures are chosen."""

    rate = 22050

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.spoken: list[str] = []

    def speak(self, text: str, voice: tuple[str, int, int], take: Any) -> None:
        self.may_go.wait(5)
        self.spoken.append(text)
        if text == "bad":
            raise EspeakError("libespeak-ng answered 2")
        take(b"\0\0", [])


def with_engine(monkeypatch: pytest.MonkeyPatch) -> tuple[Engine, Worker]:
    engine = Engine()
    worker = Worker(engine)  # type: ignore[arg-type]
    return engine, worker


async def test_a_library_that_hangs_or_fails_is_an_error_of_that_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_voice, "STALL_SECONDS", 0.1)
    engine, worker = with_engine(monkeypatch)
    by = local_voice.LocalVoice(worker, ("en-us", 175, 50))
    with pytest.raises(ProviderError, match=r"did not answer within 0\.1 s"):
        await pieces(by, "hangs")
    engine.may_go.set()
    with pytest.raises(ProviderError, match="libespeak-ng answered 2"):
        await pieces(by, "bad")
    assert len(sound(await pieces(by, "good"))) == 1
    await asyncio.to_thread(worker.close)


async def test_conversations_take_turns_sentence_by_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, worker = with_engine(monkeypatch)
    done = threading.Semaphore(0)
    for text in ("a1", "a2", "a3", "b1", "b2", "c1"):
        job = Job(text, ("en-us", 175, 50), lambda piece: done.release() if piece is None else None)
        worker.submit(job, text[0])
    engine.may_go.set()
    for _ in range(6):
        assert await asyncio.to_thread(done.acquire, timeout=5)
    worker.close()
    assert sorted(engine.spoken) == ["a1", "a2", "a3", "b1", "b2", "c1"]
    assert engine.spoken.index("b1") < engine.spoken.index("a3")
    assert engine.spoken.index("c1") < engine.spoken.index("a3")


async def test_closing_ends_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, worker = with_engine(monkeypatch)
    by = local_voice.LocalVoice(worker, ("en-us", 175, 50))
    speaking = [asyncio.create_task(pieces(by, "x", str(number))) for number in range(3)]
    await asyncio.sleep(0.05)
    engine.may_go.set()
    await asyncio.to_thread(worker.close)
    results = await asyncio.gather(*speaking, return_exceptions=True)
    assert all(isinstance(result, list | ProviderError) for result in results)
    assert len(sound(await pieces(by, "again"))) == 1
    await asyncio.to_thread(worker.close)


def test_a_loop_that_is_gone_does_not_end_the_thread() -> None:
    async def leave() -> None:
        stream = voice().speak(SENTENCE * 20, "gone")
        await anext(stream)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.BaseEventLoop, "shutdown_asyncgens", lambda self: asyncio.sleep(0))
        threading.Thread(target=lambda: asyncio.run(leave())).run()
    assert asyncio.run(pieces(voice(), SENTENCE))


def test_words_without_a_mark_take_no_time() -> None:
    words = Words("one - 1001 two", 10)
    assert words.at(Mark(0, 0)) == []
    assert words.at(Mark(6, 10)) == [WordTime("one", 0, 1), WordTime("-", 1, 1)]
    assert words.at(Mark(6, 15)) == []
    assert words.at(Mark(None, 20)) == [WordTime("1001", 1, 2)]
    assert words.rest(30) == [WordTime("two", 3, 3)]

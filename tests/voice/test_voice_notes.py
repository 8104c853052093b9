"""Voice notes by ears and voices of calls: what was said, in whole, and over failures of vendors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from tests.voice._speech import needs_flite, said

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.providers.contracts import Audio, Heard, ProviderError, Spoken, Transcript, TurnSignal
from pinecall_run.providers.speech_catalogue import open_stt, open_tts, parse_stt, parse_voice
from pinecall_run.voice import voice_notes
from pinecall_run.voice.health import Health
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.speaking import Voice
from pinecall_run.voice.voice_notes import record, transcribe

NOTE: Samples = np.full(RATE // 2, 900, np.int16)


class Witness:
    def __init__(self) -> None:
        self.used: list[Any] = []
        self.failures: list[tuple[str, ...]] = []

    def heard(self, vendor: tuple[str, str], seconds: float) -> None:
        self.used.append((vendor, seconds))

    def spoken(self, vendor: tuple[str, str], characters: int) -> None:
        self.used.append((vendor, characters))

    def failed(self, stage: str, provider: str, error: str, next: str) -> None:
        self.failures.append((stage, provider, error, next))


class Stream:
    """Says what the test has it say, when ``finish`` is asked, or with the first silence after."""

    def __init__(self, ear: FakeEar) -> None:
        self.ear = ear
        self.out: asyncio.Queue[Heard | Exception] = asyncio.Queue()
        for heard in ear.at_once:
            self.out.put_nowait(heard)

    def hear(self, chunk: Samples) -> None:
        self.ear.heard_chunks += bool(chunk.any())
        if self.ear.is_finished and not chunk.any() and self.ear.after:
            self.out.put_nowait(self.ear.after.pop(0))

    def finish(self) -> None:
        self.ear.is_finished = True
        for heard in self.ear.at_finish:
            self.out.put_nowait(heard)

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            heard = await self.out.get()
            if isinstance(heard, Exception):
                raise heard
            yield heard

    async def close(self) -> None:
        self.ear.is_closed = True


class FakeEar:
    def __init__(
        self,
        *,
        at_once: Sequence[Any] = (),
        at_finish: Sequence[Any] = (),
        after: Sequence[Any] = (),
        has_turns: bool = False,
    ) -> None:
        self.at_once, self.at_finish, self.after = list(at_once), list(at_finish), list(after)
        self.has_turns = has_turns
        self.is_finished = self.is_closed = False
        self.heard_chunks = 0

    async def open(self) -> Stream:
        return Stream(self)


def final(text: str) -> Transcript:
    return Transcript(text, is_final=True)


def partial(text: str) -> Transcript:
    return Transcript(text, is_final=False)


async def hear(*ears: FakeEar, witness: Witness | None = None) -> str:
    made = [Ear(f"ear{number}", ear, "m") for number, ear in enumerate(ears)]
    return await transcribe(NOTE, made, witness or Witness(), Health(lambda: 0.0))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_notes, "TIMES_FASTER", 50.0)
    monkeypatch.setattr(voice_notes, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(voice_notes, "LAST_SECONDS", 0.5)


async def test_all_of_it_is_heard_and_every_final_text_counts() -> None:
    ear = FakeEar(at_once=[partial("whe"), final("Where is")], at_finish=[final("my order?")])
    witness = Witness()
    assert await hear(ear, witness=witness) == "Where is my order?"
    assert ear.heard_chunks == len(NOTE) // CHUNK_SAMPLES
    assert ear.is_closed
    assert witness.used == [(("ear0", "m"), 0.5)]


async def test_a_vendor_that_cannot_be_asked_hears_silence_until_its_last_word() -> None:
    assert await hear(FakeEar(after=[partial("my"), final("my order")])) == "my order"


async def test_turns_are_waited_for() -> None:
    turns = [TurnSignal("started", ""), TurnSignal("eager", "my order")]
    ear = FakeEar(at_once=turns, at_finish=[final("")], after=[TurnSignal("ended", "my order please")], has_turns=True)
    assert await hear(ear) == "my order please"


async def test_what_was_never_made_final_counts_in_the_end() -> None:
    began = time.monotonic()
    assert await hear(FakeEar(at_once=[partial("my order")])) == "my order"
    assert time.monotonic() - began < 2


async def test_nothing_understood_is_no_text() -> None:
    assert await hear(FakeEar(at_finish=[final("")])) == ""


async def test_the_next_ear_hears_the_whole_note_when_one_fails() -> None:
    broken = FakeEar(at_once=[final("garbled"), ProviderError("it broke", kind="network")])
    well, witness = FakeEar(at_finish=[final("my order")]), Witness()
    assert await hear(broken, well, witness=witness) == "my order"
    assert well.heard_chunks == len(NOTE) // CHUNK_SAMPLES
    assert witness.failures == [("stt", "ear0", "it broke", "ear1")]
    assert broken.is_closed


async def test_no_ear_left_is_an_error() -> None:
    witness = Witness()
    with pytest.raises(ProviderError):
        await hear(FakeEar(at_once=[ValueError("text of a caller")]), witness=witness)
    assert witness.failures == [("stt", "ear0", "it failed with ValueError", "")]


class FakeVoice:
    rate = 8000

    def __init__(self, *, fails_at: int = 99) -> None:
        self.said: list[str] = []
        self._fails_at = fails_at

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        self.said.append(sentence)
        if len(self.said) > self._fails_at:
            raise ProviderError("no voice")
        yield Audio(np.full(4000, 500, np.int16))


async def speak(text: str, *voices: FakeVoice, witness: Witness | None = None) -> Samples:
    made = [Voice(f"voice{number}", voice, "m") for number, voice in enumerate(voices)]
    return await record(text, made, witness or Witness(), Health(lambda: 0.0), language="en")


async def test_an_answer_is_spoken_sentence_by_sentence_at_our_rate() -> None:
    voice, witness = FakeVoice(), Witness()
    sound = await speak("**Shipped** today. It arrives on Tuesday.", voice, witness=witness)
    assert voice.said == ["Shipped today.", "It arrives on Tuesday."]
    assert len(sound) == pytest.approx(2 * RATE / 2 + voice_notes.PAUSE_CHUNKS * CHUNK_SAMPLES, abs=200)
    assert [used for _, used in witness.used] == [14, 22]


async def test_another_voice_says_all_of_it() -> None:
    second, witness = FakeVoice(), Witness()
    await speak("One is here. Two is there.", FakeVoice(fails_at=1), second, witness=witness)
    assert second.said == ["One is here.", "Two is there."]
    assert witness.failures == [("tts", "voice0", "no voice", "voice1")]
    with pytest.raises(ProviderError):
        await speak("One.", FakeVoice(fails_at=0))


async def test_what_cannot_be_spoken_is_no_sound() -> None:
    assert not len(await speak("👍", FakeVoice()))


@needs_flite
async def test_the_offline_ear_and_voice_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_notes, "TIMES_FASTER", 4.0)
    monkeypatch.setattr(voice_notes, "LAST_SECONDS", 6.0)
    (spec,) = parse_stt({"provider": "local", "grammar": ["where is order <number>", "hello"]}, "en")
    ear = Ear("local", open_stt(spec, {}))
    assert await transcribe(said("where is order 1001"), [ear], Witness(), Health(time.time)) == "where is order 1001"
    (wanted,) = parse_voice("local", "en")
    sound = await record("Hello.", [Voice("local", open_tts(wanted, {}))], Witness(), Health(time.time), language="en")
    assert np.abs(sound).max() > 1000
    from pinecall_run.providers.opening import close_providers

    await close_providers()

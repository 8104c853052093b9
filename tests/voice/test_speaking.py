"""How utterances become sound, one after the other, by voices that may fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.voice._fakes import settle
from tests.voice._line import FakeVoice

from pinecall_run.audio.chunk import CHUNK_SAMPLES
from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.playhead import HeardWord
from pinecall_run.providers.contracts import Audio, ProviderError, Spoken, TextToSpeech
from pinecall_run.voice import speaking
from pinecall_run.voice.health import Health
from pinecall_run.voice.phrases import Phrases
from pinecall_run.voice.speaking import Speaker, Voice
from pinecall_run.voice.utterance import Utterance


class Audience:
    def __init__(self) -> None:
        self.log: list[Any] = []
        self.used: list[tuple[tuple[str, str], int]] = []

    def voice_used(self, vendor: tuple[str, str], characters: int) -> None:
        self.used.append((vendor, characters))

    def sounded(self, utterance: Utterance) -> None:
        self.log.append(("sounded", utterance.message_id))

    def began(self, utterance: Utterance) -> None:
        self.log.append(("began", utterance.message_id))

    def word(self, utterance: Utterance, word: HeardWord) -> None:
        self.log.append(word.word)

    def finished(self, utterance: Utterance) -> None:
        self.log.append(("finished", utterance.message_id))

    def voice_failed(self, provider: str, error: str, next: str) -> None:
        self.log.append(("failed", provider, error, next))


@asynccontextmanager
async def speaking_with(*voices: TextToSpeech) -> AsyncIterator[tuple[Speaker, Audience]]:
    audience = Audience()
    named = [Voice(f"voice{n}", voice, "big") for n, voice in enumerate(voices, 1)]
    speaker = Speaker(named, Mixer(), audience, health=Health(lambda: 0.0), phrases=Phrases())
    task = asyncio.create_task(speaker.run())
    try:
        yield speaker, audience
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def utterance(id: str, text: str) -> Utterance:
    made = Utterance(id, language="en")
    made.write(text)
    made.close()
    return made


def play(speaker: Speaker, seconds: float, *, may_begin: bool = True) -> int:
    """How many chunks held sound."""
    chunks = [speaker.take(may_begin=may_begin) for _ in range(round(seconds * 50))]
    return sum(chunk is not None and bool(np.any(chunk)) for chunk in chunks)


async def test_utterances_are_played_in_their_order_with_their_words() -> None:
    async with speaking_with(FakeVoice()) as (speaker, audience):
        speaker.say(utterance("m1", "It is here."))
        speaker.say(utterance("m2", "Bye."))
        await settle()
        assert play(speaker, 2) == 51, "0.75 s and 0.25 s, each in whole chunks"
        assert audience.log == [
            ("sounded", "m1"), ("sounded", "m2"),
            ("began", "m1"), "It", "is", "here.", ("finished", "m1"), ("began", "m2"), "Bye.", ("finished", "m2"),
        ]  # fmt: skip
        assert not speaker.is_busy


async def test_nothing_begins_while_the_caller_has_the_turn_but_what_began_goes_on() -> None:
    async with speaking_with(FakeVoice()) as (speaker, audience):
        speaker.say(utterance("m1", "It is here."))
        await settle()
        assert play(speaker, 0.5, may_begin=False) == 0
        play(speaker, 0.1)
        assert play(speaker, 0.3, may_begin=False) == 15
        assert ("began", "m1") in audience.log


async def test_a_cut_is_silence_within_one_chunk_and_stops_the_voice() -> None:
    voice = FakeVoice()
    async with speaking_with(voice) as (speaker, _):
        speaker.say(utterance("m1", "one two three four five six. And more."))
        speaker.say(utterance("m2", "Never said."))
        await settle()
        play(speaker, 0.6)
        dropped = speaker.cut()
        assert [each.message_id for each in dropped] == ["m1", "m2"]
        assert dropped[0].playhead.heard == "one two"
        fading = speaker.take(may_begin=True)
        assert fading is not None
        assert len(fading) == CHUNK_SAMPLES
        assert play(speaker, 1) == 0
        speaker.say(utterance("m3", "Yes?"))
        await settle()
        assert play(speaker, 1) > 0, "and it can go on"


async def test_a_cut_does_not_wait_for_a_voice_that_hangs() -> None:
    voice = FakeVoice()
    voice.fails = [asyncio.Event()]
    async with speaking_with(voice) as (speaker, audience):
        speaker.say(utterance("m1", "Hangs."))
        await settle()
        speaker.cut()
        speaker.say(utterance("m2", "Goes on."))
        await settle()
        play(speaker, 1)
        assert audience.log[-1] == ("finished", "m2")


async def test_the_next_voice_says_the_sentence_that_one_could_not() -> None:
    first, second = FakeVoice(), FakeVoice()
    first.fails = [ProviderError("out of credit")]
    async with speaking_with(first, second) as (speaker, audience):
        speaker.say(utterance("m1", "It is here. It is there."))
        await settle()
        play(speaker, 2)
        assert audience.log[0] == ("failed", "voice1", "out of credit", "voice2")
        assert [word for word in audience.log if isinstance(word, str)] == ["It", "is", "here.", "It", "is", "there."]
        assert first.spoken == ["It is here."]
        assert second.spoken == ["It is here.", "It is there."]


async def test_a_voice_may_fail_in_any_way(caplog: pytest.LogCaptureFixture) -> None:
    first, second = FakeVoice(), FakeVoice()
    first.fails = [KeyError("what the agent said")]
    async with speaking_with(first, second) as (speaker, audience):
        speaker.say(utterance("m1", "It is here."))
        await settle()
        play(speaker, 1)
        assert audience.log[0] == ("failed", "voice1", "it failed with KeyError", "voice2")
        assert audience.log[-1] == ("finished", "m1")
    assert "what the agent said" not in caplog.text


async def test_the_last_voice_is_asked_again() -> None:
    first, last = FakeVoice(), FakeVoice()
    first.fails, last.fails = [ProviderError("out of credit")], [ProviderError("hiccup")]
    async with speaking_with(first, last) as (speaker, audience):
        speaker.say(utterance("m1", "It is here."))
        speaker.say(utterance("m2", "Yes."))
        await settle()
        play(speaker, 1)
        failed = [entry for entry in audience.log if entry[0] == "failed"]
        assert failed == [("failed", "voice1", "out of credit", "voice2"), ("failed", "voice2", "hiccup", "")]
        assert last.spoken == ["It is here.", "Yes."]
        assert audience.log[-1] == ("finished", "m2")


async def test_a_voice_that_stalls_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "STALL_SECONDS", 0.01)
    voice = FakeVoice()
    voice.fails = [asyncio.Event()]
    async with speaking_with(voice) as (speaker, audience):
        speaker.say(utterance("m1", "Hangs."))
        async with asyncio.timeout(5):
            while not audience.log:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.005)
        await settle()
        play(speaker, 0.1)
        assert audience.log == [("failed", "voice1", "it gave nothing for 0.01 s", ""), ("finished", "m1")]


class Hasty:
    """A voice that gives three seconds of sound without waiting, and then nothing more."""

    rate = 16_000

    def __init__(self) -> None:
        self.pieces = 0

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        for _ in range(150):
            self.pieces += 1
            yield Audio(np.full(320, 5_000, np.int16))
        await asyncio.Event().wait()


async def test_a_voice_that_never_waits_leaves_the_others_a_turn() -> None:
    voice, seen = Hasty(), []
    async with speaking_with(voice) as (speaker, _):
        speaker.say(utterance("m1", "Hasty."))
        for _ in range(60):
            await asyncio.sleep(0)
            seen.append(voice.pieces)
    assert max(after - before for before, after in pairwise(seen)) <= 26
    assert seen[-1] == 150


async def test_a_voice_that_stalls_in_the_middle_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "STALL_SECONDS", 0.05)
    async with speaking_with(Hasty()) as (speaker, audience):
        speaker.say(utterance("m1", "Hasty."))
        async with asyncio.timeout(5):
            while ("failed", "voice1", "it gave nothing for 0.05 s", "") not in audience.log:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        play(speaker, 4)
        assert audience.log[-1] == ("finished", "m1"), "what had sounded is heard"


async def test_what_cannot_be_spoken_is_shown_and_takes_no_time() -> None:
    voice = FakeVoice()
    async with speaking_with(voice) as (speaker, audience):
        speaker.say(utterance("m1", "***"))
        await settle()
        play(speaker, 0.1)
        assert voice.spoken == []
        assert audience.log == [("finished", "m1")]


async def test_one_utterance_is_taken_back_and_the_others_stay() -> None:
    async with speaking_with(FakeVoice()) as (speaker, audience):
        early = Utterance("m1", turn=3)
        early.write("Early.")
        speaker.say(early)
        speaker.say(utterance("m2", "Late."))
        assert speaker.answers(3) == [early]
        speaker.drop(early)
        await settle()
        play(speaker, 1)
        assert [entry for entry in audience.log if entry[0] == "began"] == [("began", "m2")]
        assert speaker.find("m2") is None


async def test_a_phrase_that_was_said_before_costs_nothing_and_sounds_the_same() -> None:
    voice = FakeVoice()
    async with speaking_with(voice) as (speaker, audience):
        counts = []
        for number in range(2):
            greeting = Utterance(f"m{number}", is_fixed=True)
            greeting.write("Good day.")
            greeting.close()
            speaker.say(greeting)
            await settle()
            counts.append(play(speaker, 2))
        assert counts == [25, 25]
        assert [each for each in audience.log if isinstance(each, str)] == ["Good", "day."] * 2
        assert audience.used == [(("voice1", "big"), 9)]
        speaker.say(utterance("m9", "Good day."))
        await settle()
        assert len(audience.used) == 2, "that is no phrase"


async def test_a_phrase_that_was_cut_is_not_kept() -> None:
    voice = FakeVoice()
    voice.fails = [asyncio.Event()]
    async with speaking_with(voice) as (speaker, audience):
        for number in range(2):
            greeting = Utterance(f"m{number}", is_fixed=True)
            greeting.write("Good day.")
            greeting.close()
            speaker.say(greeting)
            await settle()
            speaker.cut()
        assert len(audience.used) == 2

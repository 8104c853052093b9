"""What a supervisor says is in the history, where it was said, in words where there is an ear."""

from __future__ import annotations

from tests.voice._fakes import Model, settle
from tests.voice._line import FakeEar, Line
from tests.voice._supervisor import LIVE, Supervisor

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers.contracts import Transcript
from pinecall_run.voice.guest_words import UNHEARD
from pinecall_run.wire import live_events


async def test_each_thing_that_is_said_is_a_message() -> None:
    ear = FakeEar()
    async with Line(Model(), LIVE, ears=[ear]) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        for text in ("Good morning.", "One moment."):
            ear.says.append(text)
            await boss.speaks(0.5)
            await settle()
        assert line.history == [("assistant", "Good morning."), ("assistant", "One moment.")]
        told = line.owner.named(live_events.SupervisorSaid)
        assert [(each.text, each.message_id) for each in told] == [("Good morning.", ""), ("One moment.", "")]
        assert ear.opened == 2, "the caller's, and one for the supervisor"


async def test_an_ear_that_gives_a_sentence_at_a_time_makes_one_message() -> None:
    ear = FakeEar()
    async with Line(Model(), LIVE, ears=[ear]) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        await boss.speaks(0.3, pause=0)
        ear.stream.give(Transcript("Good", is_final=False))
        ear.stream.give(Transcript("Good morning.", is_final=True))
        await boss.speaks(0.3, pause=0)
        ear.stream.give(Transcript("I am Ann.", is_final=True))
        await line.wait(0.1)
        assert line.history == [("assistant", "Good morning. I am Ann.")]


async def test_what_nobody_can_write_down_is_there_all_the_same() -> None:
    ear = FakeEar()
    async with Line(Model(), LIVE, ears=[ear]) as line:
        line.call.live._words._ears = lambda: ()  # as in a call with a model that hears by itself
        boss = Supervisor(line)
        boss.wants("take_over")
        await line.says("hello?")
        await line.wait(1.0)
        await boss.speaks(0.5)
        assert line.history == [("user", "hello?"), ("assistant", UNHEARD)]
        boss.wants("hand_back")
        await line.wait(1.0)
        assert line.history[-1] == ("assistant", UNHEARD), "the model is not asked to answer what a human did"


async def test_noise_is_no_message_and_silence_opens_no_ear() -> None:
    ear = FakeEar()
    async with Line(Model(), LIVE, ears=[ear]) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        await boss.speaks(1.0, sound=SILENCE)
        assert ear.opened == 1
        ear.says.append("")
        await boss.speaks(0.3)
        assert line.history == []


async def test_the_ear_is_let_go_when_nobody_speaks_any_more() -> None:
    ear = FakeEar()
    async with Line(Model(), LIVE, ears=[ear]) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        await boss.speaks(0.3, pause=0.2)
        stream = ear.stream
        boss.wants("hand_back")
        await line.wait(1.0)
        assert not stream.is_closed, "its words may come yet"
        await line.wait(3.0)
        assert stream.is_closed

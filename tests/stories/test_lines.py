"""Callers on bad lines and in loud places: what was asked is answered, and what is no speech is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import pytest_asyncio
from tests.stories import _callers as callers
from tests.stories._callers import Tape, limited, spoilt, tape
from tests.stories._lines import Call, House, house, nothing_left
from tests.voice._speech import needs_flite

from pinecall_run.audio.chunk import RATE
from pinecall_run.wire import events, speech_events

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_flite]

QUESTION = "where is order one thousand and one"
ANSWER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
GREETING = "Acme support, hello. How can I help?"
GREETED = 3.4
"""Seconds after which the greeting is over."""
ANSWERED = 7.5
"""Seconds that an answer takes, the pause before it included."""

AT_ONCE = 0.75
"""Seconds from a caller's last word to the agent's first sound: the silence that ends a turn is 0.45 of them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with nothing_left(), house(tmp_path_factory.mktemp("lines")) as it:
        yield it


def question(voice: str = "slt") -> Tape:
    """A caller who hears the greeting, asks, and listens."""
    return tape(GREETED, (QUESTION, voice), ANSWERED)


def voice(of: Tape) -> callers.Samples:
    return of.sound[of.passages[0].start : of.passages[0].end]


def check_answered(call: Call, asked: Tape, within: float = AT_ONCE) -> None:
    """The caller was greeted, heard once, and answered from the database without delay."""
    assert call.turns == [QUESTION]
    assert call.heard == [GREETING, ANSWER]
    assert [result["status"] for result in call.tools] == ["shipped"]
    assert call.at(events.BotSpeaking) - asked.ends < within
    assert call.loudness(call.at(events.BotSpeaking), call.now - 1) > 1_000
    assert "bot.interrupted" not in call.names


def loss(clean: Tape) -> Tape:
    return spoilt(clean, callers.lossy(clean.sound, 0.2))


def telephone(clean: Tape) -> Tape:
    return spoilt(clean, callers.telephone(clean.sound))


def noise(decibels: float) -> Callable[[Tape], Tape]:
    return lambda clean: spoilt(clean, clean.sound + callers.noise(voice(clean), decibels, len(clean.sound)))


def clipping(clean: Tape) -> Tape:
    return spoilt(clean, clean.sound * 12.0)


def offset(clean: Tape) -> Tape:
    return spoilt(clean, clean.sound + 4_000.0)


def faint(clean: Tape) -> Tape:
    return spoilt(clean, clean.sound / 10)


def babble(decibels: float) -> Callable[[Tape], Tape]:
    return lambda clean: spoilt(clean, clean.sound + callers.babble(voice(clean), decibels, len(clean.sound)))


# what was asked is answered


@pytest.mark.parametrize("name", callers.VOICES)
async def test_every_caller_is_answered(acme: House, name: str) -> None:
    async with acme.conversation(question(name)) as call:
        check_answered(call, question(name))


LINES = {
    "20 % of the packets lost": loss,
    "a telephone of 8 kHz": telephone,
    "noise 15 dB below the voice": noise(15),
    "noise 10 dB below the voice": noise(10),
    "an overdriven microphone": clipping,
    "a direct current": offset,
    "a voice of -20 dB": faint,
    "talk at the next tables": babble(35),
    "a telephone in noise with losses": lambda clean: loss(telephone(noise(15)(clean))),
}


@pytest.mark.parametrize("line", LINES)
async def test_a_question_on_a_bad_line_is_answered(acme: House, line: str) -> None:
    asked = LINES[line](question())
    async with acme.conversation(asked) as call:
        check_answered(call, asked)


async def test_sound_that_comes_late_and_in_bunches_is_answered(acme: House) -> None:
    asked = question()
    async with acme.conversation(asked, bunch=10) as call:
        check_answered(call, asked, AT_ONCE + 0.4)


async def test_near_talk_spoils_the_greeting_and_nothing_else(acme: House) -> None:
    asked = babble(25)(question())
    async with acme.conversation(asked) as call:
        assert call.turns == [QUESTION]
        assert call.heard == [ANSWER], "the greeting is cut: of a caller whom nobody knows yet, any voice may be theirs"
        assert call.at(events.BotSpeaking) - asked.ends < AT_ONCE


# what is no speech is no turn


NOISES = {
    "music": callers.music(10),
    "a cough": callers.cough(),
    "a door": callers.slam(),
    "noise": callers.noise(limited(callers.music(1)), 0, 8 * RATE),
    "a hum": 6_000 * np.sin(2 * np.pi * 50 * np.arange(5 * RATE) / RATE),
}


@pytest.mark.parametrize("sound", NOISES)
@pytest.mark.parametrize("begins", [0.8, GREETED])
async def test_noises_are_no_turns_and_do_not_interrupt(acme: House, sound: str, begins: float) -> None:
    async with acme.conversation(tape(begins, NOISES[sound], 4.0)) as call:
        assert call.heard == [GREETING]
        assert not {"speech.started", "user.message", "turn.end", "bot.interrupted"} & set(call.names)


async def test_a_caller_is_heard_through_music(acme: House) -> None:
    asked = question()
    played = tape(GREETED, callers.music(10), 6.0).sound[: len(asked.sound)] / 4.0
    async with acme.conversation(spoilt(asked, asked.sound[: len(played)] + played)) as call:
        check_answered(call, asked)


async def test_who_says_nothing_for_a_minute_is_warned_and_let_go(acme: House) -> None:
    async with acme.conversation(tape(60.0)) as call:
        told = [name for name in call.names if not name.startswith("bot.word")]
        assert told == [
            "call.started", "bot.speaking", "message.confirmed", "bot.finished",
            "session.idle_warning", "session.idle_warning", "session.timeout", "call.ended",
        ]  # fmt: skip
        assert call.reason == "idle_timeout"
        finished = call.at(events.BotFinished)
        assert call.at(speech_events.SessionTimeout) - finished == pytest.approx(40, abs=0.1)

"""People in calls nod, interrupt, think between words, ask twice and leave; the agent takes it as a person would."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.stories._callers import tape
from tests.stories._lines import House, house, nothing_left
from tests.voice._speech import needs_flite

from pinecall_run.wire import events, speech_events

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_flite]

QUESTION = "where is order one thousand and one"
ANSWER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
OTHER = "Order ORD-1002, the burr grinder, is being packed and should arrive on Thursday."
GREETING = "Acme support, hello. How can I help?"
GREETED = 3.4

PATIENT = "    interruption: {min_duration_ms: 640}\n    timezone: Europe/Madrid"
"""Longer than any sign of listening but a drawn-out one; words interrupt all the same."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with nothing_left(), house(tmp_path_factory.mktemp("manners")) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def change(text: str) -> str:
        return text.replace("    timezone: Europe/Madrid", PATIENT, 1)

    async with house(tmp_path_factory.mktemp("patient"), change) as it:
        yield it


@pytest.mark.parametrize("has_partials", [False, True])
async def test_who_only_says_uh_huh_interrupts_nothing(acme: House, has_partials: bool) -> None:
    listening = tape(1.0, "uh huh", 0.7, "uh huh", 3.0)
    async with acme.conversation(listening, has_partials=has_partials) as call:
        assert call.heard == [GREETING]
        assert call.turns == []


@pytest.mark.parametrize("word", ["ok", "yeah", "right", "sure", "uh huh"])
async def test_who_is_known_to_nod_aloud_is_let_nod(patient: House, word: str) -> None:
    nodding = tape(GREETED, QUESTION, 2.0, word, 1.2, word, 4.5)
    async with patient.conversation(nodding, has_partials=True) as call:
        assert call.heard == [GREETING, ANSWER]
        assert call.turns == [QUESTION]


async def test_a_whole_sentence_interrupts_by_its_voice(acme: House) -> None:
    talk = tape(GREETED, QUESTION, 4.0, "wait where is order one thousand and two", 7.5)
    async with acme.conversation(talk) as call:
        cut = call.named(speech_events.BotInterrupted)
        assert [each.reason for each in cut] == ["user_spoke"]
        began = talk.passages[1].start / 16_000
        assert call.at(speech_events.BotInterrupted) - began < 0.3 + 0.25, "the gate, and what the detector takes"
        assert call.loudness(call.at(speech_events.BotInterrupted) + 0.02, talk.passages[1].end / 16_000) == 0
        assert call.heard[0] == GREETING
        assert ANSWER.startswith(call.heard[1])
        assert call.heard[1] != ANSWER
        assert call.heard[2] == OTHER
        assert call.turns == [QUESTION, "wait where is order one thousand and two"]


async def test_a_whole_sentence_interrupts_by_its_words_where_voice_alone_does_not(patient: House) -> None:
    talk = tape(GREETED, QUESTION, 4.0, "wait where is order one thousand and two", 7.5)
    async with patient.conversation(talk, has_partials=True) as call:
        assert [each.reason for each in call.named(speech_events.BotInterrupted)] == ["user_spoke"]
        assert call.heard[-1] == OTHER


async def test_who_thinks_between_words_is_answered_for_all_of_them(acme: House) -> None:
    talk = tape(GREETED, "where is", 1.0, "order", 1.0, "one thousand", 1.0, "and one", 7.5)
    async with acme.conversation(talk) as call:
        assert call.turns[-1] == QUESTION
        assert call.heard[-1] == ANSWER
        assert len({turn.turn_id for turn in call.named(events.TurnEnd)}) == 1, "it was one turn all along"
        assert call.heard[1:-1] == [], "what was begun for half of it counts as not said"


async def test_two_questions_in_one_breath_are_one_turn(acme: House) -> None:
    talk = tape(GREETED, QUESTION, 0.4, "and where is order one thousand and two", 7.5)
    async with acme.conversation(talk) as call:
        assert call.turns[-1] == f"{QUESTION} and where is order one thousand and two"
        assert len({turn.turn_id for turn in call.named(events.TurnEnd)}) == 1
        assert call.heard[-1] == ANSWER, "a script answers the first; a model would answer both"


async def test_two_questions_one_after_the_other_are_both_answered(acme: House) -> None:
    talk = tape(GREETED, QUESTION, 7.0, ("where is order one thousand and two", "awb"), 7.5)
    async with acme.conversation(talk) as call:
        assert call.turns == [QUESTION, "where is order one thousand and two"]
        assert call.heard == [GREETING, ANSWER, OTHER]
        assert "bot.interrupted" not in call.names


async def test_who_speaks_over_the_greeting_is_answered(acme: House) -> None:
    talk = tape(0.5, QUESTION, 7.5)
    async with acme.conversation(talk) as call:
        assert call.turns == [QUESTION]
        assert call.heard == [ANSWER]
        assert call.named(speech_events.MessageAborted)[0].reason == "continuation"


async def test_who_hangs_up_in_the_middle_of_a_word_is_gone(acme: House) -> None:
    async with nothing_left():
        talk = tape(GREETED, QUESTION)
        half = talk.passages[0].end - 6_400
        async with acme.conversation(tape(talk.sound[: half // 320 * 320])) as call:
            assert call.names[-1] == "speech.started"
        assert call.names[-1] == "call.ended"
        assert call.reason == "disconnected"
        assert not {"user.message", "turn.end"} & set(call.names)


async def test_who_hangs_up_during_the_answer_leaves_what_they_heard(acme: House) -> None:
    async with nothing_left(), acme.conversation(tape(GREETED, QUESTION, 3.0)) as call:
        pass
    assert ANSWER.startswith(call.heard[-1])
    assert 2 <= len(call.heard[-1].split()) < len(ANSWER.split())

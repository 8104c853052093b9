"""An utterance: text in, sentences out, sound kept until it is played."""

from __future__ import annotations

import asyncio

import numpy as np

from pinecall_run.providers.contracts import SpokenItem
from pinecall_run.voice.utterance import AHEAD, Utterance


async def test_sentences_come_as_soon_as_they_are_complete_and_the_rest_when_the_text_is() -> None:
    utterance = Utterance("m1", language="en")
    utterance.write("It is here. And")
    assert (await utterance.next_sentence() or "").strip() == "It is here."
    utterance.write(" there")
    utterance.close()
    utterance.close()
    assert (await utterance.next_sentence() or "").strip() == "And there"
    assert await utterance.next_sentence() is None


async def test_its_message_of_the_history_says_what_is_planned() -> None:
    record: dict[str, object] = {"role": "assistant", "content": ""}
    utterance = Utterance("m1", record=record)
    utterance.write("It is ")
    utterance.write("here.")
    assert record["content"] == "It is here."


async def test_no_more_sound_is_made_than_may_be_lost() -> None:
    utterance = Utterance("m1")
    utterance.playhead.begin("long")
    utterance.add(np.ones(AHEAD, np.int16))
    await asyncio.wait_for(utterance.has_room(), 1)
    utterance.add(np.ones(1, np.int16))
    waiting = asyncio.create_task(utterance.has_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    utterance.take_piece()
    await asyncio.wait_for(waiting, 1)


async def test_one_that_is_cut_lets_its_maker_go() -> None:
    utterance = Utterance("m1")
    utterance.playhead.begin("long")
    utterance.add(np.ones(AHEAD + 1, np.int16))
    utterance.cut()
    await asyncio.wait_for(utterance.has_room(), 1)
    assert not utterance.pieces
    assert utterance.is_cut


def test_what_a_model_speaks_itself_has_no_sentences_and_grows_with_its_text() -> None:
    record: dict[str, object] = {}
    utterance = Utterance("m1", record=record, item=SpokenItem("a"))
    for token in ("It ships on Tu", "esday. ", "Bye."):
        utterance.write(token)
    utterance.add(np.ones(16_000 * 4, np.int16))
    utterance.close()
    assert (utterance.is_made, record["content"]) == (True, "It ships on Tuesday. Bye.")
    assert utterance.shown_at_once == utterance.text
    utterance.playhead.played(16_000 * 2)
    assert utterance.playhead.heard == "It ships on"

"""Phrases are kept as long as there is room, those that are wanted longest."""

from __future__ import annotations

import numpy as np

from pinecall_run.providers.contracts import Audio, Spoken, WordTime
from pinecall_run.voice.phrases import Phrases


def sound(count: int) -> list[Spoken]:
    return [WordTime("hi", 0.0, 0.1), Audio(np.zeros(count, np.int16))]


def test_a_phrase_is_found_by_its_voice_and_words() -> None:
    phrases, pieces = Phrases(), sound(10)
    phrases.keep(("voice", "Hi."), pieces)
    assert phrases.find(("voice", "Hi.")) is pieces
    assert phrases.find(("voice", "Hi!")) is None
    assert phrases.find(("other", "Hi.")) is None


def test_the_least_wanted_is_forgotten_first() -> None:
    phrases = Phrases(most_bytes=60)
    for name in "abc":
        phrases.keep(("voice", name), sound(10))
    phrases.find(("voice", "a"))
    phrases.keep(("voice", "d"), sound(10))
    assert [name for name in "abcd" if phrases.find(("voice", name))] == ["a", "c", "d"]


def test_what_has_no_sound_or_is_too_long_is_not_kept() -> None:
    phrases = Phrases(most_bytes=60)
    phrases.keep(("voice", "short"), sound(10))
    phrases.keep(("voice", "long"), sound(31))
    phrases.keep(("voice", "mute"), [])
    phrases.keep(("voice", "short"), sound(20))
    assert phrases.find(("voice", "long")) is phrases.find(("voice", "mute")) is None
    assert phrases.find(("voice", "short")) is not None
    phrases.keep(("voice", "whole"), sound(30))
    assert phrases.find(("voice", "short")) is None
    assert phrases.find(("voice", "whole")) is not None

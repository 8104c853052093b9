"""Texts look finished or not, and signs of listening are told from words, in six languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.turns.words import Look, base_of, is_backchannel, look, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where's order A-42?", ["where's", "order", "a", "42"]),
        ("D’accord, ça va.", ["d'accord", "ça", "va"]),
        ("uh-huh", ["uh", "huh"]),
        ("注文は？", ["注", "文", "は"]),
        ("  ... ", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Where is my order?", "en", Look.FINISHED),
        ("What is it for?", "en", Look.FINISHED),
        ("That is what it is for.", "en", Look.FINISHED),
        ("Yes", "en", Look.FINISHED),
        ("no thanks", "en-US", Look.FINISHED),
        ("where is my order", "en", Look.UNKNOWN),
        ("one thousand and one", "en", Look.UNKNOWN),
        ("I want to return it and", "en", Look.UNFINISHED),
        ("I want to return it and.", "en", Look.UNFINISHED),
        ("My number is.", "en", Look.UNFINISHED),
        ("I am looking for", "en", Look.UNFINISHED),
        ("Well, um", "en", Look.UNFINISHED),
        ("First,", "en", Look.UNFINISHED),
        ("I was thinking...", "en", Look.UNFINISHED),
        ("I was thinking… ", "en", Look.UNFINISHED),
        ("", "en", Look.UNFINISHED),
        ('He said "no."', "en", Look.FINISHED),
        ("quiero devolver el", "es", Look.UNFINISHED),
        ("mi número es", "es-MX", Look.UNFINISHED),
        ("sí", "es", Look.FINISHED),
        ("je voudrais un", "fr", Look.UNFINISHED),
        ("d'accord", "fr", Look.FINISHED),
        ("ich möchte die", "de", Look.UNFINISHED),
        ("meine Nummer ist", "de", Look.UNFINISHED),
        ("vorrei il", "it", Look.UNFINISHED),
        ("meu nome é", "pt_BR", Look.UNFINISHED),
        ("minha encomenda chegou", "pt", Look.UNKNOWN),
        ("注文はどこですか？", "ja", Look.FINISHED),
        ("注文はどこですか", "ja", Look.UNKNOWN),
    ],
)
def test_look(text: str, language: str, expected: Look) -> None:
    assert look(text, language) is expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Uh-huh, okay.", "en", True),
        ("yeah right", "en", True),
        ("okay but wait", "en", False),
        ("no", "en", False),
        ("sí, claro", "es", True),
        ("sí, pero no", "es", False),
        ("d’accord, oui", "fr", True),
        ("ja genau", "de", True),
        ("va bene", "it", True),
        ("tá bom", "pt", True),
        ("sí ok", "xx", True),
        ("stop", "xx", False),
        ("sí", "en", False),
    ],
)
def test_backchannels(text: str, language: str, expected: bool) -> None:
    assert is_backchannel(text, language) is expected


def test_what_looks_finished_is_waited_for_least() -> None:
    assert Look.FINISHED.patience < Look.UNKNOWN.patience < Look.UNFINISHED.patience
    assert Look.FINISHED.probability > Look.UNKNOWN.probability > 0.5 > Look.UNFINISHED.probability


def test_the_base_of_a_language() -> None:
    assert [base_of(tag) for tag in ("es-MX", "pt_BR", "EN", "")] == ["es", "pt", "en", ""]


@given(st.text(), st.text(max_size=8))
def test_any_text_in_any_language_has_a_look(text: str, language: str) -> None:
    look(text, language)
    is_backchannel(text, language)

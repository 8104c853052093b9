"""Grammars from sentences, and what is wrong with others."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.grammar import jsgf, plain_words, words

JSGF = "#JSGF V1.0;\ngrammar shop; // greetings\npublic <top> = hello (<name> | /2/ world {tag})*; <name> = acme;"


def test_sentences_become_a_grammar() -> None:
    rules = jsgf(["Where is order <number>?", "I want (a | the) lamp, please."])
    assert rules.startswith("#JSGF V1.0;\ngrammar said;\n")
    assert "public <said> = ((where is order <number>) | (i want (a | the) lamp please)) [please];" in rules
    assert {"where", "lamp", "thousand", "oh"} <= set(words(rules))
    assert not {"grammar", "said", "public", "number", "JSGF"} & set(words(rules))


def test_a_grammar_in_jsgf_stays_as_it_is() -> None:
    assert jsgf(JSGF) == JSGF + "\n"
    assert words(JSGF) == ["acme", "hello", "world"]


@pytest.mark.parametrize("written", [None, "", []])
def test_where_nothing_is_written_there_is_no_grammar(written: Any) -> None:
    assert jsgf(written) == ""
    assert words("") == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("where is my order", "neither JSGF nor a list"),
        ({"a": 1}, "neither JSGF nor a list"),
        ([5], "neither JSGF nor a list"),
        (["order <nummer>"], "no rule <nummer>"),
        ("#JSGF V1.0; grammar a; public <a> = <b>;", "no rule <b>"),
        (["order 1001"], "holds digits"),
        (["  ", "?"], "no words"),
    ],
)
def test_what_is_no_grammar_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        jsgf(written)


def test_a_term_has_words() -> None:
    assert plain_words("Acme Co-Op, it's 24/7") == ["acme", "co-op", "it's"]

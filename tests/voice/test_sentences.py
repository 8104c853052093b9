"""Sentences come out early, whole, and the same however their text arrives."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice.sentences import LONGEST_CHARACTERS, Sentences

PIECES = st.sampled_from(
    [*"abcXYZ .,!?…;:\n\t\"')(*_`|#-–—0159€", "Dr.", " e.g. ", "3. März ", " and ", "etc. ", "1.000,50", "p. ej. ",
     "```", "https://x.com/a.b?c", "。", "你好", "「", "」", "، ", "؟ ", "। ", "नमस्ते", "😀", "J. R. ",
     "a" * 70, "b " * 40]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)
LANGUAGES = st.sampled_from(["en", "en-GB", "de", "es", "zh", ""])


def cut(text: str, language: str = "en") -> list[str]:
    sentences = Sentences(language)
    return [*sentences.feed(text), *sentences.flush()]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Your order has shipped.| It arrives on Monday!| OK?| Yes.", "en"),
        ("Dr. Smith met Mr. J. R. Jones, e.g. in Washington D.C. on Monday.| Then he left.", "en"),
        ("It is 3.14 or 1,000.50 dollars.| At 5 p.m. we close.| We open at 9 a.m.| Bye.", "en"),
        ("Acme Inc. and others etc. are here.| Nobody etc.| The end.", "en"),
        ("See https://x.com/a.b?c=1.| Write to a.b@c.co.| Then call.", "en"),
        ("Well... maybe.| Or…| No.", "en"),
        ("So do I.| No. 5 is here.| No.| It is not.", "en"),
        ('He said "stop."| Then "go!" and (he left.)| Bye.', "en"),
        ("**Done.**| Next.", "en"),
        ("Really?!| Yes.", "en"),
        ("Am 3. März kommt z. B. Herr Dr. Müller, d. h. bald.| Danach nicht.", "de"),
        ("Ludwig XIV. war da.| Es ist 2024.| Danach nicht.", "de"),
        ("Vaya, p. ej. el Sr. López debe 1.000,50 euros.| ¿Vale?| ¡Sí!|¡No!", "es"),
        ("M. Dupont est là.| Oui.", "fr"),
        ("你好。|今天天气很好！|「是吗？」|对。", "zh"),
        ("هل أنت هنا؟| نعم.", "ar"),
        ("नमस्ते।| ठीक है।", "hi"),
        ("Here:|\n- one|\n- two.| Three|\n\n1. four|\n2. five", "en"),
        ("Code:|\n```py\na = 1. b\nc, d\n```|\nDone.", "en"),
    ],
)
def test_a_text_has_the_sentences_that_people_see_in_it(text: str, language: str) -> None:
    """A sentence is before it, because the first one may be cut early."""
    expected = [sentence.strip() for sentence in text.split("|")]
    assert cut("Hi! " + text.replace("|", ""), language) == ["Hi!", *expected]


def test_a_sentence_is_out_with_the_space_after_its_stop() -> None:
    sentences = Sentences()
    assert sentences.feed("It has shipped.") == []
    assert sentences.feed(" ") == ["It has shipped."]
    assert sentences.feed("Monday 。") == []
    assert sentences.feed("x") == ["Monday 。"]


def test_only_the_first_sentence_may_end_at_a_comma() -> None:
    text = "Thank you for calling Acme, I look it up. Thank you for calling Acme, I look it up."
    first = ["Thank you for calling Acme,", "I look it up."]
    assert cut(text) == [*first, "Thank you for calling Acme, I look it up."]
    assert cut("Well, yes, I do, of course. Bye.") == ["Well, yes, I do, of course.", "Bye."]
    assert cut("You can have the numbers 1, 2 and 3. Bye.") == ["You can have the numbers 1, 2 and 3.", "Bye."]


def test_the_first_sentence_may_end_before_a_conjunction_when_it_is_long() -> None:
    text = "I have looked at every one of the orders that you have placed with us and none of them is late."
    assert cut(text) == [text[: text.index(" and")], text[text.index("and") :]]
    assert cut(f"Hello. {text}") == ["Hello.", text]


def test_after_a_flush_another_answer_begins() -> None:
    sentences = Sentences()
    assert sentences.feed("One moment") + sentences.flush() == ["One moment"]
    assert sentences.flush() == []
    assert sentences.feed("Thank you for calling Acme, ") == ["Thank you for calling Acme,"]


def test_a_long_sentence_is_cut_at_a_clause_or_a_word() -> None:
    clause = "word " * 30
    assert cut(f"Hello. {clause.strip()}, {'word ' * 60}")[1] == f"{clause.strip()},"
    assert {len(sentence) for sentence in cut("Hello. " + "word " * 99)[1:-1]} == {LONGEST_CHARACTERS - 1}
    assert [len(sentence) for sentence in cut("y" * 600)] == [250, 250, 100]


@given(TEXTS, LANGUAGES)
def test_nothing_but_space_is_lost_or_moved(text: str, language: str) -> None:
    assert re.sub(r"\s", "", "".join(cut(text, language))) == re.sub(r"\s", "", text)


@given(TEXTS, LANGUAGES, st.data())
def test_any_tokens_of_a_text_give_the_same_sentences(text: str, language: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    sentences = Sentences(language)
    tokens = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    said = [sentence for token in tokens for sentence in sentences.feed(token)]
    assert [*said, *sentences.flush()] == cut(text, language)


@given(TEXTS, LANGUAGES)
def test_sentences_are_short_and_have_no_space_around_them(text: str, language: str) -> None:
    for sentence in cut(text, language):
        assert sentence
        assert sentence == sentence.strip()
        assert len(sentence) <= LONGEST_CHARACTERS or sentence.startswith("```")

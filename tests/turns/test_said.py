"""Texts are put together, none is lost, and what is repeated does not count twice."""

from __future__ import annotations

from pinecall_run.turns.said import Said


def said(*finals: str) -> Said:
    made = Said()
    for text in finals:
        made.final(text, 1.0)
    return made


def test_partial_texts_replace_each_other_and_final_ones_follow_each_other() -> None:
    made = Said()
    assert made.partial("where", 0.5)
    assert not made.partial("Where,", 0.6)
    assert made.partial("where is", 0.6)
    assert made.has_partial
    assert not made.final("Where is", 0.9, "en")
    assert made.final("my order?", 0.8)
    assert (made.text, made.confidence, made.language, made.has_partial) == ("Where is my order?", 0.8, "en", False)


def test_an_empty_final_text_takes_a_partial_one_back() -> None:
    made = said("Hello.")
    made.partial("mm", 0.3)
    assert made.final("", 1.0)
    assert made.text == "Hello."


def test_a_final_text_replaces_the_partial_one_that_was_taken_for_it() -> None:
    made = said("Hello.")
    made.partial("where is it", 0.5)
    made.take()
    assert not made.partial("where is it", 0.5)
    assert made.partial("where is it now", 0.5)
    assert made.text == "Hello. where is it now"
    assert made.final("Where is it?", 0.9)
    assert made.text == "Hello. Where is it?"
    made.final("Now.", 0.9)
    assert made.text == "Hello. Where is it? Now."


def test_a_partial_text_that_revises_what_was_taken_for_final_says_nothing_twice() -> None:
    made = Said()
    made.partial("where is either one", 0.5)
    made.take()
    assert not made.partial("where is either 1000", 0.5), "an ear that is slow, not a caller who goes on"
    assert not made.partial("there is order 1001", 0.5)
    assert made.partial("where is order 1001 please", 0.5)
    assert made.text == "where is either one please"
    made.final("where is order 1001", 0.9)
    assert made.text == "where is order 1001"


def test_what_is_heard_after_the_end_stands_aside() -> None:
    made = said("Hello.")
    made.mark()
    made.final("Wait.", 1.0)
    made.partial("stop", 1.0)
    assert (made.text, made.aside) == ("Hello. Wait. stop", "Wait. stop")
    made.drop()
    assert (made.text, made.aside) == ("Hello.", "")
    made.final("Stop it.", 1.0)
    assert made.aside == "it."


def test_a_turn_begins_with_what_stood_aside() -> None:
    made = said("Hello.")
    made.mark()
    made.final("Wait.", 1.0)
    made.begin()
    assert (made.text, made.aside) == ("Wait.", "Wait.")


def test_a_late_final_text_of_the_turn_before_is_not_the_next_turn() -> None:
    made = Said()
    made.partial("where is it", 0.5)
    made.take()
    made.mark()
    made.begin()
    assert not made.final("Where is it?", 0.9)
    assert made.final("Where is it?", 0.9)
    made = Said()
    made.partial("yes", 0.5)
    made.take()
    made.mark()
    made.begin()
    made.forget()
    assert made.final("Yes.", 0.9)


def test_a_vendors_turn_is_the_whole_of_it() -> None:
    made = Said()
    made.final("Where is", 1.0)
    made.partial("my", 1.0)
    assert made.vendors("Where is my order?", is_end=False)
    assert not made.vendors("where is my order", is_end=True)
    assert not made.final("Where is my order?", 1.0)
    assert made.text == "Where is my order?"
    assert made.vendors("The red one.", is_end=True)
    assert made.text == "Where is my order? The red one."


def test_a_vendors_turn_of_which_all_was_final_changes_nothing() -> None:
    made = said("Where is", "my order?")
    assert not made.vendors("Where is my order?", is_end=True)
    made.final("Thanks.", 1.0)
    assert made.text == "Where is my order? Thanks."


def test_what_is_typed_follows_what_was_said() -> None:
    made = Said()
    made.partial("my number is", 0.5)
    made.typed(" 42 ")
    made.final("My number is", 0.9)
    assert made.text == "my number is 42"


def test_what_is_said_elsewhere_may_begin_with_a_repetition() -> None:
    made = Said()
    made.partial("where is it", 0.5)
    made.take()
    other = made.elsewhere()
    other.final("Where is it? Between us,", 1.0)
    assert (other.text, made.text) == ("Between us,", "where is it")

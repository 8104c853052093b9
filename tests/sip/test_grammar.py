"""Tokens, quotes, lists and parameters: read as they are written, and refused when they are not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.sip.grammar import (
    GrammarError,
    listed,
    number,
    quote,
    read_parameters,
    split,
    unquote,
    write_parameters,
)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("007", 7), (" 70 ", 70), ("000", 0), ("4294967295", 2**32 - 1)])
def test_numbers(text: str, value: int) -> None:
    assert number(text, 2**32 - 1) == value


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1 2", "٣", "4294967296", "99999999999999999999", "0x1"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(GrammarError):
        number(text, 2**32 - 1)


def test_commas_in_quotes_and_brackets_do_not_part() -> None:
    assert listed('"a, b" <sip:x,y@z>;q=1 , c,, "\\",\\\\"') == ['"a, b" <sip:x,y@z>;q=1', "c", '"\\",\\\\"']
    assert split('<sip:a;b>;"x;y";c', ";") == ["<sip:a;b>", '"x;y"', "c"]


@pytest.mark.parametrize("text", ['"a', "<a", "a>", "<<a>>", "a<b>>", '"\\"'])
def test_what_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        split(text, ",")


def test_parameters() -> None:
    assert read_parameters(["A=1", "lr", 'x="a;b"', "a=2", "h=[::1]"]) == {
        "a": "1",
        "lr": None,
        "x": "a;b",
        "h": "[::1]",
    }


@pytest.mark.parametrize("part", ["", "=1", "a b=1", "a=", "a=b c", 'a="x', "é=1"])
def test_what_is_no_parameter(part: str) -> None:
    with pytest.raises(GrammarError):
        read_parameters([part])


def test_there_is_an_end_to_parameters() -> None:
    with pytest.raises(GrammarError):
        read_parameters([f"a{at}" for at in range(65)])


@given(st.text())
def test_what_is_quoted_is_what_it_was(text: str) -> None:
    assert unquote(quote(text)) == text
    assert split(f"{quote(text)},x", ",") == [quote(text), "x"]


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9.-]*", fullmatch=True), st.none() | st.text()))
def test_parameters_are_read_as_they_are_written(parameters: dict[str, str | None]) -> None:
    _, *parts = split(f"x{write_parameters(parameters)}", ";")
    assert read_parameters(parts) == parameters


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for read in (
        lambda: split(text, ";"),
        lambda: listed(text),
        lambda: number(text, 9),
        lambda: read_parameters([text]),
    ):
        with contextlib.suppress(GrammarError):
            read()

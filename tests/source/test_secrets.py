"""Secrets are masked in words and in lines, and the caret stays where it points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.source.diagnostic import Diagnostic, Label, Span
from pinecall_run.source.formats import FORMATS, Report, render
from pinecall_run.source.secrets import NONE, Secrets, is_secret_name, secret_values


def secrets(*spans: tuple[int, int], values: frozenset[str] = frozenset()) -> Secrets:
    """Spans on line 1 of a file, as first and last column from 0, the last exclusive."""
    return Secrets(frozenset(Span("a", 1, first + 1, 1, last + 1) for first, last in spans), values)


@pytest.mark.parametrize(
    ("hidden", "line", "pointed", "expected"),
    [
        (NONE, "key: hush", (5, 9), ("key: hush", "hush")),
        (secrets((5, 9)), "key: hush", (0, 3), ("key: ***", "key")),
        (secrets((5, 9)), "key: hush", (5, 9), ("key: ***", "***")),
        (secrets((5, 9)), "key: hush # x", (10, 13), ("key: *** # x", "# x")),
        (secrets((5, 15)), "key: hush-hush. x", (8, 9), ("key: *** x", "***")),
        (secrets((5, 15)), "key: hush-hush. x", (3, 17), ("key: *** x", ": *** x")),
        (secrets((5, 6)), "key: a b", (7, 8), ("key: *** b", "b")),
        (secrets((0, 2), (3, 5)), "ab cd ef", (6, 8), ("*** *** ef", "ef")),
        (secrets((0, 3), (2, 5)), "ab cd ef", (6, 8), ("****** ef", "ef")),
        (secrets(values=frozenset(["hushhush"])), "x hushhush y hushhush z", (23, 23), ("x *** y *** z", "")),
        (secrets(values=frozenset(["hushhush", "hushhush2"])), "hushhush2 z", (10, 11), ("*** z", "z")),
        (secrets(values=frozenset(["short"])), "short", (0, 5), ("short", "short")),
        (Secrets(frozenset([Span("a", 0, 9, 2, 1)])), "  hush", (0, 1), ("  ***", " ")),
        (Secrets(frozenset([Span("b", 1, 1, 1, 9)])), "hush", (0, 1), ("hush", "h")),
    ],
)
def test_a_line_without_its_secrets(
    hidden: Secrets, line: str, pointed: tuple[int, int], expected: tuple[str, str]
) -> None:
    shown, start, end = hidden.hide_line("a", 1, line, *pointed)
    assert (shown, shown[start:end]) == expected


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4), st.data())
def test_no_masked_character_is_left_and_places_stay_in_the_line(
    line: str, pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    pairs = [(first, min(last, len(line))) for first, last in pairs]
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    shown, first, last = secrets(*pairs).hide_line("a", 1, line, start, end)
    covered = {index for one, other in pairs for index in range(one, other)}
    assert shown.replace("***", "") == "".join(c for i, c in enumerate(line) if i not in covered).replace("***", "")
    assert 0 <= first <= last <= len(shown)


@pytest.mark.parametrize("shape", FORMATS)
def test_no_format_shows_a_secret(shape: str) -> None:
    found = Diagnostic(
        "PCR101",
        "what about hushhush",
        Span.at("a", 1, 6, 8),
        help="hushhush",
        labels=(Label(Span.at("a"), "hushhush"),),
    )
    hidden = Secrets(frozenset([Span.at("a", 1, 6, 8)]), frozenset(["hushhush", "two\nlines of it"]))
    text = render(shape, Report(["a"], [found], {"a": ["key: hushhush"]}, "1", secrets=hidden))
    assert "hushhush" not in text
    assert text.replace("\\", "").count("***") >= 1
    assert hidden.hide("lines of it") == "***"


def test_a_secret_that_a_message_cut_short_is_masked_too() -> None:
    hidden = secrets(values=frozenset(["hush" * 100]))
    assert hidden.hide(f"`{('hush' * 100)[:77]}…` is not allowed") == "`***` is not allowed"


def test_findings_keep_their_places_and_lose_values() -> None:
    found = Diagnostic("PCR101", "hushhush", Span.at("a"), route=("a", 1))
    (masked,) = secrets(values=frozenset(["hushhush"])).hide_in([found])
    assert (masked.message, masked.span, masked.route, masked.help) == ("***", found.span, found.route, None)
    assert NONE.hide_in([found]) == [found]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("OPENAI_API_KEY", True), ("api_key", True), ("apikey", True), ("DB_PASSWORD", True), ("access_token", True),
     ("max_tokens", False), ("keyterms", False), ("SSH_AUTH_SOCK", False), ("HOME", False)],
)  # fmt: skip
def test_names_that_say_what_they_hold(name: str, expected: bool) -> None:
    assert is_secret_name(name) is expected
    assert secret_values({name: "value"}) == ({"value"} if expected else set())

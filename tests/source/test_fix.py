"""Edits change what they span and not a character more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.source.diagnostic import Diagnostic, Edit, Fix, Span
from pinecall_run.source.document import Document
from pinecall_run.source.fix import apply_edits, compatible, is_editable, quote_variables, reword


def span(line: int, column: int, end: int, end_line: int | None = None) -> Span:
    return Span("a.yaml", line, column, end_line or line, end)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_edits_are_made_in_any_order_and_line_endings_stay(newline: str) -> None:
    text = newline.join(["😀: one # 😀", "two: x", "", "three"])
    edits = [Edit(span(4, 1, 6), "3"), Edit(span(1, 4, 7), "eins"), Edit(span(2, 6, 6), "y"), Edit(span(2, 1, 4), "")]
    assert apply_edits(text, edits) == newline.join(["😀: eins # 😀", ": yx", "", "3"])


def test_an_edit_may_span_lines() -> None:
    assert apply_edits("ab\r\ncd\r\n", [Edit(span(1, 2, 2, end_line=2), "-")]) == "a-d\r\n"


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(span(1, 1, 4), "x"), Edit(span(1, 3, 5), "y")],
        [Edit(span(9, 1, 2), "x")],
        [Edit(span(2, 1, 99), "x")],
        [Edit(span(1, 4, 2), "x")],
    ],
)
def test_edits_that_overlap_or_lie_outside_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="an edit overlaps another or lies outside of the text"):
        apply_edits("abcdef\ngh", edits)


@given(st.lists(st.text("ab😀ñ ", max_size=5), min_size=1, max_size=5), st.data())
def test_what_lies_around_an_edit_stays(lines: list[str], data: st.DataObject) -> None:
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    line = data.draw(st.integers(0, len(lines) - 1))
    start = data.draw(st.integers(0, len(lines[line])))
    end = data.draw(st.integers(start, len(lines[line])))
    edited = [*lines[:line], f"{lines[line][:start]}NEW{lines[line][end:]}", *lines[line + 1 :]]
    edit = Edit(span(line + 1, start + 1, end + 1), "NEW")
    assert apply_edits(newline.join(lines), [edit]) == newline.join(edited)


def _finding(*edits: Edit) -> Diagnostic:
    return Diagnostic("PCR101", "x", edits[0].span if edits else span(1, 1, 2), fix=Fix(edits, "x") if edits else None)


def test_of_fixes_that_meet_the_first_is_taken() -> None:
    first = _finding(Edit(span(1, 1, 4), "x"), Edit(span(3, 1, 4), "x"))
    meets = _finding(Edit(span(2, 1, 4), "x"), Edit(span(3, 3, 9), "x"))
    same = _finding(Edit(span(1, 1, 4), "x"))
    beside = _finding(Edit(span(1, 4, 6), "x"))
    elsewhere = _finding(Edit(span(1, 1, 4)._replace(file="b.yaml"), "x"))
    assert compatible([_finding(), first, meets, same, beside, elsewhere]) == [first, beside, elsewhere]


@pytest.mark.parametrize(
    ("written", "new", "text"),
    [
        ("old", "new", "new"),
        ("'old'", "new", "'new'"),
        ('"old"', "a.b:c", '"a.b:c"'),
        ("&x old", "new", None),
        ("${OLD}", "new", None),
        ("older", "new", None),
        ("old", "two words", None),
        ("old", "a: b", None),
        ("old", "1", None),
        ("old", "a:", None),
    ],
)
def test_a_word_is_replaced_where_it_is_all_there_is(written: str, new: str, text: str | None) -> None:
    fix = reword(span(1, 1, 4), written, "old", new, "changed old")
    assert fix == (None if text is None else Fix((Edit(span(1, 1, 4), text),), "changed old"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: {b: ${X}}", 'a: {b: "${X}"}'),
        ("a: {b: wss://${X}/y, c: ${Y:-a, b} }", 'a: {b: "wss://${X}/y", c: "${Y:-a, b}" }'),
        ("a: [${X}, x, ${Y}${Z}] # ${C}", 'a: ["${X}", x, "${Y}${Z}"] # ${C}'),
        ("  ${X}, # in brackets of an earlier line", '  "${X}", # in brackets of an earlier line'),
        ("a: {b: ${X:?it's}, c: ${Y}}", "a: {b: ${X:?it's}, c: ${Y}}"),
        ("a: {b: '${X}', c: \"${Y}\", d: $Z}", None),
        ("a: {b: &x ${X}}", None),
    ],
)
def test_variables_are_quoted_where_that_can_be_told(before: str, after: str | None) -> None:
    edits = quote_variables(before, Span.at("a.yaml", 1))
    assert apply_edits(before, edits) == (after or before)


def test_reading_offers_to_quote_a_variable_and_then_reads() -> None:
    text = "a: 1\r\nb: {c: ${X:-😀}, d: ${Y}} # 😀\r\n"
    document, (finding,) = Document.parse(text, "a.yaml")
    assert document.root is None
    assert finding.fix is not None
    fixed = apply_edits(text, finding.fix.edits)
    assert fixed == 'a: 1\r\nb: {c: "${X:-😀}", d: "${Y}"} # 😀\r\n'
    assert Document.parse(fixed, "a.yaml")[1] == []


@pytest.mark.parametrize(
    "text", ["a: {b: ${X}, c: d: e}\n", "a: {b: &x ${X}}", "a: [b\nc: ${X}]: d", "a: b: ${X}", "[\x85${X}]"]
)
def test_reading_offers_nothing_that_does_not_help(text: str) -> None:
    _, findings = Document.parse(text, "a.yaml")
    assert [finding.fix for finding in findings] == [None] * len(findings)


def test_texts_with_breaks_of_which_yaml_alone_knows_are_not_edited() -> None:
    assert is_editable("a\r\nb\rc\n")
    assert not is_editable("a\u2028b")

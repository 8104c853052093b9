"""From a route, or a line inside a value, to the place in the file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecall_run.source.diagnostic import Route, Span
from pinecall_run.source.document import Document, Text


def document(text: str) -> Document:
    parsed, diagnostics = Document.parse(text, "a.yaml")
    assert diagnostics == []
    return parsed


def place(span: Span) -> tuple[int, int]:
    return span.line, span.column


TEXT = """\
base: &base
  x: 1
  y: 2
agents:
  one: {<<: *base, y: 3, list: [a, b]}
"""


@pytest.mark.parametrize(
    ("route", "key", "value"),
    [
        ((), (1, 1), (1, 1)),
        (("agents",), (4, 1), (5, 3)),
        (("agents", "one"), (5, 3), (5, 8)),
        (("agents", "one", "x"), (2, 3), (2, 6)),
        (("agents", "one", "y"), (5, 20), (5, 23)),
        (("agents", "one", "list", 1), (5, 36), (5, 36)),
        (("agents", "one", "gone"), (5, 3), (5, 8)),
        (("agents", "one", "list", 7), (5, 26), (5, 32)),
        (("gone", "deeper"), (1, 1), (1, 1)),
        (("agents", "one", "x", "deeper"), (2, 3), (2, 6)),
    ],
)
def test_a_route_leads_to_its_key_and_its_value_or_to_what_is_nearest(
    route: Route, key: tuple[int, int], value: tuple[int, int]
) -> None:
    assert place(document(TEXT).key_span(route)) == key
    assert place(document(TEXT).value_span(route)) == value


@pytest.mark.parametrize("text", ["", "a: [", "[" * 1000])
def test_of_a_text_that_is_not_yaml_every_route_is_the_beginning(text: str) -> None:
    parsed, diagnostics = Document.parse(text, "a.yaml")
    assert diagnostics
    assert parsed.node(("a",)) is None
    assert place(parsed.value_span(("a", 1))) == (1, 1)


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("a: |\n  one\n  two WORD\n", "two WORD", (3, 3)),
        ("a: |\n\n\n  one\n  WORD\n", "WORD", (5, 3)),
        ("a: |-\r\n    one\r\n      WORD\r\n", "WORD", (3, 7)),
        ("a: |2\n    one\n  WORD\n", "WORD", (3, 3)),
        ("a: |  # note\n  WORD\n", "WORD", (2, 3)),
        ("b: 1\na: 😀 WORD", "WORD", (2, 6)),
        ("a: 'x WORD'", "WORD", (1, 7)),
        ('{a: "x WORD"}', "WORD", (1, 8)),
        ("a:\n  WORD", "WORD", (2, 3)),
        # Where the lines of the value are not lines of the file, the whole value is shown.
        ("a: >\n  one\n  WORD\n", "WORD", (1, 4)),
        ('a: "\\t WORD"', "WORD", (1, 4)),
        ("a: one\n  WORD", "WORD", (1, 4)),
        ("a: 'it''s WORD'", "WORD", (1, 4)),
    ],
)
def test_a_word_in_a_value_is_found_in_the_file(text: str, word: str, expected: tuple[int, int]) -> None:
    found = document(text).text_at(("a",))
    line = next(number for number, written in enumerate(found.text.split("\n"), 1) if "WORD" in written)
    assert place(found.find(word.split()[-1], line)) == (
        expected if found.start is None else (expected[0], expected[1] + word.index(word.split()[-1]))
    )


def test_a_value_that_became_another_is_still_shown_as_it_is_written() -> None:
    parsed = document("a: |\n  one ${X}\n  {{ two }}\n")
    longer = parsed.text_at(("a",), "one and more\n{{ two }}\n")
    assert longer.text.startswith("one and more")
    assert longer.find("two", 2) == Span.at("a.yaml", 3, 6, 3)
    assert longer.whole_line(1) == Span.at("a.yaml", 2, 3, len("one ${X}"))
    more_lines = parsed.text_at(("a",), "one\nand\nmore\n{{ two }}\n")
    assert place(more_lines.find("two", 4)) == (1, 4)


def test_the_only_place_of_a_word_is_found_and_no_other() -> None:
    parsed = document("a: |\n  one two one\n  {{ three }}\nb: >\n  four\n")
    text = parsed.text_at(("a",))
    assert text.only("two", 1) == Span.at("a.yaml", 2, 7, 3)
    assert text.only("one", 1) is None
    assert text.only("thre", 2) is None
    assert parsed.text_at(("b",)).only("four", 1) is None  # its lines are not the file's


def test_what_is_written_at_a_span_is_read_from_one_line() -> None:
    parsed = document("a: 'x 😀'  # c\r\nb:\r\n  c: 1\r\n")
    assert parsed.written(parsed.value_span(("a",))) == "'x 😀'"
    assert parsed.written(parsed.key_span(("b", "c"))) == "c"
    assert parsed.written(parsed.value_span(("b",))) == ""
    assert parsed.written(Span.at("a.yaml", 9)) == ""


def test_the_text_of_a_route_that_holds_no_text_is_empty() -> None:
    found = document("a: [1]").text_at(("a",))
    assert found.text == ""
    assert place(found.at(5, 5)) == (1, 4)


def test_a_whole_file_maps_to_itself() -> None:
    text = Text("one\r\n  two three\r\n", "p.j2")
    assert text.find("three", 2) == Span.at("p.j2", 2, 7, 5)
    assert text.find("tw", 2) == Span.at("p.j2", 2, 3, 9)  # no such word: the line without its margin
    assert text.at(1) == Span.at("p.j2")
    assert text.line(9) == ""


KEYS = st.sampled_from(["a", "b", "ñ", "😀"])
TREES = st.recursive(
    st.sampled_from(["1", "word", "'q'", '"d"', "~", "😀"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda entries: "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(TREES, st.lists(KEYS | st.integers(0, 2), max_size=4).map(tuple))
def test_every_span_of_every_route_lies_inside_the_text(text: str, route: Route) -> None:
    parsed = document(text)
    for span in (parsed.key_span(route), parsed.value_span(route)):
        assert span.line == span.end_line == 1
        assert 1 <= span.column < span.end_column <= len(text) + 2


@settings(max_examples=200)
@given(
    st.sampled_from(["|", "|-", "|+", ">", "|2", ">2-"]),
    st.lists(st.sampled_from(["  one", "  ", "", "    two", "    ", "  ñ 😀"]), max_size=5),
    st.integers(1, 7),
)
def test_every_line_of_a_block_lies_inside_the_text(style: str, lines: list[str], line: int) -> None:
    text = f"a: {style}\n" + "".join(f"{written}\n" for written in lines)
    parsed, _ = Document.parse(text, "a.yaml")
    found = parsed.text_at(("a",))
    if 0 < line <= len(found.text.splitlines()) and parsed.root is not None:
        span = found.whole_line(line)
        assert 1 <= span.line <= len(lines) + 1
        if span.end_line == span.line:
            assert span.end_column <= len(parsed.lines[span.line - 1]) + 2  # an empty place is one column wide

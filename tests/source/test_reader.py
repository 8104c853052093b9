"""YAML text to nodes: what lies where, what is refused and why, and that no text makes it raise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests._work import work

from pinecall_run.source import reader
from pinecall_run.source.diagnostic import Diagnostic
from pinecall_run.source.nodes import Mapping, Node, Scalar, Sequence
from pinecall_run.source.reader import MAX_BYTES, decode, read


def where(diagnostic: Diagnostic) -> tuple[str, int, int]:
    return diagnostic.code, diagnostic.span.line, diagnostic.span.column


def value(text: str) -> Node:
    """The value of the first key."""
    root, diagnostics = read(text, "a.yaml")
    assert diagnostics == []
    assert isinstance(root, Mapping)
    return root.entries[0][1]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a: word", (1, 4, 1, 8)),
        ("a: 'word'", (1, 4, 1, 10)),
        ("a: {b: c}", (1, 4, 1, 10)),
        ("a: [1, 2]  # note", (1, 4, 1, 10)),
        ("a: [1,\n  2]", (1, 4, 2, 5)),
        ("a: &x word", (1, 4, 1, 11)),
        ("a: |\n  one\n  two\nb: 1", (1, 4, 4, 1)),
        ("á😀: 😀b", (1, 5, 1, 7)),
        ("a:\t\tword", (1, 5, 1, 9)),
        ("# note\r\n\r\na: word\r\n", (3, 4, 3, 8)),
        ("a:\u2028  word", (2, 3, 2, 7)),
        ("\ufeffa: word", (1, 4, 1, 8)),
        ("a:", (1, 3, 1, 3)),
        ("? a\n: word", (2, 3, 2, 7)),
    ],
)
def test_spans(text: str, span: tuple[int, int, int, int]) -> None:
    assert tuple(value(text).span)[1:] == span


@pytest.mark.parametrize(
    ("text", "expected", "style"),
    [
        ("a: no", "no", ""),
        ("a: 'it''s'", "it's", "'"),
        ('a: "x\\ty"', "x\ty", '"'),
        ("a: |\n  x\n  y\n", "x\ny\n", "|"),
        ("a: >-\n  x\n  y\n", "x y", ">"),
        ("a: !!str 3", "3", '"'),
        ("a: ! 3", "3", '"'),
        ("a: !!int 3", "3", ""),
        ('a: !!int "3"', "3", ""),
        ("a: !!null ''", "", ""),
        ("a: |\r\n  x\r\n  y\r\n", "x\ny\n", "|"),
    ],
)
def test_scalars_keep_their_text_and_style(text: str, expected: str, style: str) -> None:
    node = value(text)
    assert isinstance(node, Scalar)
    assert (node.text, node.style) == (expected, style)


def test_an_alias_is_the_node_itself_and_as_a_key_lies_where_it_is_written() -> None:
    root, diagnostics = read("a: &x word\nb: *x\n*x : 1\n", "a.yaml")
    assert diagnostics == []
    assert isinstance(root, Mapping)
    assert root.entries[1][1] is root.entries[0][1]
    assert (root.entries[2][0].text, root.entries[2][0].span.line) == ("word", 3)


def test_a_key_that_is_given_twice_shows_both_places() -> None:
    root, diagnostics = read("a: 1\nb: 2\n'a': 3\na: 4\n", "a.yaml")
    assert root is not None
    assert [where(d) for d in diagnostics] == [("PCR004", 3, 1), ("PCR004", 4, 1)]
    assert [d.labels[0].span.line for d in diagnostics] == [1, 1]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "words"),
    [
        ("", "PCR003", 1, 1, "the file is empty"),
        ("# only a note\n", "PCR003", 1, 1, "the file is empty"),
        ("a: [1", "PCR003", 1, 6, "list in [ ]"),
        ("a: b: c", "PCR003", 1, 5, "not allowed in this context"),
        ("ñ: \x00", "PCR003", 1, 4, "U+0000"),
        ("a: 1\nñandú: \x07x", "PCR003", 2, 8, "U+0007"),
        ("a: \ud800", "PCR003", 1, 4, "U+D800"),
        ("a: *x", "PCR005", 1, 4, "*x has no anchor"),
        ("a: &x [1, *x]", "PCR005", 1, 11, "*x refers to what contains it"),
        ("? [a]\n: b", "PCR005", 1, 3, "a key must be a plain word"),
        ("a: [1]\n? *x", "PCR005", 2, 3, "*x has no anchor"),
        ("a: &x [1]\n*x : b", "PCR005", 2, 1, "a key must be a plain word"),
        ("a: 1\n---\nb: 2", "PCR005", 2, 1, "more than one YAML document"),
        ("a: !secret x", "PCR005", 1, 4, "the tag !secret "),
        ("a: !!set {x}", "PCR005", 1, 4, "the tag !!set "),
        ("a: &x 1\nb: &x [*x]", "PCR005", 2, 8, "*x refers to what contains it"),
    ],
)
def test_what_is_refused(text: str, code: str, line: int, column: int, words: str) -> None:
    _, diagnostics = read(text, "a.yaml")
    assert [where(d) for d in diagnostics] == [(code, line, column)]
    assert words in diagnostics[0].message


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("a: {b: ${X}}", '"${NAME}"'),
        ("\ta: 1", "spaces"),
        ("a: @b", "begins with @"),
        ("a: b: c", "colon"),
        ("a: ${X:-b: c}", "colon"),
        ("a: 1\n b: 2\nc: [", None),
        ("a:\n  b: 1\n c: 2", "indentation"),
        ("a: 'x", "close the quote"),
    ],
)
def test_a_syntax_error_says_what_to_do(text: str, help: str | None) -> None:
    _, diagnostics = read(text, "a.yaml")
    assert [d.code for d in diagnostics] == ["PCR003"]
    assert help is None or help in (diagnostics[0].help or "")


def test_a_syntax_error_shows_where_the_unfinished_thing_began() -> None:
    _, diagnostics = read("a: [1, 2\nb: 3\n", "a.yaml")
    assert [(label.span.line, label.span.column) for label in diagnostics[0].labels] == [(1, 4)]
    _, diagnostics = read("{", "a.yaml")
    assert diagnostics[0].labels == (), "what libyaml places beyond the text is nowhere"


def test_a_merge_of_what_is_no_mapping_is_a_finding() -> None:
    root, found = read("x: {<<: 1, a: 2}\ny: {<<: [{b: 1}, 2]}\nz: {<<: [{b: 1}]}\nw: {'<<': 3}", "a.yaml")
    assert root is not None
    assert [where(d) for d in found] == [("PCR005", 1, 5), ("PCR005", 2, 5)]


@pytest.mark.parametrize(
    ("data", "text", "found"),
    [
        (b"a: 1", "a: 1", []),
        (b"\xef\xbb\xbfa: 1", "a: 1", []),
        ("a: ñ\nb: caf".encode() + b"\xe9", None, [("PCR002", 2, 7)]),
        ("a: 1".encode("utf-16"), None, [("PCR002", 1, 1)]),
        (b"a" * (MAX_BYTES + 1), None, [("PCR001", 1, 1)]),
    ],
)
def test_decoding(data: bytes, text: str | None, found: list[tuple[str, int, int]]) -> None:
    decoded, diagnostics = decode(data, "a.yaml")
    assert decoded == text
    assert [where(d) for d in diagnostics] == found


def _bomb(open: str, close: str, item: str, charge: str = "[x]") -> str:
    lines = [f"a0: &a0 {charge}"]
    for level in range(1, 12):
        items = ", ".join(item.format(level - 1) for _ in range(9))
        lines.append(f"a{level}: &a{level} {open}{items}{close}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "".join(f"{' ' * depth}a:\n" for depth in range(1000)),
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000)),
        "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 5000)),
        _bomb("[", "]", "*a{}"),
        _bomb("{<<: [", "]}", "*a{}", "{k: v}"),
    ],
    ids=["lists", "mappings", "items", "keys", "indents", "alias chain", "merge chain", "alias bomb", "merge bomb"],
)
def test_depth_and_size_are_bounded_whatever_the_aliases_hide(text: str) -> None:
    assert [d.code for d in read(text, "a.yaml")[1]] == ["PCR005"]
    assert work(lambda: read(text, "a.yaml")) < 10_000


def test_aliases_count_as_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a [1, 2, 3]\nb: [*a, *a]\n"  # one mapping; two keys; 4 values; one list of two lists of 4
    monkeypatch.setattr(reader, "MAX_VALUES", 16)
    assert read(text, "a.yaml")[1] == []
    monkeypatch.setattr(reader, "MAX_VALUES", 15)
    assert [where(d) for d in read(text, "a.yaml")[1]] == [("PCR005", 2, 9)]


ALPHABET = st.sampled_from(list(" \t\n\r:-?[]{},&*!|>'\"%@`#~<=$.0123456789abxy_\\é😀\u2028\ufeff\x00\x85"))


@settings(max_examples=400, deadline=1000)
@given(st.text(ALPHABET, max_size=60) | st.text(max_size=40))
def test_no_text_makes_it_raise_and_every_span_lies_inside(text: str) -> None:
    root, diagnostics = read(text, "a.yaml")
    assert root is not None or diagnostics
    lines = text.splitlines() + [""] * 2  # the end of a text may be the beginning of a line that is not there
    todo = [root] if root is not None else []
    spans = [span for d in diagnostics for span in (d.span, *(label.span for label in d.labels))]
    while todo:
        node = todo.pop()
        spans.append(node.span)
        if isinstance(node, Mapping):
            todo += [part for entry in node.entries for part in entry]
        elif isinstance(node, Sequence):
            todo += node.items
    for span in spans:
        assert 1 <= span.line <= span.end_line <= len(lines)
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1
        assert (span.line, span.column) <= (span.end_line, span.end_column)


@settings(max_examples=100)
@given(st.binary(max_size=40))
def test_no_bytes_make_decoding_raise(data: bytes) -> None:
    text, diagnostics = decode(data, "a.yaml")
    assert (text is None) == bool(diagnostics)

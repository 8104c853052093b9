"""Formatting changes how a text is laid out and nothing else."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecall_run.source.document import Document
from pinecall_run.source.formatting import format_text
from pinecall_run.source.nodes import Mapping, Node, Scalar

LAYOUT = {
    "nothing to do": ("a: 1\nb:\n  - x\n", "a: 1\nb:\n  - x\n"),
    "indentation": ("a:\n      b:\n         c: 1\n", "a:\n  b:\n    c: 1\n"),
    "a list under its key": ("a:\n- x\n- y: 1\n  z: 2\nb: 1\n", "a:\n  - x\n  - y: 1\n    z: 2\nb: 1\n"),
    "lists in lists": ("-   - a\n    -   b: 1\n        c: 2\n", "- - a\n  - b: 1\n    c: 2\n"),
    "a value on a line of its own": ("a:\n     1\nb: &x\n     c: 1\n", "a:\n  1\nb: &x\n  c: 1\n"),
    "gaps": ("a:   {b:  1,c : 2 , d: [ 1,2 ]}\n", "a: {b: 1, c: 2, d: [1, 2]}\n"),
    "a space before the colon after an alias": ("a: &x b\n*x : c\n", "a: &x b\n*x : c\n"),
    "brackets on lines": ("a: [\n x,\n    {y: 1,\n z: 2},\n      ]\n", "a: [\n  x,\n  {y: 1,\n    z: 2},\n]\n"),
    "a text on lines in brackets": ("a: [x\n y,\n z]\n", "a: [x\n    y,\n  z]\n"),
    "brackets in a list": ("- [\n a,\n]\n", "- [\n    a,\n  ]\n"),
    "trailing blanks": ("a: 1  \n  \nb: 2\t\n# c \n", "a: 1\n\nb: 2\n# c\n"),
    "blank lines": ("\n\na: 1\n\n\n\nb: 2\n\n\n# c\n\n\n", "a: 1\n\nb: 2\n\n# c\n"),
    "no line break at the end": ("a: 1", "a: 1\n"),
    "a comment at the end of a line": ("a: 1     # c\nb:   # d\n  - x\t# e\n", "a: 1 # c\nb: # d\n  - x # e\n"),
    "comments on lines": (
        "a:\n    # one\n    b: 1\n    # two\n # three\nc: 1\n   # four\n",
        "a:\n  # one\n  b: 1\n  # two\n# three\nc: 1\n# four\n",
    ),
    "comments in a list": ("a:\n# one\n- x\n# two\n- y\n", "a:\n  # one\n  - x\n  # two\n  - y\n"),
    "comments in brackets": ("a: [ # one\n # two\n x]\n", "a: [ # one\n  # two\n  x]\n"),
    "one kind of quotes": (
        "a: 'x'\nb: 'say \"x\"'\nc: 'it''s'\nd: '\\d'\n",
        'a: "x"\nb: \'say "x"\'\nc: "it\'s"\nd: \'\\d\'\n',
    ),
    "a literal block": ("a: |\n     x\n\n\n       y \n\n\nb: 1\n", "a: |\n  x\n\n\n    y \n\nb: 1\n"),
    "a folded block": ("a:\n    b:   >-  # c\n          x\n           y\n", "a:\n  b: >- # c\n    x\n     y\n"),
    "a block that keeps its end": ("a:\n   b: |+\n     x\n\n\n", "a:\n  b: |+\n    x\n\n\n"),
    "a block that begins with blanks": ("a:\n    b: |4\n          x\n        y\n", "a:\n  b: |2\n      x\n    y\n"),
    "a block without a break at its end": ("a: |\n  x", "a: |-\n  x\n"),
    "a block in a list": ("- |\n   x\n-   a: |\n       y\n", "- |\n  x\n- a: |\n    y\n"),
    "a plain text on lines": ("a: x\n     y\n\n\n     z\nb: 1\n", "a: x\n  y\n\n\n  z\nb: 1\n"),
    "a quoted text on lines": ('a: "x  \n     y \\\n  z \\  \n w"\n', 'a: "x\n  y \\\n  z \\ \n  w"\n'),
    "anchors, aliases, tags": ("a:  &x  !!str   1\nb:  *x\nc: {<<:  *y}\n", None),
    "line endings": ("a:\r\n- x\r\nb: |\r\n   y\r\n", "a:\r\n  - x\r\nb: |\r\n  y\r\n"),
    "wide characters": ("😀:   '😀'    # 😀\nb: 1\n", '😀: "😀" # 😀\nb: 1\n'),
    "explicit keys": ("?   a\n:   b\n", "? a\n: b\n"),
    "the start of a document": ("%YAML 1.1\n---\na:\n- 1\n", "%YAML 1.1\n---\na:\n  - 1\n"),
}


@pytest.mark.parametrize("name", [name for name, (_, after) in LAYOUT.items() if after is not None])
def test_layout(name: str) -> None:
    before, after = LAYOUT[name]
    assert format_text(before) == after
    assert after is not None
    assert format_text(after) == after


def test_anchors_aliases_and_merges_stay() -> None:
    text = "x:  &x\n    a:   &y 1\nb:\n    <<:   *x\n    c:   *y\n"
    assert format_text(text) == "x: &x\n  a: &y 1\nb:\n  <<: *x\n  c: *y\n"


def test_words_at_the_places_asked_for_are_quoted_and_no_others() -> None:
    text = "no: no\na: [1, &x 2]\nb: |\n  3\n"
    places = {(1, 5), (2, 8), (3, 4)}  # an anchored word begins at its anchor; a block is not a word
    assert format_text(text, places) == 'no: "no"\na: [1, &x "2"]\nb: |\n  3\n'


@pytest.mark.parametrize(
    "text", ["a:   1\x85b:  2\n", "a:   x\u2028\n", "|\n  x\n", "a:   1\n# \ufeff\n", "x\n   ---\n"]
)
def test_what_cannot_be_laid_out_safely_is_left_alone(text: str) -> None:
    assert format_text(text) == text


COMMENT = re.compile(r"# c\d+")
WORDS = st.sampled_from(
    ["x", "no", "+155", "'q'", '"d"', "two words", "0123", "~", "${X}", "'it''s'", "😀", "a\n%s  b"]
)
GAP = st.sampled_from([" ", "   "])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Mappings and lists as people type them: any indentation, blank lines, numbered comments, blocks, brackets."""
    count = 0

    def comment() -> str:
        nonlocal count
        count += 1
        return f"# c{count}"

    def ending() -> str:
        return draw(st.sampled_from(["", "", "  ", "C"])).replace("C", f"   {comment()}") + "\n"

    def between(indent: int) -> str:
        kind = draw(st.sampled_from(["", "", "", "\n", "\n\n\n", "C", "O"]))
        return kind.replace("C", " " * indent + comment() + "\n").replace("O", " " * (indent // 2) + comment() + "\n")

    def value(indent: int, depth: int) -> str:
        kind = draw(st.sampled_from(["word", "word", "flow", "block", "map", "list"] if depth else ["word", "block"]))
        deeper = indent + draw(st.integers(1, 5))
        match kind:
            case "word":
                return draw(GAP) + draw(WORDS).replace("%s", " " * deeper) + ending()
            case "flow":
                inner = draw(st.lists(st.sampled_from(["x", "'y'", "{a: 1}", "\n[ b ,c]", "&z d"]), max_size=3))
                return draw(GAP) + f"[{' ,'.join(inner)} ]" + ending()
            case "block":
                header = draw(st.sampled_from(["|", "|-", "|+", ">", ">-", "|"]))
                lines = draw(st.lists(st.sampled_from(["x", "", "  y", "# no comment", "z "]), max_size=4))
                return f" {header}\n" + "".join(f"{' ' * deeper}{line}".rstrip(" ") + "\n" for line in ["x", *lines])
            case "map":
                return ending() + entries(deeper, depth - 1)
            case _:
                return ending() + items(indent + draw(st.integers(0, 4)), depth - 1)

    def entries(indent: int, depth: int) -> str:
        names = [f"k{number}" for number in range(draw(st.integers(1, 3)))]
        return "".join(f"{between(indent)}{' ' * indent}{name}:{value(indent, depth)}" for name in names)

    def items(indent: int, depth: int) -> str:
        count = draw(st.integers(1, 3))
        return "".join(f"{between(indent)}{' ' * indent}-{value(indent, depth)}" for _ in range(count))

    return entries(0, 2)


def values(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.text, node.style in ("'", '"') or node.style
        case Mapping():
            return [(key.text, values(value)) for key, value in node.entries]
        case None:
            return None
        case _:
            return [values(item) for item in node.items]


@settings(max_examples=150, deadline=None)
@given(documents())
def test_generated_texts_keep_values_and_comments_and_are_formatted_once(text: str) -> None:
    before, found = Document.parse(text, "a.yaml")
    if before.root is None:
        assert "k" in text  # a comment in the wrong place may end a plain text of two lines
        return
    assert found == []
    formatted = format_text(text)
    after, found = Document.parse(formatted, "a.yaml")
    assert found == []
    assert values(after.root) == values(before.root)
    assert COMMENT.findall(formatted) == COMMENT.findall(text)
    assert format_text(formatted) == formatted


@settings(max_examples=150, deadline=None)
@given(documents())
def test_generated_texts_are_really_laid_out(text: str) -> None:
    if Document.parse(text, "a.yaml")[0].root is None:
        return
    formatted = format_text(text)
    blocks = [token for token in yaml.scan(formatted) if isinstance(token, yaml.ScalarToken) and "\n" in token.value]
    assert formatted.endswith("\n")
    for token in yaml.scan(formatted):
        if isinstance(token, yaml.BlockMappingStartToken | yaml.BlockSequenceStartToken):
            assert token.start_mark.column % 2 == 0
    if not blocks:
        assert not re.search(r"[ \t]\n|\n\n\n|\n\n\Z|\A\n|\S[ \t]{2,}#", formatted)


PIECES = ["\n", "  ", " ", "\n\n\n", "# c1\n", " # c2", "- ", "a: ", "\t", "&x ", "*x", "'", '"', "|\n", "|+\n",
          ">-\n", "|2\n", "{", "}", "[", "]", ",", "? ", ": ", "\\", "~", "😀", "\r\n", "!!str ", "---\n", "...\n",
          "%"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(documents(), st.lists(st.tuples(st.integers(0, 400), st.sampled_from(PIECES)), min_size=1, max_size=4))
def test_mutated_texts_keep_their_values_too(text: str, mutations: list[tuple[int, str]]) -> None:
    for place, piece in mutations:
        text = text[: place % (len(text) + 1)] + piece + text[place % (len(text) + 1) :]
    before, _ = Document.parse(text, "a.yaml")
    if before.root is None:
        return
    formatted = format_text(text)
    after, _ = Document.parse(formatted, "a.yaml")
    assert values(after.root) == values(before.root)
    assert format_text(formatted) == formatted

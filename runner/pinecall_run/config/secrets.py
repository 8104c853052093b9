"""Secrets in the lines of a file that are shown to people: masked, whatever the finding is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pinecall_run.source import nodes
from pinecall_run.source.diagnostic import Span
from pinecall_run.source.document import Document

_KEY = re.compile(r"api[_-]?key|secret|passw|token(?!s|iz)", re.IGNORECASE)
"""A key whose value is a secret: those of the schema, and what vendors call theirs, misspelt or misplaced as they may
be. ``max_tokens`` is none."""
_SHOWN = re.compile(r"(\$\{[A-Za-z_]\w{0,80}(?::?\?[^}]{0,200}|:?-)?\})|[^\s\"'{}\[\],]")
"""A variable without a default, which may be shown, or a character, which may not."""
_WRITTEN = re.compile(
    rf"""(?P<key>(?<![\w-])["']?[\w-]{{0,20}}(?:{_KEY.pattern})[\w-]{{0,20}}["']?\s*:)(?P<value>.*?)(?=,\s*["']?[\w-]+["']?\s*:|$)""",
    re.IGNORECASE,
)
"""A secret on a line of a text that cannot be read as YAML."""


def shown_lines(document: Document) -> list[str]:
    """The lines of a document with every secret in them covered, each character by one, so that columns stay true."""
    if _KEY.search(document.text) is None:
        return document.lines
    if document.root is None:
        return list(_guessed(document.lines))
    lines = list(document.lines)
    places: dict[int, list[tuple[int, int]]] = {}
    for span in _secrets(document.root):
        for number in range(span.line, min(span.end_line, len(lines)) + 1):
            start = span.column - 1 if number == span.line else 0
            end = span.end_column - 1 if number == span.end_line else len(lines[number - 1])
            places.setdefault(number - 1, []).append((start, end))
    for index, found in places.items():
        lines[index] = "".join(_with_covered(lines[index], sorted(found)))
    return lines


def _with_covered(line: str, places: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The pieces of a line, those at the places covered; the places do not overlap."""
    done = 0
    for start, end in places:
        yield line[done:start]
        yield _covered(line[start:end])
        done = max(start, end)
    yield line[done:]


def _covered(text: str) -> str:
    return _SHOWN.sub(lambda match: match[1] or "*", text)


def _secrets(root: nodes.Node) -> Iterator[Span]:
    """Where the values of secret keys lie; anchors make a tree a graph, so every node is looked at once."""
    seen: set[tuple[int, bool]] = set()
    is_secret_key: dict[str, bool] = {}  # a large file has the same few keys again and again
    waiting: list[tuple[nodes.Node, bool]] = [(root, False)]
    while waiting:
        node, is_secret = waiting.pop()
        if (id(node), is_secret) in seen:
            continue
        seen.add((id(node), is_secret))
        if isinstance(node, nodes.Scalar):
            if is_secret:
                span = node.span
                # The indicator of a block, on the line before it, tells nothing.
                yield span if node.style not in ("|", ">") else span._replace(line=span.line + 1, column=1)
        elif isinstance(node, nodes.Sequence):
            waiting += ((item, is_secret) for item in node.items)
        else:
            for key, value in node.entries:
                if key.text not in is_secret_key:
                    is_secret_key[key.text] = _KEY.search(key.text) is not None
                waiting.append((value, is_secret or is_secret_key[key.text]))


def _guessed(lines: Iterable[str]) -> Iterator[str]:
    """Lines of a text without a tree: what follows a secret key, and what is indented more than it."""
    depth: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if depth is not None and (indent > depth or not line.strip()):
            yield _covered(line)
            continue
        depth = indent if _KEY.search(line) else None
        yield _WRITTEN.sub(lambda match: match["key"] + _covered(match["value"]), line)

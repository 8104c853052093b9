"""Where a pinecall.yaml holds secrets, and which: what the schema marks, and what is called so by all customs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.config.values import Shape
from pinecall_run.config.variables import substitute
from pinecall_run.source import nodes
from pinecall_run.source.diagnostic import Span
from pinecall_run.source.document import Document
from pinecall_run.source.secrets import Secrets, is_secret_name, secret_values
from pinecall_run.source.suggest import surely

_NO_SECRET = re.compile(
    r"""\s*["']?\s*(\$\{(file:[^:}]+|[A-Za-z_][A-Za-z0-9_]*)(:?\?[^}]*)?\}?\s*)*["']?[\s,\]}]*(\#.*)?"""
)
"""What holds variables alone says where a secret comes from, and not which it is. A default is part of the file."""
_VARIABLE = re.compile(r"\$\{(file:[^:}]+|[A-Za-z_][A-Za-z0-9_]*)")
_WORDS = re.compile(r"[^\s,\[\]{}'\"*!&]+")
_KEY = re.compile(r"""(?P<key>[A-Za-z0-9_-]+)["']?\s*:(?=\s|$|["'])\s*""")


def find_secrets(document: Document, schema: Mapping[str, Any], environ: Mapping[str, str]) -> Secrets:
    """The secrets of a document: values of fields that ``schema`` marks ``x-secret`` or that are named like one, by
    mistake too, and of variables in them. A text that is no YAML is searched line by line, and rather too much than
    too little of it is taken for a secret."""
    found = _Search(document, frozenset(_marked(schema)), environ)
    if document.root is None:
        found.in_lines(document.lines)
    else:
        found.in_node(document.root, Shape([schema], schema), is_secret=False)
    return Secrets(frozenset(found.spans), frozenset(found.values) | secret_values(environ))


def _marked(schema: Any) -> Iterator[str]:
    """The names of the properties that a schema marks."""
    if isinstance(schema, Mapping):
        for name, described in schema.get("properties", {}).items():
            if isinstance(described, Mapping) and described.get("x-secret"):
                yield name
    for part in schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ():
        yield from _marked(part)


@dataclass(slots=True)
class _Search:
    document: Document
    names: frozenset[str]
    environ: Mapping[str, str]
    spans: set[Span] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    _seen: set[tuple[int, int, bool]] = field(default_factory=set)
    _verdicts: dict[str, bool] = field(default_factory=dict)

    def in_node(self, node: nodes.Node, shape: Shape, *, is_secret: bool) -> None:
        """Search a node; one that many aliases stand for is searched once for each of its meanings."""
        is_secret = is_secret or shape.is_secret
        if isinstance(node, nodes.Scalar):
            if is_secret:
                self._note(node)
            return
        mark = id(node), id(shape), is_secret
        if mark in self._seen:
            return
        self._seen.add(mark)
        if isinstance(node, nodes.Sequence):
            for item in node.items:
                self.in_node(item, shape.item(), is_secret=is_secret)
            return
        for key, value in node.entries:
            if nodes.is_merge(key):
                for source in value.items if isinstance(value, nodes.Sequence) else [value]:
                    self.in_node(source, shape, is_secret=is_secret)
            else:
                child = shape.child(key.text)  # where the schema knows the key, its word counts, not the name
                is_named = not child.is_known and self._is_named(key.text)
                self.in_node(value, child, is_secret=is_secret or is_named)

    def in_lines(self, lines: list[str]) -> None:
        """Search a text: from a key that is named like a secret to the end of its line, or of what hangs below it."""
        number = 0
        while number < len(lines):
            line = lines[number]
            begins = next((key.end() for key in _KEY.finditer(line) if self._is_named(key["key"])), None)
            number += 1
            if begins is None:
                continue
            rest = line[begins:]
            if not _NO_SECRET.fullmatch(rest):
                self.spans.add(Span(self.document.file, number, begins + 1, number, len(line) + 1))
                self.values.update({rest.strip(), *_WORDS.findall(rest)})
            for below in self._below(lines, number, line, rest):
                text = lines[below - 1]
                if not text.strip():
                    continue
                self.spans.add(
                    Span(self.document.file, below, len(text) - len(text.lstrip()) + 1, below, len(text) + 1)
                )
                self.values.update({text.strip(), *_WORDS.findall(text)})
                number = below

    def _below(self, lines: list[str], number: int, line: str, rest: str) -> Iterator[int]:
        """The numbers of the lines on which a value goes on: indented more, or up to the quote that ends it."""
        quote = rest[:1] if rest[:1] in ('"', "'") and rest[:1] not in rest[1:] else ""
        depth = len(line) - len(line.lstrip(" -"))
        for below in range(number, len(lines)):
            text = lines[below]
            if not quote and text.strip() and len(text) - len(text.lstrip()) <= depth:
                return
            yield below + 1
            if quote and quote in text:
                return

    def _note(self, node: nodes.Scalar) -> None:
        names = _VARIABLE.findall(node.text)
        self.values.update(self.environ[name] for name in names if name in self.environ)
        if _NO_SECRET.fullmatch(node.text):
            return
        self.spans.add(node.span)
        self.values.update({node.text, substitute(node.text, self.environ).text})
        if self.document.written(node.span)[:1] in ("!", "&"):
            self.values.update(_WORDS.findall(self.document.written(node.span)))  # it was meant to be none of these
        self.values.update(match[1] for match in re.finditer(r"\$\{\w+:?-([^}]*)\}", node.text))

    def _is_named(self, key: str) -> bool:
        known = self._verdicts.get(key)
        if known is None:
            known = key in self.names or is_secret_name(key) or surely(key, self.names) is not None
            self._verdicts[key] = known
        return known

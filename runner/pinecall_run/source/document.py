"""A read document: its text, its nodes, and the way from a route or an inner line to a place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pinecall_run.source.diagnostic import Diagnostic, Route, Span
from pinecall_run.source.nodes import Mapping, Node, Scalar, Sequence, merged_entries
from pinecall_run.source.reader import read

_LINE = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 counts as a line break
_TEXT_LINE = re.compile(r"\r\n|[\n\r]")  # what Jinja and regular expressions count


@dataclass(slots=True)
class Document:
    """One YAML file after reading. ``root`` is ``None`` when the text is not YAML.

    A document that was put together from several has the main one's name and text, and the ``others`` by name.
    """

    file: str
    text: str
    root: Node | None
    others: dict[str, Document] = field(default_factory=dict, repr=False)
    _lines: list[str] | None = field(default=None, repr=False)
    _children: dict[int, dict[str | int, tuple[Span, Node]]] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str, file: str) -> tuple[Document, list[Diagnostic]]:
        """Read ``text``; ``file`` is the name that findings show."""
        root, diagnostics = read(text, file)
        return cls(file, text, root), diagnostics

    @property
    def lines(self) -> list[str]:
        """The text split as YAML counts lines."""
        if self._lines is None:
            self._lines = _LINE.split(self.text)
        return self._lines

    def value_span(self, route: Route) -> Span:
        """Where the value at ``route`` lies; the nearest place that exists when it does not."""
        return self._find(route)[1]

    def key_span(self, route: Route) -> Span:
        """Where the last key of ``route`` is written; its value for a list item."""
        return self._find(route)[0]

    def node(self, route: Route) -> Node | None:
        """The node at ``route``, or ``None``."""
        node = self.root
        for step in route:
            found = self._entries(node).get(step) if node is not None else None
            if found is None:
                return None
            node = found[1]
        return node

    def keys(self, route: Route) -> list[str]:
        """The keys of the mapping at ``route``; none if there is no mapping."""
        node = self.node(route)
        return [key.text for key, _ in merged_entries(node)] if isinstance(node, Mapping) else []

    def written(self, span: Span) -> str:
        """What the file holds at a span of this document; empty for one of several lines."""
        lines = self._lines_of(span.file)
        is_here = span.line == span.end_line and 0 < span.line <= len(lines)
        return lines[span.line - 1][span.column - 1 : span.end_column - 1] if is_here else ""

    def _lines_of(self, file: str) -> list[str]:
        return self.others.get(file, self).lines

    def _find(self, route: Route) -> tuple[Span, Span]:
        node = self.root
        start = Span.at(self.file)
        if node is None:
            return start, start
        key = value = node.span if route else start
        for step in route:
            found = self._entries(node).get(step)
            if found is None:
                break
            key, node = found
            value = node.span
        return key, value

    def _entries(self, node: Node) -> dict[str | int, tuple[Span, Node]]:
        known = self._children.get(id(node))
        if known is None:
            known = {}
            if isinstance(node, Mapping):
                known = {key.text: (key.span, value) for key, value in merged_entries(node)}
            elif isinstance(node, Sequence):
                known = {index: (item.span, item) for index, item in enumerate(node.items)}
            self._children[id(node)] = known
        return known

    def text_at(self, route: Route, value: str | None = None) -> Text:
        """The string at ``route`` as a text of its own whose lines map back into this file.

        ``value`` is what the string became, where that may differ from what is written.
        """
        node = self.node(route)
        if not isinstance(node, Scalar):
            return Text(value or "", self.file, self.value_span(route), None)
        if value is None or value == node.text:
            return Text(node.text, node.span.file, node.span, self._content_start(node))
        has_same_lines = value.count("\n") == node.text.count("\n")
        start = self._content_start(node) if has_same_lines else None
        return Text(value, node.span.file, node.span, start, node.text)

    def _content_start(self, node: Scalar) -> tuple[int, int] | None:
        """Line and column (0-based) at which the content of a literal block or a one-line scalar begins;
        ``None`` when lines of the value are not lines of the file."""
        span = node.span
        if node.style == "|":
            for offset, content in enumerate(node.text.split("\n")):
                if content.strip():
                    written = self._lines_of(span.file)[span.line + offset]
                    return span.line, _leading_spaces(written) - _leading_spaces(content)
            return None
        quotes = 2 if node.style in ("'", '"') else 0
        if span.line == span.end_line and span.end_column - span.column == len(node.text) + quotes:
            return span.line - 1, span.column - 1 + quotes // 2
        return None


def _leading_spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


@dataclass(frozen=True, slots=True)
class Text:
    """A text that came from a file, whole or as one YAML value, and can say where its lines lie there."""

    text: str
    file: str
    span: Span | None = None
    """The YAML value that holds the text; ``None`` when the text is the whole file."""
    start: tuple[int, int] | None = (0, 0)
    """Line and column (0-based) of the first character in the file; ``None`` when lines do not map."""
    written: str | None = None
    """What the file holds in place of ``text``, line by line, where that is something else."""

    def line(self, number: int) -> str:
        """A line as it is in the file, counted from 1; empty when there is none."""
        lines = _TEXT_LINE.split(self.text if self.written is None else self.written)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def at(self, line: int, column: int = 1, length: int = 1) -> Span:
        """The span in the file of a place in the text, all counted from 1."""
        if self.start is None:
            return self.span or Span.at(self.file)
        line_before, column_before = self.start
        if self.span is not None and line_before + line > self.span.line and not self.line(line):
            column_before = 0  # an empty line of a block need not be indented
        return Span.at(self.file, line_before + line, column_before + column, length)

    def whole_line(self, line: int) -> Span:
        """The span of what a line of the text holds between its spaces."""
        written = self.line(line)
        return self.at(line, len(written) - len(written.lstrip()) + 1, max(len(written.strip()), 1))

    def only(self, word: str, line: int) -> Span | None:
        """The span of the one ``word`` on a line of the text; ``None`` if there are more, or lines do not map."""
        matches = list(re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", self.line(line)))
        return self.at(line, matches[0].start() + 1, len(word)) if len(matches) == 1 and self.start else None

    def find(self, word: str, line: int) -> Span:
        """The span of the first ``word`` on a line of the text (counted from 1), or of the whole line."""
        match = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.line(line))
        return self.whole_line(line) if match is None else self.at(line, match.start() + 1, len(word))

"""YAML text to nodes with spans; everything wrong with the text is collected, never raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from pinecall_run.source.diagnostic import Diagnostic, Fix, Label, Span
from pinecall_run.source.fix import apply_edits, is_editable, quote_variables
from pinecall_run.source.nodes import MERGE_KEY, Mapping, Node, Scalar, Sequence, is_merge

MAX_DEPTH = 100
"""Deeper nesting is refused: no project needs it, and every later walk may recurse."""

MAX_VALUES = 1_000_000
"""A document of more values is refused. Aliases count as what they stand for, or a small text might repeat itself
without end."""

MAX_BYTES = 16 * 1024 * 1024
"""Larger files are refused before they are parsed."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is about ten times as fast
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(f"{_TAG}{name}" for name in ("int", "float", "bool", "null"))
_CORE_TAGS = _PLAIN_TAGS | {f"{_TAG}{name}" for name in ("str", "seq", "map")}
_STYLES = {None: "", "": "", ":": "", "'": "'", '"': '"', "|": "|", ">": ">"}
"""PyYAML's names of the styles, and ours."""
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that may not stand in YAML (1.1, https://yaml.org/spec/1.1/#c-printable)."""


def decode(data: bytes, file: str) -> tuple[str | None, list[Diagnostic]]:
    """The text of a file: UTF-8, a byte order mark dropped."""
    if len(data) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES:,} bytes, which are not read"
        return None, [Diagnostic("PCR001", message, Span.at(file))]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line, column = _place_after(data[: error.start].decode("utf-8", "replace"))
        message = f"byte 0x{data[error.start]:02x} is not valid UTF-8"
        return None, [Diagnostic("PCR002", message, Span.at(file, line, column), help="save the file as UTF-8")]


def read(text: str, file: str) -> tuple[Node | None, list[Diagnostic]]:
    """The document's top node; ``None``, with a finding that says why, when the text is not one YAML document."""
    stranger = _NOT_ALLOWED.search(text)
    if stranger is not None:
        span = Span.at(file, *_place_after(text[: stranger.start()]))
        message = f"the character U+{ord(stranger[0]):04X} is not allowed in YAML"
        return None, [Diagnostic("PCR003", message, span, help="remove it, or escape it in double quotes")]
    builder = _Builder(file)
    parser = _LOADER(text)
    try:
        builder.build(iter(parser.get_event, None))  # what yaml.parse does, without two more calls for each event
    except yaml.MarkedYAMLError as error:
        builder.diagnostics.append(_syntax_error(error, text, file))
        return None, builder.diagnostics
    except _GiveUpError:
        return None, builder.diagnostics
    finally:
        parser.dispose()
    if builder.root is None:
        builder.diagnostics.append(Diagnostic("PCR003", "the file is empty", Span.at(file)))
    return builder.root, builder.diagnostics


def _place_after(before: str) -> tuple[int, int]:
    """Line and column, from 1, of the character that follows ``before``."""
    lines = f"{before}.".splitlines()
    return len(lines), len(lines[-1])


class _GiveUpError(Exception):
    """The rest of the document is not worth reading."""


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not come yet, with what it holds so far, aliases written out.

    ``size`` counts its values and itself, ``height`` the levels from itself down.
    """

    node: Mapping | Sequence
    size: int = 1
    height: int = 1
    key: Scalar | None = None
    seen: dict[str, Scalar] = field(default_factory=dict)


class _Builder:
    """Turns parser events into nodes without recursion, so that deep nesting cannot exhaust the stack."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.diagnostics: list[Diagnostic] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._measures: dict[int, tuple[int, int]] = {}
        """Size and height of anchored nodes, by id."""
        self._count = 0
        self._documents = 0

    def build(self, events: Iterable[yaml.Event]) -> None:
        handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: lambda event: self._start(event, Mapping(self._span(event))),
            yaml.SequenceStartEvent: lambda event: self._start(event, Sequence(self._span(event))),
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        for event in events:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        line, last = start.line + 1, end.line + 1
        # Past the constructor, which takes twice as long; most spans end where they begin and share its number.
        place = self.file, line, start.column + 1, line if line == last else last, end.column + 1
        return tuple.__new__(Span, place)

    def _document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event, "the file holds more than one YAML document", "keep one; remove the `---`")
            raise _GiveUpError

    def _scalar(self, event: Any) -> None:
        self._count += 1
        if self._count > MAX_VALUES or len(self._open) > MAX_DEPTH:
            self._grow(event, 0, 0)
        if event.tag is not None:
            self._check_tag(event)
        scalar = Scalar(event.value, _style(event), self._span(event))
        if event.anchor is not None:
            self._anchor(event.anchor, scalar)
        self._add(scalar)

    def _refuse(self, event: yaml.Event, message: str, help: str) -> None:
        self.diagnostics.append(Diagnostic("PCR005", message, self._span(event), help=help))

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _CORE_TAGS and event.tag != "!":
            shown = event.tag.replace(_TAG, "!!")
            self._refuse(event, f"the tag {shown} is not supported", "remove it and write the plain value")

    def _anchor(self, name: str, node: Node) -> None:
        self._anchors[name] = node
        self._measures[id(node)] = 1, 0  # of a mapping or sequence it is known when it ends

    def _grow(self, event: yaml.Event, size: int, height: int) -> None:
        """Account for values to come: ``size`` of them on ``height`` levels."""
        self._count += size
        if self._count > MAX_VALUES:
            self._refuse(event, f"the document has more than {MAX_VALUES:,} values", "use fewer aliases")
            raise _GiveUpError
        if len(self._open) + height > MAX_DEPTH:
            self._refuse(event, f"nested more than {MAX_DEPTH} levels deep", "flatten the document")
            raise _GiveUpError

    def _start(self, event: Any, node: Mapping | Sequence) -> None:
        self._grow(event, 1, 1)
        if event.tag is not None:
            self._check_tag(event)
        self._add(node)
        if event.anchor is not None:
            self._anchor(event.anchor, node)
        self._open.append(_Open(node))

    def _end(self, event: yaml.Event) -> None:
        closed = self._open.pop()
        node, end = closed.node, event.end_mark
        assert end is not None
        node.span = tuple.__new__(Span, (*node.span[:3], end.line + 1, end.column + 1))
        if isinstance(node, Mapping) and MERGE_KEY in closed.seen:
            self._check_merges(node)
        if id(node) in self._measures:
            self._measures[id(node)] = closed.size, closed.height
        if self._open:
            self._open[-1].size += closed.size - 1  # itself was counted when it began
            self._open[-1].height = max(self._open[-1].height, closed.height + 1)

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._refuse(event, f"the alias *{event.anchor} has no anchor before it", f"define &{event.anchor} first")
            raise _GiveUpError
        if any(node is parent.node for parent in self._open):
            self._refuse(event, f"the alias *{event.anchor} refers to what contains it", "write the value out")
            raise _GiveUpError
        size, height = self._measures[id(node)]
        self._grow(event, size, height)
        self._add(node, at=self._span(event))
        if self._open:
            self._open[-1].size += size - 1
            self._open[-1].height = max(self._open[-1].height, height + 1)

    def _add(self, node: Node, at: Span | None = None) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += 1
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
            return
        if parent.key is not None:
            parent.node.entries.append((parent.key, node))
            parent.key = None
            return
        if not isinstance(node, Scalar):
            span = at or node.span
            self.diagnostics.append(
                Diagnostic("PCR005", "a key must be a plain word, not a list or mapping", span, help="quote the key")
            )
            raise _GiveUpError
        parent.key = node if at is None else Scalar(node.text, node.style, at)
        self._check_duplicate(parent.key, parent.seen)

    def _check_merges(self, mapping: Mapping) -> None:
        for key, value in mapping.entries:
            sources = value.items if isinstance(value, Sequence) else [value]
            if is_merge(key) and not all(isinstance(source, Mapping) for source in sources):
                message = "`<<` merges mappings, and this is none"
                self.diagnostics.append(Diagnostic("PCR005", message, key.span, help="write <<: *anchor_of_a_mapping"))

    def _check_duplicate(self, key: Scalar, seen: dict[str, Scalar]) -> None:
        first = seen.setdefault(key.text, key)
        if first is not key and not is_merge(key):
            self.diagnostics.append(
                Diagnostic(
                    "PCR004",
                    f"the key `{key.text}` is given twice",
                    key.span,
                    help="keep one; YAML would silently use the last",
                    labels=(Label(first.span, "first given here"),),
                )
            )


def _style(event: Any) -> str:
    tag, style = event.tag, _STYLES[event.style]
    if tag is None:
        return style
    if tag in _PLAIN_TAGS:
        return ""  # !!int "3" asks for the plain reading
    return style or '"'  # an explicit !!str or ! reads like a quoted scalar


_WORDS = {
    "flow sequence": "list in [ ]",
    "flow mapping": "mapping in { }",
    "block mapping": "mapping",
    "block collection": "list",
    "quoted scalar": "quoted text",
    "plain scalar": "text",
    "block scalar": "block of text",
}
"""YAML's names for what was being read, and ours."""

_HELP: tuple[tuple[str, str, str], ...] = (
    ("", r"^\s*\t|:\s*\t", "indent with spaces; YAML does not allow tabs there"),
    ("cannot start any token", r"[:,\[{-]\s*[@%`]", "quote a value that begins with @, % or `"),
    ("mapping values are not allowed", r":\s+\S.*:\s", "quote a value that contains a colon followed by a space"),
    ("block sequence entries", r":\s+- ", "begin a list on a line of its own, or write it as [a, b]"),
    ("expected node content", r"[\[,]\s*- ", "in [ ] items have no dash: write [a, b]"),
    ("unknown escape", r"", "write \\\\ for a backslash in double quotes, or use single quotes"),
    ("expected key|expected ',' or", r"'[^']*'\w", "write '' for an apostrophe in single quotes, or use double quotes"),
    ("expected key|expected ',' or", r'"[^"]*"\w', 'write \\" for a quote in double quotes, or use single quotes'),
    ("expected ':'", r"^\s*(- )?[\w-]+:\S", "put a space after the colon"),
    ("expected comment or line break", r"[|>][-+0-9]*\s", "begin a block of text on the line below"),
    ("expected key", r"", "check the indentation: the keys of one mapping begin in the same column"),
    ("unexpected end of stream", r"", "close the quote"),
)
"""By what YAML complains of and the line where reading stopped."""


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.splitlines() or [""]
    if line >= len(lines):  # the end of the text is shown on its last line
        line, column = len(lines) - 1, len(lines[-1])
    problem = (error.problem or "the text cannot be parsed").strip()
    message = f"{problem} {_context(error)}".strip()
    labels: tuple[Label, ...] = ()
    if error.context_mark is not None and line != error.context_mark.line < len(lines):
        start = Span.at(file, error.context_mark.line + 1, error.context_mark.column + 1)
        labels = (Label(start, "what was being read began here"),)
    span = Span.at(file, line + 1, column + 1)
    help = _syntax_help(error, problem, lines[line])
    fix = _quoted(text, span) if "flow" in (error.context or "") else None
    return Diagnostic("PCR003", message, span, help=help, labels=labels, fix=fix)


def _context(error: yaml.MarkedYAMLError) -> str:
    context = (error.context or "").strip()
    for theirs, ours in _WORDS.items():
        context = context.replace(theirs, ours)
    return context


def _syntax_help(error: yaml.MarkedYAMLError, problem: str, written: str) -> str | None:
    if "flow" in (error.context or "") and "${" in written:
        return 'inside { } or [ ] a variable must be quoted: "${NAME}"'
    fitting = (help for says, line, help in _HELP if re.search(says, problem) and re.search(line, written))
    return next(fitting, None)


def _quoted(text: str, place: Span) -> Fix | None:
    """The fix that quotes the variables of a line of flow style, if reading then gets beyond that line."""
    if not is_editable(text):
        return None
    edits = quote_variables(text.splitlines()[place.line - 1], place)
    if not edits:
        return None
    try:
        for _ in yaml.parse(apply_edits(text, edits), Loader=_LOADER):
            pass
    except yaml.MarkedYAMLError as error:
        if error.problem_mark is None or error.problem_mark.line < place.line:
            return None
    return Fix(edits, "put quotes around what has a variable")

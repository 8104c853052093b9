"""YAML laid out afresh: indentation, gaps, blank lines and quotes; never a value, a comment or an order.

The text is printed token by token, so whatever is not layout is copied as written. What comes out is read again and
compared; a text of which the meaning would change is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK = re.compile(r"\r\n|\r|\n")
_STRANGE_BREAK = re.compile("[\x85\u2028\u2029\ufeff]")
_HEADER = re.compile(r"([|>])([-+0-9]*)")
_INDENT = 2
_OPENS = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_CLOSES = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_STARTS = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken)
_PROPERTIES = (yaml.AnchorToken, yaml.TagToken)
_MARKERS = (yaml.DirectiveToken, yaml.DocumentStartToken, yaml.DocumentEndToken)
_SPACED = (yaml.FlowEntryToken, yaml.ValueToken, yaml.BlockEntryToken, yaml.KeyToken)
"""Tokens that a space follows."""
_ENDS = (yaml.ScalarToken, *_CLOSES)
"""Tokens that ``:`` may follow at once. After an alias YAML 1.2 takes it for a part of the name."""

Place = tuple[int, int]
"""Line and column, from 1."""


def format_text(text: str, quoted: Collection[Place] = ()) -> str:
    """``text``, which must be one readable YAML document, laid out afresh.

    Plain scalars that begin at the places of ``quoted`` are put into double quotes. Line endings become those of
    the first line. The result means what ``text`` means, or is ``text``.
    """
    if _STRANGE_BREAK.search(text):
        return text  # what they break, and what they would after a change, is not agreed between YAML's versions
    first = _BREAK.search(text)
    written = _BREAK.sub("\n", text)
    try:
        printed = _Printer(written, quoted).run()
        is_same = _meaning(printed, ()) == _meaning(written, quoted)
    except (yaml.YAMLError, _CannotError):
        return text
    if not is_same:
        return text
    return printed.replace("\n", first[0]) if first else printed


class _CannotError(Exception):
    """The text is laid out in a way that is not known here."""


@dataclass(slots=True)
class _Level:
    """An open block mapping or sequence: the column of its keys or dashes as it was and as it is printed."""

    is_sequence: bool
    old: int
    new: int = -1
    is_implicit: bool = False
    """A sequence in the column of the key that it belongs to; YAML has no token for its beginning and end."""


class _Printer:
    def __init__(self, text: str, quoted: Collection[Place]) -> None:
        self._text = text
        self._quoted = quoted
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lines: list[str] = []
        self._line: str | None = None
        """The line being printed; ``None`` before the first."""
        self._end = 0
        """How far the text is printed."""
        self._levels: list[_Level] = []
        self._before: list[_Level] = []
        """The levels that were open at the last token."""
        self._flow: list[int] = []
        """For each open bracket the column in which a bracket that closes it on a line of its own is put."""
        self._line_base = 0
        self._last: Any = None
        self._is_key = False
        self._property: Place | None = None

    def run(self) -> str:
        for token in yaml.scan(self._text, Loader=_LOADER):
            self._structure(token)
            if self._index(token.start_mark) < self._index(token.end_mark):
                self._print(token)
        self._gap(self._text[self._end :], 0, 0, is_last=True)
        return "".join(f"{line}\n" for line in self._lines)

    def _index(self, mark: Any) -> int:
        return _index(self._line_starts, mark, len(self._text))

    def _structure(self, token: Any) -> None:
        """Open and close levels."""
        top = self._levels[-1] if self._levels else None
        if isinstance(token, _STARTS):
            is_sequence = isinstance(token, yaml.BlockSequenceStartToken)
            self._levels.append(_Level(is_sequence, token.start_mark.column))
        elif isinstance(token, yaml.BlockEndToken):
            if top is not None and top.is_implicit:
                self._levels.pop()
            self._levels.pop()
        elif self._flow:
            return
        elif isinstance(token, yaml.KeyToken | yaml.ValueToken):
            if top is not None and top.is_implicit:
                self._levels.pop()
            self._is_key = isinstance(token, yaml.KeyToken)
        elif isinstance(token, yaml.BlockEntryToken) and top is not None and not top.is_sequence:
            self._levels.append(_Level(True, token.start_mark.column, is_implicit=True))

    def _print(self, token: Any) -> None:
        start = self._index(token.start_mark)
        gap = self._text[self._end : start]
        is_first = self._line is None or "\n" in gap
        if is_first:
            column = self._indent(token)
            self._gap(gap, token.start_mark.column, column)
            self._line_base = column
        else:
            assert self._line is not None
            if gap.strip(" \t"):
                raise _CannotError
            self._line += " " * _space(self._last, token, has_space=bool(gap))
            column = len(self._line)
        if self._levels and self._levels[-1].new < 0:
            self._levels[-1].new = column
        self._end = self._index(token.end_mark)
        self._write(token, self._text[start : self._end])
        if isinstance(token, _OPENS):
            self._open(column, is_first=is_first)
        elif isinstance(token, _CLOSES):
            self._flow.pop()
        self._is_key = False
        self._last = token
        self._before = list(self._levels)

    def _open(self, column: int, *, is_first: bool) -> None:
        if self._flow:
            base = self._line_base
        elif is_first or not self._levels:
            base = column if is_first else 0
        else:
            base = self._levels[-1].new + _INDENT * self._levels[-1].is_sequence
        self._line_base = base
        self._flow.append(base)

    def _indent(self, token: Any) -> int:
        """The column of a token that begins a line."""
        if self._flow:
            return self._flow[-1] + (0 if isinstance(token, _CLOSES) else _INDENT)
        if isinstance(token, _MARKERS) or not self._levels:
            return 0
        top = self._levels[-1]
        if top.new < 0:
            return self._levels[-2].new + _INDENT if len(self._levels) > 1 else 0
        is_own = self._is_key or isinstance(token, yaml.BlockEntryToken | yaml.KeyToken | yaml.ValueToken)
        return top.new if is_own else top.new + _INDENT

    def _gap(self, gap: str, old: int, new: int, *, is_last: bool = False) -> None:
        """Print what lies between two tokens on different lines: comments, and no two blank lines together.

        ``old`` and ``new`` are the columns of the next token.
        """
        lines = gap.split("\n")
        if self._line is not None:
            comment = lines.pop(0).strip(" \t")
            self._lines.append(f"{self._line} {comment}" if comment else self._line)
        last = "" if is_last else lines.pop()
        if last.strip(" \t"):
            raise _CannotError
        is_blank = False
        for line in lines:
            comment = line.strip(" \t")
            if not comment:
                is_blank = True
                continue
            if not comment.startswith("#"):
                raise _CannotError
            if is_blank and self._lines:
                self._lines.append("")
            is_blank = False
            self._lines.append(" " * self._comment_column(line, old, new) + comment)
        if is_blank and self._lines and not is_last:
            self._lines.append("")
        self._line = None if is_last else " " * new

    def _comment_column(self, line: str, old: int, new: int) -> int:
        """A comment stays with the next token or with the level in whose column it is."""
        if self._flow:
            return self._flow[-1] + _INDENT
        column = len(line) - len(line.lstrip(" \t"))
        if column == old:
            return new
        return next((level.new for level in reversed(self._before) if level.old == column), new)

    def _write(self, token: Any, written: str) -> None:
        """Print a token itself."""
        place = token.start_mark.line + 1, token.start_mark.column + 1
        if isinstance(token, _PROPERTIES):
            self._property = self._property or place
        elif isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            self._write_block(token, written)
            self._property = None
            return
        elif isinstance(token, yaml.ScalarToken) and "\n" not in written:
            is_asked = token.plain and (self._property or place) in self._quoted
            written = _quoted(token.value) if is_asked or _may_be_double(token) else written
        if not isinstance(token, _PROPERTIES):
            self._property = None
        first, *others = written.split("\n")
        assert self._line is not None
        self._line += first
        for line in others:
            self._lines.append(_without_blanks(self._line, getattr(token, "style", None)))
            content = line.strip(" \t") if line is not others[-1] else line.lstrip(" \t")
            ends = line.lstrip(" \t") if token.style == '"' else content
            self._line = " " * self._continuation() + ends if content else ""

    def _continuation(self) -> int:
        """The column of the further lines of a scalar."""
        if self._flow:
            return self._flow[-1] + 2 * _INDENT
        return self._levels[-1].new + _INDENT if self._levels else 0

    def _write_block(self, token: Any, written: str) -> None:
        """Print a literal or folded scalar: its header, and its lines moved as one."""
        header = _HEADER.match(written)
        if header is None or not self._levels:
            raise _CannotError
        chomp = header[2].strip("0123456789")
        digits = header[2].strip("+-")
        note, _, content = written[header.end() :].partition("\n")
        lines = content.split("\n")
        is_cut = lines[-1] != ""  # the text ends without a line break
        lines = lines if is_cut else lines[:-1]
        old = self._levels[-1].old + int(digits) if digits else _block_indent(lines)
        while lines and not lines[-1][old:] and (is_cut or chomp != "+"):
            lines.pop()
            is_cut = False
        self._end = self._index(token.start_mark) + header.end() + len(note) + sum(len(line) + 1 for line in lines)
        chomp = "-" if is_cut and lines else chomp  # with a break after it, the value would gain one
        note = note.strip(" \t")
        assert self._line is not None
        self._line += header[1] + (str(_INDENT) if digits else "") + chomp + (f" {note}" if note else "")
        new = " " * (self._levels[-1].new + _INDENT)
        for line in lines:
            self._lines.append(self._line)
            self._line = new + line[old:] if line[old:] else ""


def _index(line_starts: list[int], mark: Any, length: int) -> int:
    """The offset of a mark; libyaml puts the end of a text on a line after the last."""
    line, column = int(mark.line), int(mark.column)
    return min(line_starts[line] + column, length) if line < len(line_starts) else length


def _block_indent(lines: list[str]) -> int:
    """The indentation that the first line with content, or a longer empty one before it, gives a block."""
    indent = 0
    for line in lines:
        indent = max(indent, len(line) - len(line.lstrip(" ")))
        if line.strip(" "):
            break
    return indent


def _without_blanks(line: str, style: str | None) -> str:
    """A line of a scalar without trailing blanks; an escaped one is content."""
    stripped = line.rstrip(" \t")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return line[: len(stripped) + 1] if style == '"' and backslashes % 2 else stripped


def _space(last: Any, token: Any, *, has_space: bool) -> int:
    """How many spaces stand between two tokens of a line."""
    if isinstance(last, _OPENS):
        return 0
    if isinstance(token, (*_CLOSES, yaml.FlowEntryToken)) and isinstance(last, (*_ENDS, yaml.AliasToken)):
        return 0
    if isinstance(token, yaml.ValueToken) and isinstance(last, _ENDS):
        return 0
    return 1 if has_space or isinstance(last, _SPACED) else 0


def _may_be_double(token: Any) -> bool:
    return token.style == "'" and not re.search(r'["\\]', token.value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _meaning(text: str, quoted: Collection[Place]) -> tuple[list[Any], list[str]]:
    """All of a text that is not layout: its events and its comments."""
    events: list[Any] = []
    for event in yaml.parse(text, Loader=_LOADER):
        facts: list[Any] = [type(event)]
        facts += [getattr(event, name, None) for name in ("anchor", "tag", "flow_style", "explicit", "version", "tags")]
        if isinstance(event, yaml.ScalarEvent):
            mark: Any = event.start_mark
            is_asked = event.style in (None, "") and (mark.line + 1, mark.column + 1) in quoted
            is_quoted = is_asked or event.style in ("'", '"')
            facts += [event.value, '"' if is_quoted else event.style or ""]
        events.append(facts)
    return events, list(_comments(text))


def _comments(text: str) -> Iterator[str]:
    """The comments of a text whose lines end with ``\\n``, without trailing blanks."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    end = 0
    for token in yaml.scan(text, Loader=_LOADER):
        start = _index(starts, token.start_mark, len(text))
        yield from (match[0].rstrip(" \t") for match in re.finditer("#[^\n]*", text[end:start]))
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            yield from re.findall(r"#[^\n]*?(?=[ \t]*\n)", text[start:].partition("\n")[0] + "\n")
        end = max(end, _index(starts, token.end_mark, len(text)))
    yield from (match[0].rstrip(" \t") for match in re.finditer("#[^\n]*", text[end:]))

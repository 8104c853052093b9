"""Fixes of findings: made where the text is what it is taken for, and applied to a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pinecall_run.source.diagnostic import Diagnostic, Edit, Fix, Span

_BREAK = re.compile(r"\r\n|[\n\r]")
_STRANGE_BREAK = re.compile("[\x85\u2028\u2029]")
_WORD = re.compile(r"[A-Za-z_]([\w./:+-]*\w)?")
"""What may stand in YAML without quotes and cannot be taken for anything but text."""


def reword(span: Span, written: str, old: str, new: str, title: str) -> Fix | None:
    """The fix that writes the word ``new`` for the scalar ``old``, quoted as that was.

    ``written`` is what the file holds at ``span``. ``None`` when that is more than the scalar, such as an anchor, or
    a variable, or when ``new`` is no plain word.
    """
    quote = written[:1] if written[:1] in ("'", '"') else ""
    if written != f"{quote}{old}{quote}" or _WORD.fullmatch(new) is None:
        return None
    return Fix((Edit(span, f"{quote}{new}{quote}"),), title)


def is_editable(text: str) -> bool:
    """Whether YAML and templates agree on where the lines of a text end, and so on what a span means."""
    return _STRANGE_BREAK.search(text) is None


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with the edits made; every other character, line endings included, stays as it is.

    Raises ``ValueError`` for edits that overlap or lie outside of the text.
    """
    starts = [0, *(match.end() for match in _BREAK.finditer(text))]
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda edit: _ends(edit.span)):
        start, end = (_offset(starts, place) for place in _ends(edit.span))
        if not done <= start <= end <= len(text):
            raise ValueError(f"an edit overlaps another or lies outside of the text: {edit.span}")
        pieces += [text[done:start], edit.text]
        done = end
    return "".join([*pieces, text[done:]])


def _offset(starts: list[int], place: tuple[int, int]) -> int:
    line, column = place
    return starts[line - 1] + column - 1 if 0 < line <= len(starts) else -1


def _ends(span: Span) -> tuple[tuple[int, int], tuple[int, int]]:
    return (span.line, span.column), (span.end_line, span.end_column)


def compatible(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those findings with a fix that can be applied together: of fixes that meet, the first."""
    chosen: list[Diagnostic] = []
    taken: list[Span] = []
    for diagnostic in diagnostics:
        spans = [edit.span for edit in diagnostic.fix.edits] if diagnostic.fix else []
        if spans and not any(_meets(span, other) for span in spans for other in taken):
            chosen.append(diagnostic)
            taken += spans
    return chosen


def _meets(one: Span, other: Span) -> bool:
    (start, end), (other_start, other_end) = _ends(one), _ends(other)
    return one.file == other.file and (start == other_start or (start < other_end and other_start < end))


_VALUE = re.compile(
    r"""
    (?P<skip>\#.*|"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?|[\[\]{},\s]|:(?=\s|$))  # what is around plain words
    |(?P<plain>(?:\$\{[^{}"'\\]*\}|:(?![\s,\]}])|[^:,\[\]{}"'\\\n\#]|(?<=\S)\#)+)
    |.                                                                       # what is not known here
    """,
    re.VERBOSE,
)
"""The pieces of a line in flow style, variables kept whole."""


def quote_variables(line: str, place: Span) -> tuple[Edit, ...]:
    """Edits that put plain words with ``${…}`` in them into quotes; ``place`` is somewhere on the line."""
    edits = []
    for match in _VALUE.finditer(line):
        word = (match["plain"] or "").strip()
        if "${" in word and word[0] not in "&*!|>%@`":
            column = match.start() + len(match[0]) - len(match[0].lstrip()) + 1
            edits.append(Edit(Span.at(place.file, place.line, column, len(word)), f'"{word}"'))
    return tuple(edits)

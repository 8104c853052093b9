"""``# pinecall: ignore[PCR123]`` in a YAML file: which findings a comment takes away, and which take nothing away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pinecall_run.source.codes import CODES
from pinecall_run.source.diagnostic import Diagnostic, Severity, Span
from pinecall_run.source.document import Document
from pinecall_run.source.nodes import Mapping, Node, Scalar, Sequence
from pinecall_run.source.suggest import closest

NEVER_IGNORED = frozenset(("PCR002", "PCR003", "PCR005", "PCR006", "PCR301"))
"""What cannot be read cannot be ignored, nor can an ignore."""

_FIRST_AREAS = "012"
"""Text, shape and variables: what is checked of every file that can be read."""

_WORDS = "pinecall:"
_IGNORE = re.compile(r"(?<!\S)#\s*pinecall:\s*ignore(?![\w-])(?:\s*\[([^\]]*)(\]?))?")
_CODE = re.compile(r"[^\s,]+")
_FORM = "write # pinecall: ignore[PCR503], with the codes to ignore"


@dataclass(frozen=True, slots=True)
class _Ignore:
    """One code of one comment, where it is written, and the lines it speaks of."""

    code: str
    span: Span
    lines: range


def may_ignore(text: str) -> bool:
    """Whether a text may hold a comment that ignores something."""
    return _WORDS in text


def without_ignored(
    diagnostics: Iterable[Diagnostic], document: Document, *, is_whole: bool = True
) -> list[Diagnostic]:
    """The findings without those of ``document`` that its comments ignore, and a finding for each ignore in vain.

    A comment speaks of its own line; alone on a line, of the next line that is no comment. Where a block of text
    begins on that line, all of the block is meant, for it can hold no comment of its own. Findings of other files
    are kept. A document that could not be read has no comments.

    After an error of its shape or its variables less of a file is checked: of what would have been found
    then, no ignore is said to be in vain; of nothing at all, if the findings are not the ``is_whole`` truth.
    """
    kept = list(diagnostics)
    if document.root is None or not may_ignore(document.text):
        return kept
    ignores, found = _ignores(document, document.root)
    by_place: dict[tuple[str, int], list[_Ignore]] = {}
    for ignore in ignores:
        for line in ignore.lines:
            by_place.setdefault((ignore.code, line), []).append(ignore)
    used: set[_Ignore] = set()
    left = []
    for finding in kept:
        takers = by_place.get((finding.code, finding.span.line)) if finding.span.file == document.file else None
        if takers:
            used.update(takers)
        else:
            left.append(finding)
    is_partial = any(finding.severity is Severity.ERROR and finding.code[3] in _FIRST_AREAS for finding in kept)
    found += [
        _unused(ignore)
        for ignore in ignores
        if is_whole and ignore not in used and (not is_partial or ignore.code[3] in _FIRST_AREAS)
    ]
    return left + found


def _ignores(document: Document, root: Node) -> tuple[list[_Ignore], list[Diagnostic]]:
    """The ignores of every comment, and what is wrong with how they are written."""
    scalars = list(_scalars(root))
    lines = document.lines
    texts = _Texts(scalars)
    ignores: list[_Ignore] = []
    found: list[Diagnostic] = []
    for number, line in enumerate(lines, 1):
        if _WORDS not in line:
            continue
        for match in _IGNORE.finditer(line):
            if texts.holds(number, match.start() + 1):
                continue
            span = Span.at(document.file, number, match.start() + 1, len(match[0]))
            codes = list(_CODE.finditer(match[1] or ""))
            if not codes or not match[2]:
                found.append(_useless("an ignore must name codes", span, _FORM))
                continue
            target = texts.lines_from(_target(lines, number))
            for code in codes:
                place = Span.at(document.file, number, match.start(1) + code.start() + 1, len(code[0]))
                wrong = _wrong(code[0], place)
                if wrong is None:
                    ignores.append(_Ignore(code[0], place, target))
                else:
                    found.append(wrong)
    return ignores, found


def _target(lines: list[str], number: int) -> int:
    """The line that a comment on line ``number`` speaks of."""
    if not lines[number - 1].lstrip().startswith("#"):
        return number
    for following in range(number + 1, len(lines) + 1):
        if not lines[following - 1].lstrip().startswith("#"):
            return following
    return number


class _Texts:
    """Where a ``#`` is a character like any other: inside quotes and in blocks of text."""

    def __init__(self, scalars: Iterable[Scalar]) -> None:
        self._inside: dict[int, list[tuple[int, int]]] = {}
        self._blocks: dict[int, int] = {}
        for scalar in scalars:
            span = scalar.span
            if scalar.style in ("|", ">"):
                last = span.end_line - 1 if span.end_column == 1 else span.end_line
                self._blocks[span.line] = max(last, span.line)
                self._mark(Span(span.file, span.line + 1, 1, span.end_line, span.end_column))
            elif scalar.style:
                self._mark(span)

    def _mark(self, span: Span) -> None:
        for line in range(span.line, span.end_line + 1):
            start = span.column if line == span.line else 1
            end = span.end_column if line == span.end_line else 1 << 30
            self._inside.setdefault(line, []).append((start, end))

    def holds(self, line: int, column: int) -> bool:
        return any(start <= column < end for start, end in self._inside.get(line, ()))

    def lines_from(self, line: int) -> range:
        """A line with the block of text that begins on it."""
        return range(line, self._blocks.get(line, line) + 1)


def _scalars(root: Node) -> Iterator[Scalar]:
    """Every scalar once, keys too, without recursion."""
    seen: set[int] = set()
    todo: list[Node] = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, Mapping):
            todo += [part for entry in node.entries for part in entry]
        elif isinstance(node, Sequence):
            todo += node.items


def _wrong(code: str, span: Span) -> Diagnostic | None:
    if code not in CODES:
        meant = closest(code, CODES)
        help = f"did you mean `{meant}`?" if meant else "pinecall-run rules lists the codes"
        return _useless(f"`{code}` is not a code", span, help)
    if code in NEVER_IGNORED:
        return _useless(f"{code}, {CODES[code]}, cannot be ignored", span, "mend it, and remove this comment")
    return None


def _unused(ignore: _Ignore) -> Diagnostic:
    first, last = ignore.lines[0], ignore.lines[-1]
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    return _useless(f"there is no {ignore.code} on {where} to ignore", ignore.span, "remove it from the comment")


def _useless(message: str, span: Span, help: str) -> Diagnostic:
    return Diagnostic("PCR006", message, span, Severity.WARNING, help)

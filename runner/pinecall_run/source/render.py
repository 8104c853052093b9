"""Diagnostics as text for people: full with a snippet, or one line each."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping

from pinecall_run.source.diagnostic import Diagnostic, Severity, Span, in_order
from pinecall_run.source.secrets import NONE, Secrets

MAX_COLUMNS = 160
"""Of a longer line only the part around the finding is shown."""

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def concise(diagnostic: Diagnostic) -> str:
    """``file:line:col: CODE message``."""
    span = diagnostic.span
    return f"{place(span)}: {diagnostic.code} {_clean(diagnostic.message)}"


def full(
    diagnostic: Diagnostic, lines: Mapping[str, list[str]], *, colour: bool = False, secrets: Secrets = NONE
) -> str:
    """The finding with the lines it points at.

    ``lines`` holds the lines of each file by the name that spans use; a file that is not there is shown
    without a snippet. What is in ``secrets`` is masked.
    """
    (diagnostic,) = secrets.hide_in([diagnostic])
    span = diagnostic.span
    paint = _painter(_COLOURS[diagnostic.severity] if colour else None)
    head = f"{diagnostic.severity}[{diagnostic.code}]"
    parts = [f"{place(span)}: {paint(head)} {_clean(diagnostic.message)}"]
    parts += _snippet(span, lines.get(span.file, []), paint, secrets)
    for label in diagnostic.labels:
        parts.append(f"  {place(label.span)}: {_clean(label.text)}")
        parts += _snippet(label.span, lines.get(label.span.file, []), paint, secrets)
    if diagnostic.help:
        parts.append(f"  help: {_clean(diagnostic.help)}")
    return "\n".join(parts)


def report(
    diagnostics: Iterable[Diagnostic],
    lines: Mapping[str, list[str]],
    *,
    colour: bool = False,
    secrets: Secrets = NONE,
) -> str:
    """All findings in order, and a line that counts them; empty when there is none. ``secrets`` are masked."""
    ordered = in_order(diagnostics)
    if not ordered:
        return ""
    return "\n\n".join([*(full(d, lines, colour=colour, secrets=secrets) for d in ordered), summary(ordered)])


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """``1 error, 2 warnings``."""
    found = list(diagnostics)
    counts = [(severity, sum(d.severity is severity for d in found)) for severity in Severity]
    return ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in counts if n) or "no findings"


def _painter(colour: str | None) -> Callable[[str], str]:
    return lambda text: text if colour is None else f"\x1b[1;{colour}m{text}\x1b[0m"


def place(span: Span) -> str:
    """``file:line:col``."""
    return f"{_clean(span.file)}:{span.line}:{span.column}"


def _snippet(span: Span, lines: list[str], paint: Callable[[str], str], secrets: Secrets) -> list[str]:
    if not 0 < span.line <= len(lines):
        return []
    written = lines[span.line - 1]
    start = min(span.column - 1, len(written))
    end = min(span.end_column - 1, len(written)) if span.end_line == span.line else len(written)
    written, start, end = secrets.hide_line(span.file, span.line, written, start, end)
    first, last = _window(start, len(written))
    shown, pointed = _clean(written[first:last], "\t"), _clean(written[start : min(end, last)])
    indent = "".join("\t" if char == "\t" else " " * _columns(char) for char in _clean(written[first:start], "\t"))
    before, after = "…" * (first > 0), "…" * (last < len(written))
    number = str(span.line)
    return [
        f"  {number} | {before}{shown}{after}",
        f"  {' ' * len(number)} | {' ' * len(before)}{indent}{paint('^' * max(_columns(pointed), 1))}",
    ]


def _window(start: int, length: int) -> tuple[int, int]:
    """The part of a line of ``length`` characters to show for a finding at ``start``."""
    first = max(0, min(start - MAX_COLUMNS // 3, length - MAX_COLUMNS))
    return first, min(first + MAX_COLUMNS, length)


def _columns(text: str) -> int:
    """How many columns a terminal takes for ``text`` (https://www.unicode.org/reports/tr11/)."""
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _clean(text: str, kept: str = "") -> str:
    """``text`` on one line, without what a terminal would obey or swallow."""
    return "".join(char if char.isprintable() or char in kept else "�" for char in text)

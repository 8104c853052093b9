"""What must not be shown of a text, and text without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pinecall_run.source.diagnostic import Diagnostic, Span

MASK = "***"
SHORTEST = 6
"""Characters that make a value worth hiding wherever it is met; of shorter ones only the place is hidden, because they
are words of other sentences, too."""

_QUOTED = 64
"""Characters of a value that a message quotes at least."""
_NAMED = re.compile(r"(key|token|secret|passw(or)?d|passphrase|credentials?)$", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name, a variable or a key, is a secret by all customs."""
    return _NAMED.search(name) is not None


def secret_values(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secrets."""
    return frozenset(value for name, value in environ.items() if is_secret_name(name))


@dataclass(frozen=True)
class Secrets:
    """``spans`` are the places in files that hold a secret, ``values`` the secrets themselves."""

    spans: frozenset[Span] = frozenset()
    values: frozenset[str] = frozenset()

    def __or__(self, other: Secrets) -> Secrets:
        return Secrets(self.spans | other.spans, self.values | other.values)

    def hide(self, text: str) -> str:
        """``text`` with the mask in place of every value."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def hide_in(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The findings, their words without values. Their places stay: a span quotes nothing."""
        if self._pattern is None:
            return list(diagnostics)
        return [
            replace(
                finding,
                message=self.hide(finding.message),
                help=None if finding.help is None else self.hide(finding.help),
                labels=tuple(replace(label, text=self.hide(label.text)) for label in finding.labels),
            )
            for finding in diagnostics
        ]

    def hide_line(self, file: str, number: int, line: str, start: int, end: int) -> tuple[str, int, int]:
        """A line of a file, counted from 1, without secrets; and where two places in it, from 0, have come to lie."""
        pieces = [_on_line(span, number, line) for span in self._by_line.get((file, number), ())]
        pieces += [match.span() for match in self._pattern.finditer(line)] if self._pattern else []
        shown, done, shift = "", 0, {start: 0, end: 0}
        for first, last in sorted(pieces):
            if last <= done or first >= last:
                continue
            first = max(first, done)
            shown += line[done:first] + MASK
            for place in shift:  # a place inside of a secret goes to the edge of the mask
                if place >= last:
                    shift[place] += len(MASK) - (last - first)
                elif place > first:
                    shift[place] += (first if place == start else first + len(MASK)) - place
            done = last
        return shown + line[done:], start + shift[start], end + shift[end]

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        pieces = {line.strip() for value in self.values for line in (value, *value.splitlines())}
        long = sorted((piece for piece in pieces if len(piece) >= SHORTEST), key=len, reverse=True)
        return re.compile("|".join(map(_matching, long))) if long else None

    @cached_property
    def _by_line(self) -> dict[tuple[str, int], list[Span]]:
        found: dict[tuple[str, int], list[Span]] = {}
        for span in self.spans:
            for number in range(span.line, span.end_line + 1):
                found.setdefault((span.file, number), []).append(span)
        return found


def _matching(piece: str) -> str:
    """The pattern of a secret. A message may have cut a long one short, and then holds its beginning."""
    return re.escape(piece) if len(piece) <= _QUOTED else rf"{re.escape(piece[:_QUOTED])}[^\s`]*"


def _on_line(span: Span, number: int, line: str) -> tuple[int, int]:
    """The part of a line, counted from 0, that a span covers, leading spaces left out."""
    first = span.column - 1 if number == span.line else len(line) - len(line.lstrip())
    return first, span.end_column - 1 if number == span.end_line else len(line)


NONE = Secrets()
"""Nothing to hide."""

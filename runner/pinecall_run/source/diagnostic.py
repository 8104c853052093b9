"""One finding about a source text, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

Route = tuple[str | int, ...]
"""Keys and indices that lead from the top of a document to a value; the shape of
``jsonschema.ValidationError.absolute_path``."""


MAX_MESSAGE = 400


class Severity(StrEnum):
    """How much a finding matters. Only an error stops a project from running."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Span(NamedTuple):
    """Where something lies in a text. Lines and columns count from 1, columns in code points;
    the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def at(cls, file: str, line: int = 1, column: int = 1, length: int = 1) -> Span:
        """A span of ``length`` characters on one line."""
        return cls(file, line, column, line, column + length)


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that a finding speaks of."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """``text`` in place of what lies at ``span``."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """The one sure remedy of a finding: edits that do not overlap. ``title`` says in the past tense what they did."""

    edits: tuple[Edit, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    ``message`` is one sentence of cause without a full stop; ``help`` says what to write instead.
    It is cut after :data:`MAX_MESSAGE` characters: what it quotes may be of any length.
    ``code`` is a key of :data:`pinecall_run.source.codes.CODES`.
    """

    code: str
    message: str
    span: Span
    severity: Severity = Severity.ERROR
    help: str | None = None
    route: Route = ()
    labels: tuple[Label, ...] = ()
    fix: Fix | None = None

    def __post_init__(self) -> None:
        if len(self.message) > MAX_MESSAGE:
            object.__setattr__(self, "message", f"{self.message[: MAX_MESSAGE - 1]}…")


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings sorted by place, each once."""
    unique = dict.fromkeys(diagnostics)
    return sorted(unique, key=lambda d: (d.span.file, d.span.line, d.span.column, d.code, d.message))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any finding stops the project from running."""
    return any(d.severity is Severity.ERROR for d in diagnostics)

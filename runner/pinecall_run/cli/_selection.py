"""``--select`` and ``--ignore``: findings kept by the beginning of their code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import click

from pinecall_run.source.codes import CODES
from pinecall_run.source.diagnostic import Diagnostic
from pinecall_run.source.suggest import closest


def codes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """The codes or beginnings of codes that an option names, comma separated.

    Raises:
        click.BadParameter: no code begins like one of the words.
    """
    if value is None:
        return ()
    words = tuple(word for written in value.split(",") if (word := written.strip().upper()))
    for word in words:
        if not any(code.startswith(word) for code in CODES):
            meant = closest(word, CODES)
            help = f"did you mean {meant}?" if meant else "`pinecall-run rules` lists the codes"
            raise click.BadParameter(f"{word!r} is no code nor the beginning of one; {help}", ctx, param)
    if not words:
        raise click.BadParameter("name at least one code, such as PCR503 or PCR5", ctx, param)
    return words


@dataclass(frozen=True, slots=True)
class Selection:
    """Beginnings of codes to keep, all when there are none, and to drop; of two that fit the longer one counts."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def of(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The findings that are kept."""
        return [finding for finding in diagnostics if self._keeps(finding.code)]

    def _keeps(self, code: str) -> bool:
        kept = max((len(word) for word in self.select if code.startswith(word)), default=-1 if self.select else 0)
        dropped = max((len(word) for word in self.ignore if code.startswith(word)), default=-1)
        return kept > dropped

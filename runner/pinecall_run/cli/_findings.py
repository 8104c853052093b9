"""Shows findings."""

from __future__ import annotations

import os
import sys

import click

from pinecall_run.live.load import Checked
from pinecall_run.source.diagnostic import Severity
from pinecall_run.source.render import report


def show(checked: Checked, *, err: bool = True) -> None:
    """Print the errors and warnings of a project, with the lines they point at. Advice is for ``validate`` to give."""
    stream = sys.stderr if err else sys.stdout
    findings = [finding for finding in checked.diagnostics if finding.severity is not Severity.INFO]
    if findings:
        colour = uses_colour(stream.isatty())
        click.echo(report(findings, checked.lines, colour=colour, secrets=checked.secrets), err=err, color=True)


def uses_colour(is_terminal: bool) -> bool:
    """Whether to colour: on a terminal, unless ``NO_COLOR`` says not to (https://no-color.org)."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

"""Shows findings."""

from __future__ import annotations

import os
import sys

import click

from pinecall_run.live.load import Checked
from pinecall_run.source.render import report


def show(checked: Checked, *, err: bool = True) -> None:
    """Print every finding of a project, with the lines they point at."""
    stream = sys.stderr if err else sys.stdout
    if checked.diagnostics:
        colour = uses_colour(stream.isatty())
        click.echo(
            report(checked.diagnostics, checked.lines, colour=colour, secrets=checked.secrets), err=err, color=True
        )


def uses_colour(is_terminal: bool) -> bool:
    """Whether to colour: on a terminal, unless ``NO_COLOR`` says not to (https://no-color.org)."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

"""``pinecall-run explain``: what a finding means, with an example and its fix."""

from __future__ import annotations

import click

from pinecall_run.cli._pages import explanations
from pinecall_run.source.codes import CODES
from pinecall_run.source.suggest import closest


@click.command("explain")
@click.argument("code")
def command(code: str) -> None:
    """Say what the findings of CODE, such as PCR101, mean and how to mend them."""
    wanted = code.upper()
    if wanted not in CODES:
        meant = closest(wanted, CODES)
        help = f"did you mean {meant}?" if meant else "`pinecall-run rules` lists the codes"
        raise click.UsageError(f"{code} is not a code; {help}")
    click.echo(explanations().get(wanted) or f"## {wanted} {CODES[wanted]}")

"""``pinecall-run fix``: mends what has one sure remedy, in the text itself, so that comments stay."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pinecall_run.cli._findings import show
from pinecall_run.cli._write import write
from pinecall_run.live.mend import mend_project
from pinecall_run.live.project import Project
from pinecall_run.source.codes import CODES
from pinecall_run.source.diagnostic import Diagnostic, has_errors
from pinecall_run.source.render import place


def _codes(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    codes = frozenset(code.strip().upper() for words in given for code in words.split(",") if code.strip())
    for code in sorted(codes - CODES.keys()):
        raise click.BadParameter(f"there is no code {code}")
    return codes


@click.command("fix")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--diff", "as_diff", is_flag=True, help="Change nothing; print what would change.")
@click.option(
    "--select", metavar="CODES", multiple=True, callback=_codes, help="Fix only these, such as PCR101,PCR302."
)
def command(paths: tuple[Path, ...], as_diff: bool, select: frozenset[str]) -> None:
    """Fix what has one sure remedy in pinecall.yaml files, or folders that hold one (default: here), and in prompts.

    Exit code 0 when no error is left, else 1; with --diff as if the changes were made.
    """
    found_errors = False
    for path in paths or (Path(),):
        mended = mend_project(Project.at(path), os.environ, select)
        for change in mended.changes:
            if as_diff:
                click.echo(change.diff(), nl=False)
            else:
                write(change)
        for finding in mended.fixed:
            click.echo(_line(finding), err=as_diff)
        if mended.left.diagnostics:
            show(mended.left, err=as_diff)
        found_errors = found_errors or has_errors(mended.left.diagnostics)
    sys.exit(1 if found_errors else 0)


def _line(finding: Diagnostic) -> str:
    title = finding.fix.title if finding.fix is not None else ""
    return f"{place(finding.span)}: {finding.code} {title}"

"""``pinecall-run fmt``: pinecall.yaml laid out one way, comments and all."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pinecall_run.cli._findings import show
from pinecall_run.cli._write import write
from pinecall_run.live.formatting import format_project
from pinecall_run.live.project import Project
from pinecall_run.live.rewrite import Change
from pinecall_run.source.reader import MAX_BYTES

_STDIN = Path("-")


@click.command("fmt")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit with 1 if a file would change.")
@click.option("--diff", "as_diff", is_flag=True, help="Change nothing; print what would change.")
def command(paths: tuple[Path, ...], only_check: bool, as_diff: bool) -> None:
    """Lay out pinecall.yaml files, or folders that hold one (default: here). - reads and writes the standard streams.

    No value, comment or order changes. A file that is not valid YAML is left alone.
    """
    is_unreadable = would_change = False
    for path in paths or (Path(),):
        is_stream = path == _STDIN
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if is_stream else None
        change, read = format_project(Project.at(path), data, "<stdin>" if is_stream else None)
        if change is None:
            show(read)
            is_unreadable = True
            continue
        would_change = would_change or change.before != change.after
        if is_stream and not (only_check or as_diff):
            _print_bytes(change.after)
        elif change.before != change.after:
            _report(change, only_check=only_check, as_diff=as_diff)
    sys.exit(1 if is_unreadable or (only_check and would_change) else 0)


def _report(change: Change, *, only_check: bool, as_diff: bool) -> None:
    if as_diff:
        click.echo(change.diff(), nl=False)
    if only_check:
        click.echo(f"would format {change.shown}", err=as_diff)
    elif not as_diff:
        write(change)
        click.echo(f"formatted {change.shown}")


def _print_bytes(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)

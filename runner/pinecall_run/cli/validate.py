"""``pinecall-run validate``: check projects without importing their code or starting anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pinecall_run.cli._findings import show
from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import has_errors, in_order
from pinecall_run.source.render import concise


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "shape", type=click.Choice(["full", "concise"]), default="full", show_default=True)
def command(paths: tuple[Path, ...], shape: str) -> None:
    """Check pinecall.yaml files, or folders that hold one (default: here)."""
    found_errors = False
    for path in paths or (Path(),):
        checked = check_project(Project.at(path), os.environ)
        found_errors = found_errors or has_errors(checked.diagnostics)
        if shape == "concise":
            for finding in in_order(checked.diagnostics):
                click.echo(concise(finding))
        elif checked.diagnostics:
            show(checked, err=False)
        else:
            config = checked.config
            assert config is not None
            count = len(config.agents)
            click.echo(f"{checked.project.shown(checked.project.file)}: {count} agent{'s' * (count > 1)}, no findings")
    sys.exit(1 if found_errors else 0)

"""``pinecall-run schema``: the JSON Schema of pinecall.yaml, for editors and other programs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pinecall_run.config.names import narrowed
from pinecall_run.live.names import project_names
from pinecall_run.live.project import Project
from pinecall_run.resources import schema


@click.command("schema")
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--project", is_flag=True, help="With the agents, functions and files of the project at PATH (or here).")
def command(path: Path | None, project: bool) -> None:
    """Print the JSON Schema of pinecall.yaml (draft 2020-12)."""
    if path is not None and not project:
        raise click.UsageError("PATH says which project, and only --project asks for one")
    printed = schema("pinecall")
    if project:
        printed = narrowed(printed, project_names(Project.at(path or Path())))
    click.echo(json.dumps(printed, indent=2, ensure_ascii=False).encode() + b"\n", nl=False)

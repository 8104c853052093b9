"""``pinecall-run render``: what an agent is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pinecall_run.cli._findings import show
from pinecall_run.cli._pick import env_option, pick_agent, project_option
from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import has_errors


@click.command("render")
@click.argument("agent", required=False)
@project_option
@env_option
def command(agent: str | None, project: Path, environment: str | None) -> None:
    """Print the prompt of AGENT. {{date}} and its like are filled in for each request to the model."""
    checked = check_project(Project.at(project, environment), os.environ)
    if has_errors(checked.diagnostics):
        show(checked)
        sys.exit(1)
    click.echo(checked.prompts[pick_agent(agent, checked.prompts)])

"""Options and arguments that several verbs share."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from pinecall_run.source.suggest import closest, listed

project_option = click.option(
    "--project",
    "-p",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The project: its folder or its pinecall.yaml (default: here).",
)

env_option = click.option(
    "--env",
    "environment",
    envvar="PINECALL_ENV",
    metavar="NAME",
    help="The environment of the project (default: $PINECALL_ENV).",
)


def pick_agent(wanted: str | None, agents: Collection[str]) -> str:
    """The agent that was asked for, or the first.

    Raises:
        click.UsageError: there is none of that name.
    """
    if wanted is None:
        return next(iter(agents))
    if wanted not in agents:
        meant = closest(wanted, agents)
        hint = f"did you mean {meant}?" if meant else f"there are {listed(agents)}"
        raise click.UsageError(f"there is no agent {wanted}; {hint}")
    return wanted

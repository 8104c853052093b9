"""``pinecall-run providers``: which vendors there are, what of them is here, and which options they have."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import click

from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.cli._provider_text import TITLES, example, install, options
from pinecall_run.cli._providers_here import Here, providers_here
from pinecall_run.config.used import used
from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project
from pinecall_run.source.suggest import closest
from pinecall_run.vendors.facts import Stage


@click.command("providers")
@click.argument("name", required=False)
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
@project_option
@env_option
def command(name: str | None, shape: str, project: Path, environment: str | None) -> None:
    """List the vendors of each stage; of NAME its options, and YAML to copy.

    Whether a key is set is asked of this process's environment. Keys themselves are never printed.
    """
    found = list(providers_here(os.environ, _used(project, environment)))
    if name is not None:
        known = dict.fromkeys(one.provider.name for one in found)
        if name not in known:
            meant = closest(name, known)
            hint = f"; did you mean {meant}?" if meant else ""
            raise click.BadParameter(f"there is no provider {name}{hint}", param_hint="NAME")
        found = [one for one in found if one.provider.name == name]
    if shape == "json":
        click.echo(json.dumps([one.as_object() for one in found], indent=2, ensure_ascii=False))
    elif name is None:
        click.echo("\n\n".join(_listed(stage, list(each)) for stage, each in groupby(found, _stage)))
    else:
        click.echo("\n\n".join(map(_described, found)))


def _stage(one: Here) -> Stage:
    return one.provider.stage


def _used(project: Path, environment: str | None) -> Mapping[Stage, Mapping[str, Sequence[str]]]:
    """What the project there names, if there is one; what is wrong with it is for `validate` to say."""
    config = check_project(Project.at(project, environment), os.environ).config
    return {} if config is None else used(config)


def _listed(stage: Stage, found: Sequence[Here]) -> str:
    rows = [(one.provider.name, one.state, ", ".join(one.agents), one.provider.summary) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{TITLES[stage]} ({stage})"]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False) if width]
        lines.append(f"  {'  '.join((*cells, row[3]))}".rstrip())
    return "\n".join(lines)


def _described(one: Here) -> str:
    provider = one.provider
    keys = ", ".join(f"{name} ({'set' if is_set else 'not set'})" for name, is_set in one.keys.items())
    facts = {
        "state": one.state,
        "used by": ", ".join(one.agents),
        "keys": keys,
        "endpoint": f"{provider.endpoint} ({'set' if one.is_elsewhere else 'not set'})" if provider.endpoint else "",
        "install": install(provider),
        "names": ", ".join(provider.names),
        "page": provider.page,
    }
    lines = [f"{provider.name} ({provider.stage}): {provider.summary}"]
    lines += [f"  {name:<9} {value}" for name, value in facts.items() if value]
    lines.append("\noptions")
    for option in options(provider):
        default = f"; unsaid: {option.default}" if option.default else ""
        lines += [f"  {option.name}: {option.takes}{default}", f"      {option.says}"]
    return "\n".join([*lines, f"\n{example(provider).rstrip()}"])

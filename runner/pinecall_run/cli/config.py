"""``pinecall-run config``: a project as it is in an environment, and where each value comes from."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import click

from pinecall_run.cli._findings import show
from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.config.provenance import candidates, origins, parse_route
from pinecall_run.config.resolved import at, is_secret_at, resolved, shape_at
from pinecall_run.config.shape import dotted
from pinecall_run.config.values import is_null
from pinecall_run.live.environ import Environ
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project
from pinecall_run.resources import schema
from pinecall_run.source.diagnostic import Route, has_errors
from pinecall_run.source.document import Document
from pinecall_run.source.nodes import Node, Scalar
from pinecall_run.source.render import place
from pinecall_run.source.secrets import MASK
from pinecall_run.source.suggest import closest
from pinecall_run.source.writing import to_yaml

_VARIABLE = re.compile(r"\$\{(file:)?[^:?}]*\}")
"""A variable without a default, which would be a secret in the file itself."""


@click.group("config", invoke_without_command=True)
@project_option
@env_option
@click.option("--format", "shape", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.pass_context
def command(ctx: click.Context, project: Path, environment: str | None, shape: str) -> None:
    """Print the project as it is in an environment: variables have their values, secrets are masked."""
    ctx.default_map = {"why": {"project": project, "environment": environment}}
    if ctx.invoked_subcommand is not None:
        return
    checked = check_project(Project.at(project, environment), os.environ)
    show(checked)
    if has_errors(checked.diagnostics) or checked.document is None:
        sys.exit(1)
    values = _values(checked, checked.document)
    written = to_yaml(values) if shape == "yaml" else json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    click.echo(checked.secrets.hide(written).encode(), nl=False)


@command.command("why")
@click.argument("route")
@project_option
@click.option("--env", "environment", metavar="NAME", help="The environment of the project.")
def why(route: str, project: Path, environment: str | None) -> None:
    """Say where the value at ROUTE comes from, such as agents.support.voice, and what it overrides."""
    checked = check_project(Project.at(project, environment), os.environ)
    if checked.document is None or not checked.layers:
        show(checked)
        sys.exit(1)
    wanted = parse_route(route)
    if wanted is None:
        raise click.BadParameter(f"{route!r} is no route such as agents.support.channels[0].ref", param_hint="ROUTE")
    click.echo(checked.secrets.hide("\n\n".join(_explained(checked, checked.document, wanted))))


def _values(checked: Checked, document: Document) -> dict[str, object]:
    environ = Environ(os.environ, checked.project.root)
    values: dict[str, object] = resolved(document, schema("pinecall"), environ)
    return values


def _explained(checked: Checked, document: Document, route: Route) -> list[str]:
    values = _values(checked, document)
    found = origins(document, checked.layers, route)
    if not found:
        return [_unset(checked, document, route)]
    return [
        "\n".join(
            [
                f"{dotted(leaf.route)}: {_shown(at(values, leaf.route))}",
                *_places(leaf.node, leaf.overridden, leaf.route),
            ]
        )
        for leaf in found
    ]


def _places(node: Node, overridden: tuple[Node, ...], route: Route) -> list[str]:
    is_secret = is_secret_at(schema("pinecall"), route)
    lines = [f"  from {place(node.span)}{_as_written(node, is_secret)}"]
    return lines + [f"  over {place(below.span)}{_as_written(below, is_secret)}" for below in overridden]


def _as_written(node: Node, is_secret: bool) -> str:
    if not isinstance(node, Scalar):
        return ""
    is_shown = not is_secret or not node.text or _VARIABLE.fullmatch(node.text) is not None
    return f"  {_shown(node.text)}" if is_shown else f"  {MASK}"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _unset(checked: Checked, document: Document, route: Route) -> str:
    """What to say of a place where nothing is written, or where an environment took it away."""
    written = candidates(checked.layers, route)
    taken = [f"  {'taken away at' if is_null(node) else 'over'} {place(node.span)}" for node in written]
    values = _values(checked, document)
    default = shape_at(schema("pinecall"), route, values).default
    _check_route(document, route, values)
    told = (
        f"{dotted(route)}: {_shown(default)}\n  the default" if default is not None else f"{dotted(route)} is not set"
    )
    return "\n".join([told, *taken])


def _check_route(document: Document, route: Route, values: object) -> None:
    """Whether there could be something at a route.

    Raises:
        click.BadParameter: there could not.
    """
    for depth, step in enumerate(route):
        shape, node = shape_at(schema("pinecall"), route[:depth], values), document.node(route[:depth])
        if document.node(route[: depth + 1]) is not None or step in shape.keys:
            continue
        known = {*shape.keys, *document.keys(route[:depth])}
        meant = closest(str(step), known)
        help = f"; did you mean {dotted((*route[:depth], meant))}?" if meant else ""
        if node is None and shape.is_open:
            return
        raise click.BadParameter(f"there is no {dotted(route[: depth + 1])}{help}", param_hint="ROUTE")

"""``pinecall-run plan``: what ``run`` would change, before it does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from pinecall_run.cli._chat_client import find_server, get_json, http_address
from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.cli._session import load_or_exit
from pinecall_run.config.reloads import effects
from pinecall_run.deploy.changes import Change, Shape, changes, listed_shape, served_shapes, shapes
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.embedded import Server
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.protocol.registry import normal_ref
from pinecall_run.resources import schema

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Plan:
    revision: str
    against: str
    changes: list[Change]
    conflicts: list[str]


@click.command("plan")
@project_option
@env_option
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True),
    help="Another copy of the project, such as a worktree of main, in place of what the server runs.",
)
@click.option("--exit-code", is_flag=True, help="End with 0 when there is nothing to do, 2 when there are changes.")
@click.option("--format", "shape", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
def command(project: Path, environment: str | None, against: Path | None, exit_code: bool, shape: str) -> None:
    """Say what `run` would change against what the server runs now, and when each change takes effect."""
    checked, deployment = load_or_exit(Project.at(project, environment))
    if against is not None:
        found = _against_copy(checked, deployment, Project.at(against, environment))
    else:
        found = asyncio.run(_against_server(checked, deployment))
    click.echo(checked.secrets.hide(_FORMATS[shape](found)))
    if found.conflicts:
        sys.exit(1)
    if exit_code and found.changes:
        sys.exit(2)


def _against_copy(checked: Checked, deployment: Deployment, other: Project) -> _Plan:
    if checked.code is not None:
        checked.code.remove()  # the other's modules have the same names
    _, before = load_or_exit(other)
    found = changes(shapes(before), shapes(deployment), effects(schema("pinecall")))
    had, wanted = before.config.server, deployment.config.server
    if (had.url, had.api_key) != (wanted.url, wanted.api_key):
        found.insert(0, Change("server", "address or key", "restart"))
    for key in ("public_url", "ice_servers", "sip"):
        if getattr(had, key) != getattr(wanted, key):
            found.insert(0, Change("server", key, "restart"))
    if before.config.journal != deployment.config.journal:
        found.insert(0, Change("journal", "file", "restart"))
    return _Plan(deployment.revision, other.shown(other.file), found, [])


async def _against_server(checked: Checked, deployment: Deployment) -> _Plan:
    remote = deployment.config.server
    is_embedded = remote.url is None
    server = await find_server(checked.project.digest) if remote.url is None else Server(remote.url, remote.api_key)
    agents: list[Any] = []
    where = "nothing: no server runs this project"
    if server is not None:
        address = f"{http_address(server.url)}/api/sdk/agents?include_config=1"
        status, answer = await asyncio.to_thread(get_json, address, server.key, SECONDS)
        if status == 200 and isinstance(answer.get("agents"), list):
            agents, where = answer["agents"], f"the server at {server.url}"
        elif status:
            raise click.ClickException(f"{server.url} does not say what it runs: it answered {status}")
        else:
            where = f"nothing: {server.url} does not answer"
    listed = {str(agent["slug"]): agent for agent in agents}
    mine = {name: agent for name, agent in listed.items() if is_embedded or name in deployment.agents}
    before = {name: listed_shape(agent.get("config")) for name, agent in mine.items()}
    unknown = sorted(name for name, shape in before.items() if shape is None)
    if unknown:
        raise click.ClickException(f"{where} lists agents without their configuration; use --against DIR")
    had = {name: shape for name, shape in before.items() if shape is not None}
    after = served_shapes(deployment)
    others = {name: agent for name, agent in listed.items() if name not in mine}
    found = changes(had, after, effects(schema("pinecall")))
    return _Plan(deployment.revision, where, found, _conflicts(after, others))


def _conflicts(after: Mapping[str, Shape], others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Addresses that agents of somebody else have."""
    held = {
        (kind, normal_ref(kind, ref)): name
        for name, agent in others.items()
        for kind, channel in agent.get("channels", {}).items()
        for ref in channel["refs"]
    }
    return [
        f"{name}: {ref} is held by {held[kind, normal_ref(kind, ref)]}, which this project does not have"
        for name, shape in after.items()
        for kind, ref in shape.channels
        if ref and (kind, normal_ref(kind, ref)) in held
    ]


def _text(found: _Plan) -> str:
    lines = [f"revision {found.revision} against {found.against}"]
    lines += [f"  {change.agent}: {change.what} ({change.effect})" for change in found.changes]
    lines += [f"  conflict: {conflict}" for conflict in found.conflicts]
    return "\n".join(lines if len(lines) > 1 else [*lines, "  nothing to do"])


def _markdown(found: _Plan) -> str:
    lines = [f"**Plan** of revision `{found.revision}` against {found.against}", ""]
    if found.changes:
        lines += ["| agent | what changes | takes effect |", "|---|---|---|"]
        lines += [f"| {change.agent} | {change.what} | {change.effect} |" for change in found.changes]
    else:
        lines.append("Nothing to do.")
    if found.conflicts:
        lines += ["", *(f"* **conflict** {conflict}" for conflict in found.conflicts)]
    return "\n".join(lines)


def _json(found: _Plan) -> str:
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)


_FORMATS = {"text": _text, "markdown": _markdown, "json": _json}

"""``pinecall-run chat``: a typed conversation in the terminal, also from a pipe."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from pinecall_run.cli._chat_client import ChatClient, ChatError
from pinecall_run.cli._joining import joined
from pinecall_run.cli._log import Log
from pinecall_run.cli._pick import env_option, pick_agent, project_option
from pinecall_run.cli._session import load_or_exit
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.embedded import StartError
from pinecall_run.live.journal_file import JournalError
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import RefusedError


@click.command("chat")
@click.argument("agent", required=False)
@project_option
@env_option
def command(agent: str | None, project: Path, environment: str | None) -> None:
    """Talk to AGENT (default: the first). Joins the project when it is running, else runs it for this conversation."""
    checked, deployment = load_or_exit(Project.at(project, environment))
    chosen = pick_agent(agent, deployment.agents)
    try:
        asyncio.run(_chat(checked, deployment, chosen))
    except (ChatError, StartError, LifespanError, JournalError, RefusedError) as error:
        Log(to_stderr=True).sentence("not_started", str(error))
        sys.exit(4 if isinstance(error, RefusedError) else 1)


async def _chat(checked: Checked, deployment: Deployment, agent: str) -> None:
    async with joined(checked, deployment, agent) as server, ChatClient.connect(server, agent) as client:
        _introduce(deployment, agent)
        await client.converse()


def _introduce(deployment: Deployment, agent: str) -> None:
    script = deployment.agents[agent].config.script_file
    if sys.stdin.isatty():
        click.echo(f"{agent} listens. An empty line or Ctrl-D ends the conversation.")
    if script is not None:
        click.echo(f"(answers come from {script}, not from a language model)", err=True)

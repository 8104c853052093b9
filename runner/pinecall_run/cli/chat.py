"""``pinecall-run chat``: a typed conversation in the terminal, also from a pipe."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from pinecall_run.cli._chat_client import ChatClient
from pinecall_run.cli._joining import joined, scripted_note, sentence_or_exit
from pinecall_run.cli._pick import env_option, pick_agent, project_option
from pinecall_run.cli._session import load_or_exit
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project


@click.command("chat")
@click.argument("agent", required=False)
@project_option
@env_option
def command(agent: str | None, project: Path, environment: str | None) -> None:
    """Talk to AGENT (default: the first). Joins the project when it is running, else runs it for this conversation."""
    checked, deployment = load_or_exit(Project.at(project, environment))
    chosen = pick_agent(agent, deployment.agents)
    with sentence_or_exit():
        asyncio.run(_chat(checked, deployment, chosen))


async def _chat(checked: Checked, deployment: Deployment, agent: str) -> None:
    async with joined(checked, deployment, agent) as server, ChatClient.connect(server, agent) as client:
        _introduce(deployment, agent)
        await client.converse()


def _introduce(deployment: Deployment, agent: str) -> None:
    if sys.stdin.isatty():
        click.echo(f"{agent} listens. An empty line or Ctrl-D ends the conversation.")
    scripted_note(deployment, agent)

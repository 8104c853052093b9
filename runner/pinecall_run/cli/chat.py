"""``pinecall-run chat``: a typed conversation in the terminal, also from a pipe."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from pinecall_run.cli._chat_client import ChatClient, ChatError, find_server
from pinecall_run.cli._console import Console
from pinecall_run.cli._log import Log
from pinecall_run.cli._pick import env_option, pick_agent, project_option
from pinecall_run.cli._session import load_or_exit, make_runner
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live import notices
from pinecall_run.live.embedded import Server, StartError, server_of
from pinecall_run.live.journal_file import JournalError
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import RefusedError
from pinecall_run.live.settling import Settling

_QUIET = (notices.CallBegan, notices.CallOver, notices.ToolRan, notices.Draining)
"""What the conversation itself shows."""


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
    async with AsyncExitStack() as stack:
        server = await _running(checked, deployment, agent)
        if server is None:
            server = await _start(stack, checked, deployment, agent)
        client = await stack.enter_async_context(ChatClient.connect(server, agent))
        _introduce(deployment, agent)
        await client.converse()


async def _running(checked: Checked, deployment: Deployment, agent: str) -> Server | None:
    """The server on which the project already runs."""
    remote = deployment.config.server
    if remote.url is not None:
        server = Server(remote.url, remote.api_key)
        return server if await ChatClient.is_online(server, agent) else None
    return await find_server(checked.project.digest)


async def _start(stack: AsyncExitStack, checked: Checked, deployment: Deployment, agent: str) -> Server:
    server = await stack.enter_async_context(server_of(deployment.config, checked.project.digest, 0))
    console = Console(Log(to_stderr=True))

    def notify(notice: notices.Notice) -> None:
        of_another = isinstance(notice, notices.AgentRefused) and notice.agent != agent
        if not of_another and not isinstance(notice, _QUIET):
            console(notice)

    settling = Settling(deployment, notify)
    runner = make_runner(checked, deployment, server, settling)
    running = asyncio.create_task(runner.run())

    async def finish() -> None:
        await runner.drain(0)  # what hooks and tools have begun they may finish
        await asyncio.gather(running, return_exceptions=True)

    stack.push_async_callback(finish)
    settled = asyncio.create_task(settling.wait())
    await asyncio.wait([running, settled], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        settled.cancel()
        running.result()
    if agent in settling.refused:
        raise ChatError(f"the voice server refused {agent}")
    return server


def _introduce(deployment: Deployment, agent: str) -> None:
    script = deployment.agents[agent].config.script_file
    if sys.stdin.isatty():
        click.echo(f"{agent} listens. An empty line or Ctrl-D ends the conversation.")
    if script is not None:
        click.echo(f"(answers come from {script}, not from a language model)", err=True)

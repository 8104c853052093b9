"""The server on which a project runs: joined where it runs already, else started for one conversation."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

import click

from pinecall_run.cli._chat_client import ChatError, find_server, is_online
from pinecall_run.cli._console import Console
from pinecall_run.cli._log import Log
from pinecall_run.cli._session import make_runner
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live import notices
from pinecall_run.live.embedded import Server, StartError, server_of
from pinecall_run.live.journal_file import JournalError
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.load import Checked
from pinecall_run.live.runner import RefusedError
from pinecall_run.live.settling import Settling

_QUIET = (notices.CallBegan, notices.CallOver, notices.ToolRan, notices.Draining)
"""What the conversation itself shows."""


@contextmanager
def sentence_or_exit() -> Iterator[None]:
    """Whatever keeps a conversation from coming about is one sentence, and an exit code."""
    try:
        yield
    except (ChatError, StartError, LifespanError, JournalError, RefusedError) as error:
        Log(to_stderr=True).sentence("not_started", str(error))
        sys.exit(4 if isinstance(error, RefusedError) else 1)


@asynccontextmanager
async def joined(checked: Checked, deployment: Deployment, agent: str) -> AsyncIterator[Server]:
    """A server that has an agent of a project, for as long as the block lasts.

    Raises:
        ChatError: the server refused the agent.
        StartError: the embedded server did not come up.
    """
    async with AsyncExitStack() as stack:
        server = await _running(checked, deployment, agent)
        yield server if server is not None else await _start(stack, checked, deployment, agent)


def scripted_note(deployment: Deployment, agent: str) -> None:
    """Say so where no language model answers."""
    script = deployment.agents[agent].config.script_file
    if script is not None:
        click.echo(f"(answers come from {script}, not from a language model)", err=True)


async def _running(checked: Checked, deployment: Deployment, agent: str) -> Server | None:
    """The server on which the project already runs."""
    remote = deployment.config.server
    if remote.url is not None:
        server = Server(remote.url, remote.api_key)
        return server if await is_online(server, agent) else None
    return await find_server(checked.project.digest)


async def _start(stack: AsyncExitStack, checked: Checked, deployment: Deployment, agent: str) -> Server:
    # A conversation from the terminal takes nobody's telephone calls.
    quiet = replace(deployment.config, server=replace(deployment.config.server, sip={}))
    server = await stack.enter_async_context(server_of(quiet, checked.project.digest, 0))
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

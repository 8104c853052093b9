"""``pinecall-run run``: the agents of a project on a voice server, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click
from importlib_metadata import version

from pinecall_run.cli._console import Console, banner
from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.cli._session import load_or_exit, make_runner, on_signals
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.embedded import StartError, server_of
from pinecall_run.live.journal_file import JournalError
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import DRAIN_SECONDS, RefusedError, Runner
from pinecall_run.live.settling import Settling


@click.command("run")
@project_option
@env_option
@click.option("--port", type=int, help="Port of the embedded voice server (default: 7420 or the next free one).")
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=DRAIN_SECONDS,
    show_default=True,
    help="On SIGTERM, how long live calls may go on.",
)
@click.option("--show-content", is_flag=True, help="Show what is said and what tools are given: for development.")
def command(project: Path, environment: str | None, port: int | None, drain_seconds: float, show_content: bool) -> None:
    """Start the agents of a project."""
    checked, deployment = load_or_exit(Project.at(project, environment))
    console = Console(show_content=show_content)
    try:
        asyncio.run(_run(checked, deployment, port, drain_seconds, console))
    except RefusedError as error:
        click.echo(f"pinecall-run: {error}", err=True)
        sys.exit(4)
    except (StartError, LifespanError, JournalError) as error:
        click.echo(f"pinecall-run: {error}", err=True)
        sys.exit(1)


async def _run(
    checked: Checked, deployment: Deployment, port: int | None, drain_seconds: float, console: Console
) -> None:
    stopping, draining = asyncio.Event(), asyncio.Event()
    on_signals(stopping.set, draining.set)
    async with server_of(deployment.config, checked.project.digest, port) as server:
        settling = Settling(deployment, console)
        runner = make_runner(checked, deployment, server, settling)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, runner.reload_if_it_can)
        running = asyncio.create_task(runner.run())
        waiting = asyncio.create_task(stopping.wait())
        ending = asyncio.create_task(_drain(runner, draining, drain_seconds))
        greeting = asyncio.create_task(_greet(settling, checked, deployment, server.url))
        try:
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            runner.stop()
            for task in (waiting, ending, greeting):
                task.cancel()
            await asyncio.gather(waiting, ending, greeting, return_exceptions=True)
        await running


async def _drain(runner: Runner, asked: asyncio.Event, seconds: float) -> None:
    await asked.wait()
    await runner.drain(seconds)


async def _greet(settling: Settling, checked: Checked, deployment: Deployment, url: str) -> None:
    await settling.wait()
    is_embedded = deployment.config.server.url is None
    server = f"embedded, {url}" if is_embedded else url
    page = f"{url}/" if is_embedded else None
    environment = checked.project.environment
    click.echo(banner(deployment, environment, server, page, settling.unserved, version("pinecall-run")))

"""``pinecall-run run``: the agents of a project on a voice server, until Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from importlib_metadata import version

from pinecall_run.cli._console import Console
from pinecall_run.cli._log import Format, Log, log_format_option, log_modules_to
from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.cli._session import HangUp, load_or_exit, make_runner, on_signals
from pinecall_run.cli._telemetry import Telemetry
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.embedded import StartError, server_of
from pinecall_run.live.journal_file import JournalError
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import DRAIN_SECONDS, RefusedError, Runner
from pinecall_run.live.settling import Settling


@dataclass(frozen=True, slots=True)
class Options:
    """How a project is run."""

    port: int | None
    drain_seconds: float
    log_format: Format
    show_content: bool
    metrics_port: int | None
    metrics_host: str


@click.command("run")
@project_option
@env_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of the embedded voice server (default: 7420 or the next free one).",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=DRAIN_SECONDS,
    show_default=True,
    help="On SIGTERM, how long live calls may go on.",
)
@log_format_option
@click.option("--show-content", is_flag=True, help="Show what is said and what tools are given: for development.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Answer /metrics, /-/healthy and /-/ready on this port; 0 takes any (default: on none).",
)
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address for --metrics-port.")
def command(project: Path, environment: str | None, **options: Any) -> None:
    """Start the agents of a project."""
    chosen = Options(**options)
    log = Log(chosen.log_format)
    log_modules_to(log, "pinecall_run")
    checked, deployment = load_or_exit(Project.at(project, environment), log)
    try:
        asyncio.run(_run(checked, deployment, chosen, log))
    except RefusedError as error:
        log.sentence("refused", str(error))
        sys.exit(4)
    except (StartError, LifespanError, JournalError) as error:
        log.sentence("not_started", str(error))
        sys.exit(1)


async def _run(checked: Checked, deployment: Deployment, options: Options, log: Log) -> None:
    stopping, draining = asyncio.Event(), asyncio.Event()
    on_signals(stopping.set, draining.set)
    hang_up = HangUp(stopping.set)
    console = Console(log, revision=deployment.revision, show_content=options.show_content)
    async with AsyncExitStack() as stack:
        telemetry = Telemetry(deployment, log)
        probed = await stack.enter_async_context(telemetry.served(options.metrics_host, options.metrics_port))
        await stack.enter_async_context(telemetry.traced())
        digest = checked.project.digest
        served = server_of(deployment.config, digest, options.port, options.log_format, folder=checked.project.root)
        server = await stack.enter_async_context(served)
        settling = Settling(deployment, console)
        telemetry.add(settling)
        telemetry.runner = runner = make_runner(checked, deployment, server, telemetry)
        hang_up.reload = runner.reload_soon
        places = _places(deployment, server.url, probed)
        running = asyncio.create_task(runner.run())
        besides = [
            asyncio.create_task(stopping.wait()),
            asyncio.create_task(_drain(runner, draining, options.drain_seconds)),
            asyncio.create_task(_greet(settling, checked, deployment, places, console)),
        ]
        try:
            await asyncio.wait([running, besides[0]], return_when=asyncio.FIRST_COMPLETED)
        finally:
            runner.stop()
            for task in besides:
                task.cancel()
            await asyncio.gather(*besides, return_exceptions=True)
        await running


async def _drain(runner: Runner, asked: asyncio.Event, seconds: float) -> None:
    await asked.wait()
    await runner.drain(seconds)


def _places(deployment: Deployment, url: str, probed: str | None) -> dict[str, str]:
    is_embedded = deployment.config.server.url is None
    places = {"server": f"embedded, {url}", "page": f"{url}/"} if is_embedded else {"server": url}
    return places | ({"metrics": f"{probed}/metrics"} if probed is not None else {})


async def _greet(
    settling: Settling, checked: Checked, deployment: Deployment, places: dict[str, str], console: Console
) -> None:
    await settling.wait()
    console.greet(deployment, checked.project.environment, places, settling, version("pinecall-run"))

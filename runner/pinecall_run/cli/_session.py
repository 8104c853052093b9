"""A project loaded, a server found or started, and a runner on it: what ``run`` and ``chat`` share."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pinecall_run.cli._embedded import Server, embedded_server
from pinecall_run.cli._findings import show
from pinecall_run.cli._log import Log
from pinecall_run.config.model import Config
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live import notices
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import Runner, load
from pinecall_run.source.diagnostic import Severity, in_order
from pinecall_run.source.formats import finding_object
from pinecall_run.source.render import concise

SETTLE_SECONDS = 5.0
"""How long to wait for a server to answer every registration before going on without."""


def load_or_exit(project: Project, log: Log | None = None) -> tuple[Checked, Deployment]:
    """The project, checked and bound; findings are printed, and errors end the program with exit code 1."""
    sys.dont_write_bytecode = True  # a program that runs a project leaves nothing in its folder
    checked, deployment = load(project, os.environ)
    if log is not None and log.is_json:
        _log_findings(checked, log)
    else:
        show(checked)
    if deployment is None:
        sys.exit(1)
    return checked, deployment


def _log_findings(checked: Checked, log: Log) -> None:
    for finding in in_order(checked.secrets.hide_in(checked.diagnostics)):
        if finding.severity is not Severity.INFO:  # as show() has it
            fields = {"finding": finding_object(finding)}
            log.write(finding.severity.value, "finding", concise(finding), fields)


@asynccontextmanager
async def server_of(config: Config, project: str, port: int | None, log: Log | None = None) -> AsyncIterator[Server]:
    """The voice server that a configuration names, started if it is the embedded one, which logs as ``log`` does.

    Raises:
        StartError: it did not come up.
    """
    if config.server.url is not None:
        yield Server(config.server.url, config.server.api_key)
    else:
        async with embedded_server(project, port, "json" if log is not None and log.is_json else "text") as server:
            yield server


class Settling:
    """Knows from a runner's notices when every agent and channel was answered."""

    def __init__(self, deployment: Deployment, then: Callable[[notices.Notice], None]) -> None:
        self.unserved: dict[str, list[str]] = {}
        self.refused: list[str] = []
        self.done = asyncio.Event()
        self._then = then
        self._channels = {name: len(r.channels) for name, r in deployment.registrations.items()}

    def __call__(self, notice: notices.Notice) -> None:
        """Take note, and pass it on."""
        match notice:
            case notices.ChannelUp(agent, type, ref, served):
                self._channels[agent] = self._channels.get(agent, 0) - 1
                if not served:
                    self.unserved.setdefault(agent, []).append(ref or type)
            case notices.ChannelRefused(agent):
                self._channels[agent] = self._channels.get(agent, 0) - 1
            case notices.AgentRefused(agent, _, None):
                self.refused.append(agent)
                self._channels[agent] = 0
        if all(left <= 0 for left in self._channels.values()):
            self.done.set()
        self._then(notice)

    async def wait(self) -> None:
        """Until everything was answered, or long enough."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.done.wait()
        except TimeoutError:
            return


def make_runner(
    checked: Checked, deployment: Deployment, server: Server, notify: Callable[[notices.Notice], None]
) -> Runner:
    """A runner for a project on a server."""
    return Runner(checked, deployment, url=server.url, api_key=server.key, notify=notify, environ=os.environ)


def on_signals(stop: Callable[[], None], end: Callable[[], None]) -> None:
    """Call ``stop`` on SIGINT and ``end`` on SIGTERM; on the second signal ``stop``, whichever it is."""
    loop = asyncio.get_running_loop()
    has_ended = False

    def on_term() -> None:
        nonlocal has_ended
        (stop if has_ended else end)()
        has_ended = True

    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGTERM, on_term)

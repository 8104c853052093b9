"""A project loaded, and a runner on its server: what ``run`` and ``chat`` share."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from pinecall_run.cli._findings import show
from pinecall_run.cli._log import Log
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live import notices
from pinecall_run.live.bind import load
from pinecall_run.live.embedded import Server
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import Runner
from pinecall_run.source.diagnostic import Severity, in_order
from pinecall_run.source.formats import finding_object
from pinecall_run.source.render import concise


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


class HangUp:
    """What SIGHUP means: reload, unless the terminal that the program was started in is gone. While it starts there is
    nothing to reload yet."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.reload: Callable[[], object] = lambda: None
        self._stop = stop
        self._had_terminal = _has_terminal()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._on_signal)

    def _on_signal(self) -> None:
        if self._had_terminal and not _has_terminal():
            self._stop()
        else:
            self.reload()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True

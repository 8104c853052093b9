"""What watches a runner beside the log: readiness, metrics and traces, and the port that tells the first two."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from importlib_metadata import version

from pinecall_run.cli._log import Log
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live import notices
from pinecall_run.live.embedded import StartError
from pinecall_run.live.runner import Runner
from pinecall_run.telemetry.endpoint import Answer, Endpoint, Page, Scrape, bound, probes
from pinecall_run.telemetry.readiness import Readiness

if TYPE_CHECKING:
    from pinecall_run.telemetry.tracing import Tracing

_LOG = logging.getLogger("pinecall_run.cli")

NO_METRICS = "metrics need prometheus_client, which `pip install 'pinecall-run[metrics]'` brings; probes are answered"


class Telemetry:
    """Passes each notice on to all who watch. ``runner`` is known later than what watches it is made."""

    def __init__(self, deployment: Deployment, log: Log) -> None:
        self.runner: Runner | None = None
        self.readiness = Readiness(self._wanted)
        self._deployment = deployment
        self._log = log
        self._watchers: list[Callable[[notices.Notice], None]] = [self.readiness]

    def add(self, watcher: Callable[[notices.Notice], None]) -> None:
        """Have somebody more watch."""
        self._watchers.append(watcher)

    def __call__(self, notice: notices.Notice) -> None:
        """Tell everybody, whatever becomes of the others."""
        for watcher in self._watchers:
            try:
                watcher(notice)
            except Exception as error:  # noqa: BLE001 - as it says
                _LOG.error("a notice %s could not be told: %s", type(notice).__name__, type(error).__name__)

    @asynccontextmanager
    async def served(self, host: str, port: int | None) -> AsyncIterator[str | None]:
        """Tell probes and scrapers on a port, if one is given; its address.

        Raises:
            StartError: the port is not free.
        """
        if port is None:
            yield None
            return
        try:
            listening = bound(host, port)
        except OSError as error:
            raise StartError(f"cannot listen on {host}:{port} for metrics: {error.strerror or error}") from error
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        async with Endpoint(listening, {"/metrics": self._scrape(), **probes(self.readiness)}):
            yield address

    @asynccontextmanager
    async def traced(self) -> AsyncIterator[None]:
        """Trace calls, where OpenTelemetry is installed."""
        tracing = _tracing()
        if tracing is None:
            yield
            return
        self.add(tracing)
        try:
            yield
        finally:
            tracing.close()

    def _scrape(self) -> Answer:
        try:
            from pinecall_run.telemetry.metrics import CONTENT_TYPE, Metrics
        except ModuleNotFoundError as error:
            if not _is_of(error, "prometheus_client"):
                raise
            self._log.write("warning", "no_metrics", NO_METRICS, {})
            return _no_metrics
        metrics = Metrics(self._deployment.revision, registered=self.readiness.count, waiting=self._waiting)
        self.add(metrics)
        return Scrape(metrics.text, CONTENT_TYPE)

    def _wanted(self) -> Collection[str]:
        return (self.runner.deployment if self.runner is not None else self._deployment).agents

    def _waiting(self) -> int:
        return self.runner.waiting_answers if self.runner is not None else 0


def _tracing() -> Tracing | None:
    try:
        from pinecall_run.telemetry.tracing import Tracing
    except ModuleNotFoundError as error:
        if not _is_of(error, "opentelemetry"):
            raise
        return None
    return Tracing(version("pinecall-run"))


async def _no_metrics() -> Page:
    return Page.of(501, NO_METRICS)


def _is_of(error: ModuleNotFoundError, package: str) -> bool:
    return (error.name or "").split(".")[0] == package

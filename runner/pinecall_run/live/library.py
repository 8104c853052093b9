"""A runner inside somebody else's process: beside a web application, in a script, in a test."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pinecall_run.config.model import Server as ServerConfig
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.link.link import Opener, open_socket
from pinecall_run.live import notices, runner
from pinecall_run.live.bind import load
from pinecall_run.live.broadcast import Broadcast, Events
from pinecall_run.live.dialing import DIAL_SECONDS
from pinecall_run.live.embedded import server_of
from pinecall_run.live.journal_file import JournalError
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.runner import DRAIN_SECONDS, RefusedError
from pinecall_run.live.settling import Settling
from pinecall_run.source.diagnostic import Severity
from pinecall_run.source.render import report
from pinecall_run.tools.call import Call
from pinecall_run.wire import call_commands
from pinecall_run.wire.absent import UNSET

_LOG = logging.getLogger("pinecall_run")

T = TypeVar("T")

ENVIRONMENT = "PINECALL_ENV"


class ProjectError(Exception):
    """A project has errors; the message is its errors and warnings as ``pinecall-run validate`` prints them."""


class Runner:
    """The agents of a project on a voice server, for as long as a context lasts::

        async with Runner("pinecall.yaml") as runner:
            ...

    It lives in the event loop of whoever enters it. It installs no signal handlers, configures no logging, changes no
    working directory and never ends the process. The project's folder becomes importable, as on the command line.

    Args:
        project: a folder, a configuration file, or a :class:`Project`.
        environment: the environment of the project; by default ``$PINECALL_ENV``.
        url, api_key: another voice server than the project's, and its key. Without any server the embedded one is
            started as a child process, and ends with the context.
        watch: whether an edit of the project makes it reload.
        drain_seconds: how long live calls may go on when the context is left; by default they are cut off.
        environ: what the project's variables are replaced from; by default the variables of the process.
        opener, clock: the network and the time (monotonic seconds) that it lives in; tests bring their own.
    """

    def __init__(
        self,
        project: Project | str | os.PathLike[str],
        *,
        environment: str | None = None,
        url: str | None = None,
        api_key: str | None = None,
        watch: bool = True,
        drain_seconds: float | None = None,
        environ: Mapping[str, str] | None = None,
        opener: Opener = open_socket,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        if not isinstance(project, Project):
            project = Project.at(Path(project), environment or self.environ.get(ENVIRONMENT) or None)
        elif environment is not None:
            project = replace(project, environment=environment)
        self.project = project
        self.is_connected = False
        """Whether the server has accepted the key of this connection, and answers; for a health check."""
        self.url = ""
        """The voice server's address, known once the context is entered; the embedded one serves its page there."""
        self._url, self._api_key = url, api_key
        self._watches = watch
        self._drain_seconds = drain_seconds
        self._opener, self._clock = opener, clock
        self._broadcast = Broadcast()
        self._stack = AsyncExitStack()
        self._core: runner.Runner | None = None
        self._running: asyncio.Task[None] | None = None
        self._refused: Checked | None = None
        self._rejected = ""
        self._is_told = True
        """Whether whoever uses it knows that it failed, if it did; at the start it is raised."""

    # its life

    async def __aenter__(self) -> Self:
        """Load the project, connect, and register its agents; a server that cannot be reached is tried again and again
        after a few seconds of waiting.

        Raises:
            ProjectError: the project has errors.
            StartError: the embedded voice server did not start.
            LifespanError: the project's lifespan cannot be entered.
            JournalError: the project's journal cannot be used.
            RefusedError: the key is wrong, or another process has the agents.
        """
        if self._core is not None:
            raise RuntimeError("a runner runs once; make another one")
        checked, deployment = self._loaded()
        try:
            await self._start(checked, deployment)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, after draining if that was asked for.

        Raises:
            RefusedError: it had ended by itself, and the block did not fail for that or another reason.
        """
        try:
            if self._drain_seconds is not None and kind is None:
                await self.drain(self._drain_seconds)
        finally:
            await self._stack.aclose()
        running = self._running
        if kind is None and running is not None and not (self._is_told or running.cancelled()):
            running.result()

    async def wait(self) -> None:
        """Wait until it ends: because it was drained, or the context is left, or the server will not have it any more.

        Raises:
            RefusedError: the key was revoked, or another process took the agents over.
        """
        running = _entered(self._running)
        try:
            await asyncio.shield(running)
        finally:
            self._is_told = running.done()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Take no new calls, and end once the live ones have, at the latest after ``seconds``."""
        running = _entered(self._running)
        if not running.done():
            await _entered(self._core).drain(seconds)
            await asyncio.wait([running])

    async def reload(self) -> None:
        """Load the project anew and make it live. Live calls keep what they began with.

        Raises:
            ProjectError: the project has errors; what ran before goes on.
            RefusedError: the server did not take it, or its lifespan failed; what ran before goes on.
        """
        self._refused, self._rejected = None, ""
        if await _entered(self._core).reload():
            return
        if self._refused is not None:
            raise ProjectError(_findings(self._refused))
        raise RefusedError(self._rejected or "its files changed while they were read, or the runner is about to end")

    # what goes on

    @property
    def revision(self) -> str:
        """The content hash of what new calls get."""
        return _entered(self._core).deployment.revision

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of the agents, in the order of the configuration."""
        return tuple(_entered(self._core).deployment.agents)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The live calls, the oldest first."""
        return tuple(_entered(self._core).calls)

    def events(self) -> Events:
        """What happens from now on, as values of :mod:`pinecall_run.notices`. Every reader has its own, and loses the
        oldest when it is slow (see :class:`pinecall_run.live.broadcast.Events`)."""
        return self._broadcast.reader()

    async def dial(
        self,
        agent: str,
        *,
        to: str,
        from_: str | None = None,
        greeting: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        detect_turn_end: bool = False,
        timeout: float = DIAL_SECONDS,
    ) -> Call:
        """Have an agent call the number ``to``, and wait until somebody answers.

        Args:
            from_: the number to call from; by default the agent's first phone channel.
            greeting: said when somebody answers, in place of the agent's.
            metadata: what ``call.metadata`` will hold.
            config: keys of an agent, as the server knows them, for this call only.
            detect_turn_end: whether the greeting waits until the other side has said something.
            timeout: seconds until it is given up. The server may go on ringing: the protocol cannot take a dial back.

        Raises:
            DialError: nobody answered, or the server does not place the call.
        """
        return await _entered(self._core).dialer.place(
            agent,
            to,
            from_=from_,
            greeting=greeting,
            metadata=metadata,
            config=config,
            detect_turn_end=detect_turn_end,
            timeout=timeout,
        )

    # a human in an agent's place, on WhatsApp

    def pause(self, agent: str, *, call: str | None = None, contact: str | None = None) -> bool:
        """Have an agent's model say nothing until :meth:`resume`: in the conversation of an id, in those with a person
        of a number, or with neither in all. Whether that went out: it does not where there is no connection."""
        return _entered(self._core).send(call_commands.SessionPause(**_scope(agent, call, contact)))

    def resume(self, agent: str, *, call: str | None = None, contact: str | None = None) -> bool:
        """Have the model answer again. With neither it answers wherever it was paused; else name what was paused."""
        return _entered(self._core).send(call_commands.SessionResume(**_scope(agent, call, contact)))

    def send(self, agent: str, text: str, *, call: str | None = None, contact: str | None = None) -> bool:
        """Say something as a human: in a conversation, or to somebody whose conversation is over. The model knows of it
        as of an answer of its own."""
        return _entered(self._core).send(call_commands.SessionSend(text=text, **_scope(agent, call, contact)))

    # inner life

    def load(self) -> tuple[Checked, Deployment | None]:
        """The project, checked and bound."""
        return load(self.project, self.environ)

    def _loaded(self) -> tuple[Checked, Deployment]:
        checked, deployment = self.load()
        if deployment is None:
            raise ProjectError(_findings(checked))
        if findings := _findings(checked):
            _LOG.warning("%s", findings)
        return checked, deployment

    async def _start(self, checked: Checked, deployment: Deployment) -> None:
        config = replace(deployment.config, server=self._server(deployment.config.server))
        server = await self._stack.enter_async_context(
            server_of(config, self.project.digest, None, folder=self.project.root)
        )
        self.url = server.url
        settling = Settling(deployment, self._tell)
        core = self._core = runner.Runner(
            checked,
            deployment,
            url=server.url,
            api_key=server.key,
            notify=settling,
            environ=self.environ,
            watches=self._watches,
            opener=self._opener,
            clock=self._clock,
        )
        running = self._running = asyncio.create_task(core.run(), name="pinecall-run")
        running.add_done_callback(self._ended)
        self._stack.push_async_callback(self._stop)
        settled = asyncio.create_task(settling.wait())
        try:
            await asyncio.wait([running, settled], return_when=asyncio.FIRST_COMPLETED)
        finally:
            settled.cancel()
        if running.done():
            running.result()
        self._is_told = False

    def _server(self, own: ServerConfig) -> ServerConfig:
        if self._url is not None:  # a key is for one server: the project's is not shown to another
            return ServerConfig(self._url, self._api_key or "")
        return own if self._api_key is None else replace(own, api_key=self._api_key)

    async def _stop(self) -> None:
        if self._core is not None and self._running is not None:
            self._core.stop()
            await asyncio.wait([self._running])

    def _ended(self, running: asyncio.Task[None]) -> None:
        error = None if running.cancelled() else running.exception()
        self.is_connected = False
        if error is not None:
            reason = (
                str(error)
                if isinstance(error, RefusedError | LifespanError | JournalError)
                else f"it broke with {type(error).__name__}"
            )
            if not self._is_told:
                _LOG.error("the runner of %s ended: %s", self.project.shown(self.project.file), reason)
        else:
            reason = ""
        self._broadcast.tell(notices.Stopped(reason))
        self._broadcast.end()

    def _tell(self, notice: notices.Notice) -> None:
        match notice:
            case notices.Connected():
                self.is_connected = True
            case notices.Disconnected():
                self.is_connected = False
            case notices.ReloadRefused(checked):
                self._refused = checked
            case notices.ReloadRejected(refusals):
                self._rejected = "; ".join(f"{agent}: {reason}" for agent, reason in refusals)
            case notices.ReloadFailed(reason):
                self._rejected = reason
        self._broadcast.tell(notice)


def _entered(what: T | None) -> T:
    if what is None:
        raise RuntimeError("the runner does not run yet: `async with` enters it")
    return what


def _scope(agent: str, call: str | None, contact: str | None) -> dict[str, Any]:
    return {
        "agent_id": agent,
        "session_id": UNSET if call is None else call,
        "contact": UNSET if contact is None else contact,
    }


def _findings(checked: Checked) -> str:
    findings = [finding for finding in checked.diagnostics if finding.severity is not Severity.INFO]
    return report(findings, checked.lines, secrets=checked.secrets)

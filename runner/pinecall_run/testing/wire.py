"""A voice server that says what a test has it say, frame by frame: for the edges of the protocol."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pinecall_run.live.library import Runner
from pinecall_run.live.project import Project
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.network import MemorySocket, Network
from pinecall_run.testing.script import Step, differences, read_script
from pinecall_run.testing.staging import ADDRESS, KEY, Fakes, StagedRunner
from pinecall_run.wire.codec import to_json

WITHIN_SECONDS = 60.0
QUIET_SECONDS = 0.01
"""What does not come within this was not sent: everything that is ready to run has run by then."""

_REGISTRATION = {"agent.create": "agent.created", "channel.add": "channel.added"}
_HIDDEN = frozenset(("connect", "ping", "pong", *_REGISTRATION))


class ScriptedServer:
    """The server's end of a wire, played by a test. It lets runners in, registers what they ask for, and answers pings
    by itself, also after a reconnect; none of that is part of a script.
    """

    runner: Runner

    def __init__(self, **defaults: Any) -> None:
        self.network = Network(self._accept)
        """What breaks the connection: ``cut()``, and ``is_down``."""
        self.registered: dict[str, dict[str, Any]] = {}
        """The ``agent.create`` of every agent, as it came last."""
        self.connections = 0
        """How often a runner has connected."""
        self._defaults = defaults
        self._socket: MemorySocket | None = None
        self._frames: deque[dict[str, Any]] = deque()
        self._news = asyncio.Event()

    @property
    def address(self) -> dict[str, Any]:
        """What a :class:`pinecall_run.Runner` of one's own is given to connect here: ``Runner(project,
        **server.address)``, in the running event loop and by its clock."""
        clock = asyncio.get_running_loop().time
        return {"url": ADDRESS, "api_key": KEY, "opener": self.network.open, "clock": clock, "watch": False}

    async def play(self, script: str) -> None:
        """Play a script (see :mod:`pinecall_run.testing.script`); nothing may come but what it expects.

        Raises:
            Unexpected: something else came, or nothing did.
            ScriptError: the script cannot be read.
        """
        for step in read_script(script):
            try:
                await self._play(step)
            except Unexpected as problem:
                raise Unexpected(f"line {step.line} of the script, `{step.text}`: {problem}") from None
        try:
            await self.quiet()
        except Unexpected as problem:
            raise Unexpected(f"after the script: {problem}") from None

    async def send(self, event: str, **fields: Any) -> None:
        """Send a frame."""
        if self._socket is None:
            raise Unexpected("there is no connection to send it over; let time pass until the runner is back")
        self._socket.send(to_json({"event": event, **self._defaults, **fields}))

    async def expect(self, event: str, *, within: float = WITHIN_SECONDS, **fields: Any) -> dict[str, Any]:
        """The next frame, which must be of this name and have these fields among its own.

        Raises:
            Unexpected: it is another one, or none came within so many seconds.
        """
        try:
            async with asyncio.timeout(within):
                while not self._frames:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Unexpected(f"{event} was expected, and nothing came within {within:g} s") from None
        frame = self._frames.popleft()
        if frame["event"] != event:
            raise Unexpected(f"{event} was expected, and {_shown(frame)} came")
        if wrong := list(differences(fields, frame)):
            raise Unexpected(f"{'; '.join(wrong)}, in {_shown(frame)}")
        return frame

    async def quiet(self) -> None:
        """Nothing more has come.

        Raises:
            Unexpected: something has.
        """
        await asyncio.sleep(QUIET_SECONDS)
        if self._frames:
            raise Unexpected(f"{_shown(self._frames[0])} came, which nothing expects")

    async def _play(self, step: Step) -> None:
        if step.arrow == ">":
            await self.expect(step.event, **step.fields)
            return
        await self.quiet()
        match step.arrow:
            case "<":
                await self.send(step.event, **step.fields)
            case ".":
                await asyncio.sleep(step.seconds)
            case "x":
                self.network.cut()

    # the server's end of a connection

    def _accept(self, socket: MemorySocket) -> ScriptedServer:
        self._socket = socket
        self.connections += 1
        return self

    def received(self, message: str) -> None:
        """See :class:`pinecall_run.testing.network.ServerEnd`."""
        frame = json.loads(message)
        event = frame["event"]
        if event in _HIDDEN:
            self._answer(event, frame)
            return
        self._frames.append(frame)
        self._news.set()

    def lost(self) -> None:
        """See :class:`pinecall_run.testing.network.ServerEnd`."""
        self._socket = None

    def _answer(self, event: str, frame: dict[str, Any]) -> None:
        assert self._socket is not None
        match event:
            case "connect":
                self._socket.send(to_json({"event": "connected"}))
            case "ping":
                self._socket.send(to_json({"event": "pong"}))
            case "agent.create" | "channel.add":
                if event == "agent.create":
                    self.registered[frame["agent_id"]] = frame
                echoed = {key: frame[key] for key in ("agent_id", "type", "ref") if key in frame}
                self._socket.send(to_json({"event": _REGISTRATION[event], **echoed}))


@asynccontextmanager
async def scripted_server(
    project: Project | str | os.PathLike[str],
    *,
    tools: Fakes | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    **defaults: Any,
) -> AsyncIterator[ScriptedServer]:
    """A project's runner, registered on a voice server that a test plays; ``server.runner`` is the runner.

    Args:
        tools, environment, environ: see :func:`pinecall_run.testing.running`.
        defaults: fields of every frame that the server sends, such as ``agent_id`` and ``call_id``.

    Raises:
        ProjectError: the project has errors.
    """
    server = ScriptedServer(**defaults)
    server.runner = StagedRunner(project, server.network, tools=tools, environment=environment, environ=environ)
    async with server.runner:
        yield server


def _shown(frame: Mapping[str, Any]) -> str:
    fields = {key: value for key, value in frame.items() if key != "event"}
    return f"{frame['event']} {json.dumps(fields, ensure_ascii=False)}"

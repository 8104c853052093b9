"""A project that runs for a test, on the embedded voice server in the same event loop."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pinecall_run.live import notices
from pinecall_run.live.library import Runner
from pinecall_run.live.project import Project
from pinecall_run.protocol.outputs import Shut, Transmit
from pinecall_run.providers.catalogue import open_model
from pinecall_run.providers.contracts import LanguageModel, ModelSpec
from pinecall_run.source.suggest import closest, listed
from pinecall_run.testing.chat import Chat, settle
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.network import MemorySocket, Network
from pinecall_run.testing.staging import KEY, Fakes, StagedRunner
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.tokens import TokenMint

Rules = Sequence[Mapping[str, Any]] | Mapping[str, Any]
"""A model for a test: the rules of a script (docs/scripts.md), or a whole script with ``rules`` and ``otherwise``. A
rule without ``when`` matches everything; one without ``reply`` says nothing."""


class Stage:
    """A project that runs on a voice server in the same event loop."""

    def __init__(self, runner: Runner, hub: Hub, network: Network) -> None:
        self.runner = runner
        self.network = network
        """What breaks the connection between the two: ``cut()``, and ``is_down``."""
        self.hub = hub
        self.troubles: list[str] = []
        """What the server or the runner complained about."""
        self.refusals: dict[str, str] = {}
        """Why the server did not take an agent."""

    @asynccontextmanager
    async def chat(self, agent: str | None = None, *, metadata: Mapping[str, Any] | None = None) -> AsyncIterator[Chat]:
        """A conversation with an agent, by default the first. ``metadata`` is what the session's opener attaches.

        Raises:
            Unexpected: there is no such agent, or the server did not take it.
        """
        agents = list(self.runner.agents)
        name = agents[0] if agent is None else agent
        if name not in agents:
            meant = closest(name, agents)
            hint = f"did you mean {meant}?" if meant else f"there are {listed(agents)}"
            raise Unexpected(f"there is no agent {name}; {hint}")
        if name in self.refusals:
            raise Unexpected(
                f"the voice server refused {name}: {self.refusals[name]}; `model=` answers without a model"
            )
        chat = Chat(name, self.hub, self.runner, self.troubles)
        await chat.begin(metadata or {})
        try:
            yield chat
        finally:
            chat.leave()
            await settle()


@asynccontextmanager
async def running(
    project: Project | str | os.PathLike[str],
    *,
    model: Rules | LanguageModel | None = None,
    tools: Fakes | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """Run a project for a test, on the embedded voice server in the same event loop.

    Args:
        model: answers in place of every agent's model; by default each has the one that its configuration names.
        tools: what stands in for tools; the others are the real ones.
        environment: the environment of the project; by default ``$PINECALL_ENV``.
        environ: the variables; by default those of the process. Unset secrets do not matter.

    Raises:
        ProjectError: the project has errors.
        Unexpected: no agent has a tool that is to be replaced.
    """
    loop = asyncio.get_running_loop()
    offset = time.time() - loop.time()
    numbers = itertools.count(1)
    hub = Hub(
        accepts_key=KEY.__eq__,
        environ=os.environ if environ is None else environ,
        tokens=TokenMint(b"test", lambda: f"nonce{next(numbers)}"),
        new_id=lambda: f"id{next(numbers)}",
        clock=lambda: loop.time() + offset,
        open_model=open_model if model is None else _always(model),
    )
    network = Network(lambda socket: _HubEnd(hub, socket))
    runner = StagedRunner(project, network, tools=tools, environment=environment, environ=environ)
    stage = Stage(runner, hub, network)
    events = runner.events()
    try:
        async with runner:
            watching = asyncio.create_task(_note(events, stage))
            try:
                await settle()
                yield stage
                await settle()
            finally:
                watching.cancel()
    finally:
        await hub.conversations.close()


@asynccontextmanager
async def talking_to(
    project: Project | str | os.PathLike[str],
    agent: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    model: Rules | LanguageModel | None = None,
    tools: Fakes | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Chat]:
    """A conversation with an agent of a project, by default the first; see :func:`running` and :meth:`Stage.chat`."""
    run = running(project, model=model, tools=tools, environment=environment, environ=environ)
    async with run as stage, stage.chat(agent, metadata=metadata) as chat:
        yield chat


class _HubEnd:
    """One connection of the embedded server, driven as its socket's door drives it."""

    def __init__(self, hub: Hub, socket: MemorySocket) -> None:
        self._hub = hub
        self._socket = socket
        self._timer: asyncio.TimerHandle | None = None
        self._connection = hub.connected(self._deliver)
        self._arm()

    def received(self, message: str) -> None:
        self._hub.received(self._connection, message)
        self._arm()

    def lost(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._hub.disconnected(self._connection)

    def _deliver(self, output: Transmit | Shut) -> None:
        match output:
            case Transmit(data):
                self._socket.send(data)
            case Shut(code, reason):
                self._socket.close(code, reason)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._hub.deadline(self._connection)
        if deadline is not None:
            delay = max(deadline - self._hub.clock(), 0.001)
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._hub.ticked(self._connection)
        self._arm()


def _always(model: Rules | LanguageModel) -> Callable[[ModelSpec, Mapping[str, str]], LanguageModel]:
    if not isinstance(model, Mapping | Sequence):
        return lambda spec, environ: model
    script = model if isinstance(model, Mapping) else {"rules": model}
    whole = {
        "rules": [{"when": "", "reply": "", **rule} for rule in script.get("rules", [])],
        "otherwise": script.get("otherwise", "No rule of this test's model matches: {{ said }}"),
    }
    made = open_model(ModelSpec("scripted", "of the test", {"script": whole}), {})
    return lambda spec, environ: made


async def _note(events: AsyncIterator[notices.Notice], stage: Stage) -> None:
    async for notice in events:
        match notice:
            case notices.Trouble(text):
                stage.troubles.append(text)
            case notices.AgentRefused(agent, reason):
                stage.refusals[agent] = reason

"""A project on a stage: the runner as it is, tools replaced where a test says so, no secrets, no watching of files."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pinecall_run.deploy.deployment import DeployedAgent, Deployment
from pinecall_run.live.bind import bind_project
from pinecall_run.live.library import Runner
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project
from pinecall_run.source.suggest import closest, listed
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.network import Network
from pinecall_run.tools.binding import Binding

ADDRESS = "ws://localhost"
KEY = "test"
"""The key that a server on the stage knows."""

Fakes = Mapping[str, Any]
"""What stands in for tools, by name: a function, an exception that is raised, or the value that is returned."""


class StagedRunner(Runner):
    """A runner on a network in memory."""

    def __init__(
        self,
        project: Project | str | os.PathLike[str],
        network: Network,
        *,
        tools: Fakes | None = None,
        environment: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            project,
            environment=environment,
            url=ADDRESS,
            api_key=KEY,
            watch=False,
            environ=environ,
            opener=network.open,
            clock=asyncio.get_running_loop().time,
        )
        self._fakes = tools or {}

    def load(self) -> tuple[Checked, Deployment | None]:
        """Overrides: secrets may be missing, and tools are replaced."""
        checked = check_project(self.project, self.environ)
        deployment, found = bind_project(checked)
        checked.diagnostics += found
        return checked, None if deployment is None else with_fakes(deployment, self._fakes)


def with_fakes(deployment: Deployment, fakes: Fakes) -> Deployment:
    """A deployment whose tools are replaced, in every agent that has them; what the model is told of them stays.

    Raises:
        Unexpected: no agent has a tool of that name.
    """
    names = {name for agent in deployment.agents.values() for name in agent.tools}
    for name in fakes:
        if name not in names:
            meant = closest(name, names)
            hint = f"did you mean {meant}?" if meant else f"there are {listed(sorted(names)) if names else 'none'}"
            raise Unexpected(f"no agent has a tool {name} to replace; {hint}")
    return replace(deployment, agents={name: _faked(agent, fakes) for name, agent in deployment.agents.items()})


def _faked(agent: DeployedAgent, fakes: Fakes) -> DeployedAgent:
    tools = {name: _fake(tool, fakes[name]) if name in fakes else tool for name, tool in agent.tools.items()}
    return replace(agent, tools=tools)


def _fake(tool: Binding, fake: Any) -> Binding:
    function = fake if callable(fake) and not isinstance(fake, type) else _constant(fake)
    takes = inspect.signature(function).parameters
    return replace(
        tool,
        function=function,
        is_async=inspect.iscoroutinefunction(function),
        call_parameter=tool.call_parameter if tool.call_parameter in takes else None,
        state_parameter=tool.state_parameter if tool.state_parameter in takes else None,
    )


def _constant(value: Any) -> Callable[..., Any]:
    async def answer(**_: Any) -> Any:
        if isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException)):
            raise value
        return value

    return answer

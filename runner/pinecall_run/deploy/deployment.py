"""A configuration with its prompts rendered and its tools bound: what runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pinecall_run.config.model import PLAIN, Agent, Channel, Config
from pinecall_run.config.script import Script
from pinecall_run.tools.binding import Binding
from pinecall_run.wire.codec import to_json
from pinecall_run.wire.commands import AgentCreate, ChannelAdd
from pinecall_run.wire.registration import Registration


@dataclass(frozen=True, slots=True)
class DeployedAgent:
    """One agent ready to answer. ``prompt`` is rendered but for per-request variables."""

    config: Agent
    prompt: str
    script: Script | None = None
    tools: Mapping[str, Binding] = field(default_factory=dict)

    def registration(self) -> Registration:
        """The frames that register the agent."""
        return Registration(
            AgentCreate(agent_id=self.config.name, **self._configuration()),
            tuple(_channel(self.config.name, channel) for channel in self.config.channels),
        )

    def _configuration(self) -> dict[str, Any]:
        agent = self.config
        keys: dict[str, Any] = {key: getattr(agent, key) for key in PLAIN if getattr(agent, key) is not None}
        keys["llm"] = self._model()
        keys["prompt"] = self.prompt
        if self.tools:
            keys["tools"] = [binding.spec() for binding in self.tools.values()]
        if agent.allowed_origins is not None:
            keys["allowed_origins"] = list(agent.allowed_origins)
        return keys

    def _model(self) -> Any:
        model = self.config.model
        if self.script is not None:
            return {
                "provider": "scripted",
                "model": self.config.script_file,
                "enabled": True,
                "script": self.script,
            }
        return model if isinstance(model, str) else {"provider": "openai", "enabled": True, **model}


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that runs at one time. ``revision`` is the hash of all that the server and the tools see."""

    config: Config
    agents: Mapping[str, DeployedAgent]
    registrations: Mapping[str, Registration]
    revision: str


def deploy(config: Config, agents: Mapping[str, DeployedAgent]) -> Deployment:
    """The deployment of a configuration."""
    registrations = {name: agent.registration() for name, agent in agents.items()}
    content = [[r.create, list(r.channels)] for r in registrations.values()]
    paths = [sorted((name, asdict(tool)) for name, tool in agent.config.tools.items()) for agent in agents.values()]
    digest = hashlib.sha256(to_json([content, paths])).hexdigest()
    return Deployment(config, agents, registrations, digest[:12])


def _channel(agent_id: str, channel: Channel) -> ChannelAdd:
    keys: dict[str, Any] = {**channel.overrides, **channel.credentials}
    if channel.ref.ref:
        keys["ref"] = channel.ref.ref
    kind = "phone" if channel.ref.kind == "sip" else channel.ref.kind  # the wire has no type of its own for SIP
    return ChannelAdd(agent_id=agent_id, type=kind, **keys)

"""A configuration with its prompts rendered and its tools bound: what runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pinecall_run.config.model import PLAIN, Agent, Channel, Config, Options, Prices, script_file
from pinecall_run.config.script import Script
from pinecall_run.config.vendors import speaks_itself
from pinecall_run.deploy.session_config import media, session_config
from pinecall_run.prompts.prompt import Prompt
from pinecall_run.tools.binding import Binding
from pinecall_run.tools.hook import Hook, Lifespan
from pinecall_run.wire.codec import to_json
from pinecall_run.wire.commands import AgentCreate, ChannelAdd
from pinecall_run.wire.registration import Registration

PREPARING_SECONDS = 1.5
"""How long the model's first turn waits for a prompt that says something of the call."""

TOOL_OPTIONS = "tool options"
"""What people call how tools are called."""

_MARGIN_MS = 250
"""How much longer a server waits than we do, so that it hears of our giving up."""


@dataclass(frozen=True, slots=True)
class DeployedAgent:
    """One agent ready to answer.

    Attributes:
        prompt: rendered but for per-request variables, and without anything of the call.
        template: what it was rendered from, if it is rendered again for each call.
        on: what is run at events, by their names.
        context: what tells variables of a call.
        model: what answers, if that is a function of the user's.
        scripts: the rules of scripted models, by the names of their files.
        folder: the project's, absolute, for a server that reads files of this machine; ``None`` for one elsewhere.
        prices: what vendors ask of the project, where it says so.
    """

    config: Agent
    prompt: str
    scripts: Mapping[str, Script] = field(default_factory=dict)
    tools: Mapping[str, Binding] = field(default_factory=dict)
    template: Prompt | None = None
    on: Mapping[str, Hook] = field(default_factory=dict)
    context: Hook | None = None
    model: Hook | None = None
    folder: str | None = None
    prices: Prices = field(default_factory=dict)

    @property
    def preparing_seconds(self) -> float:
        """How long a call's first turn may wait for its own prompt."""
        return PREPARING_SECONDS if self.config.context is None else self.config.context.timeout_seconds

    def registration(self) -> Registration:
        """The frames that register the agent."""
        return Registration(
            AgentCreate(agent_id=self.config.name, **self._configuration()),
            tuple(self._channel(channel, rings="call.ringing" in self.config.on) for channel in self.config.channels),
        )

    def described(self) -> Registration:
        """The same with files by the names that the author gave them: what the agent is, wherever the project lies."""
        return replace(self, folder=None if self.folder is None else "").registration()

    def unseen(self) -> dict[str, Any]:
        """What the agent is made of that no server sees, by what people call it."""
        config, template = self.config, self.template
        found: dict[str, Any] = {
            TOOL_OPTIONS: {name: asdict(tool) for name, tool in config.tools.items()},
            "on": dict(config.on),
            "context": asdict(config.context) if config.context else None,
            "model function": config.model_function,
        }
        if template is not None:
            texts = [template.text.text, *(text.text for text in template.included.values())]
            found["prompt template"] = [texts, {name: str(value) for name, value in template.vars.items()}]
        return {name: value for name, value in found.items() if value}

    def _configuration(self) -> dict[str, Any]:
        agent = self.config
        keys: dict[str, Any] = {key: getattr(agent, key) for key in PLAIN if getattr(agent, key) is not None}
        if agent.model_function is None:  # else the server asks us, and has no use for either
            models = [self._model(written) for written in agent.models]
            keys["llm"] = models if len(models) > 1 else models[0]
            keys["prompt"] = self.prompt
            if self.template is not None:
                keys["preparing"] = {"timeout_ms": round(self.preparing_seconds * 1000) + _MARGIN_MS}
        if self.tools and agent.model_function is None:
            keys["tools"] = [binding.spec() for binding in self.tools.values()]
        if agent.allowed_origins is not None:
            keys["allowed_origins"] = list(agent.allowed_origins)
        found = {"config": session_config(agent, self.folder, self.prices), "media": media(agent)}
        return keys | {key: value for key, value in found.items() if value}

    def _channel(self, channel: Channel, *, rings: bool) -> ChannelAdd:
        keys: dict[str, Any] = {**channel.overrides, **channel.credentials}
        own = {key: keys.pop(key) for key in ("turn_detection", "vad") if key in keys}
        if own:  # in whole: not every server lays a channel's `config` over the agent's key by key
            keys["config"] = session_config(replace(self.config, **own), self.folder, self.prices)
        if channel.ref.ref:
            keys["ref"] = channel.ref.ref
        kind = "phone" if channel.ref.kind == "sip" else channel.ref.kind  # the wire has no type of its own for SIP
        if rings and kind == "phone":
            keys["ringing"] = True
        return ChannelAdd(agent_id=self.config.name, type=kind, **keys)

    def _model(self, model: str | Options) -> Any:
        file = script_file(model)
        if file is not None and file in self.scripts:
            return {"provider": "scripted", "model": file, "enabled": True, "script": self.scripts[file]}
        if isinstance(model, str):
            return model
        found = {"provider": "openai", "enabled": True, **model}
        return {**found, "provider": "openai"} if speaks_itself(model) else found  # the wire has one name for both


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that runs at one time. ``revision`` is the hash of all that the server and the functions see, ``code``
    that of the project's own modules."""

    config: Config
    agents: Mapping[str, DeployedAgent]
    registrations: Mapping[str, Registration]
    revision: str
    lifespan: Lifespan | None = None
    code: str = ""


def deploy(
    config: Config, agents: Mapping[str, DeployedAgent], lifespan: Lifespan | None = None, code: str = ""
) -> Deployment:
    """The deployment of a configuration; ``code`` is a hash of the functions' code."""
    registrations = {name: agent.registration() for name, agent in agents.items()}
    described = [agent.described() for agent in agents.values()]
    content = [[each.create, list(each.channels)] for each in described]
    ours = [sorted(agent.unseen().items()) for agent in agents.values()]
    digest = hashlib.sha256(to_json([content, ours, config.lifespan, code])).hexdigest()
    return Deployment(config, agents, registrations, digest[:12], lifespan, code)

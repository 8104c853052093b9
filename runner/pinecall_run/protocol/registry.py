"""Who answers on which connection: agents, their channels, and what happens when two want the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET, UnsetType

ALIVE_SECONDS = 45.0
"""A holder counts as alive while it was heard from within this time."""

RETRY_SECONDS, PROBE_SECONDS = 5.0, 3.0
"""How soon a rival may ask again: of a holder that is alive, and of a silent one that was probed."""

ANSWERED_SECONDS = 1.0


@dataclass(slots=True)
class Channel:
    """A registered way in."""

    type: str
    ref: str | UnsetType
    """As the client wrote it; absent for chat and WebRTC."""
    options: dict[str, Any]


@dataclass(slots=True)
class Agent:
    """A registered agent. ``configuration`` holds wire keys by their Python names."""

    agent_id: str
    connection: str
    configuration: dict[str, Any]
    channels: dict[tuple[str, str], Channel] = field(default_factory=dict)

    def configured(self, channel_type: str, ref: str = "") -> dict[str, Any]:
        """The configuration of a session on a channel: the channel's keys over the agent's."""
        channel = self.channels.get((channel_type, normal_ref(channel_type, ref)))
        return {**self.configuration, **(channel.options if channel else {})}


@dataclass(frozen=True, slots=True)
class Tell:
    """An event for a connection."""

    connection: str
    event: events.Event


@dataclass(frozen=True, slots=True)
class Close:
    """Close a connection."""

    connection: str
    reason: str


Outcome = Tell | Close


def normal_ref(channel_type: str, ref: str | UnsetType) -> str:
    """The one form in which addresses are compared: digits after a plus for phone numbers."""
    if not isinstance(ref, str) or channel_type in ("chat", "webrtc", "mic"):
        return ""
    ref = ref.strip().lower()
    if channel_type == "phone" and not ref.startswith(("sip:", "sips:")):
        return "+" + re.sub(r"[^0-9]", "", ref)
    return ref


@dataclass(slots=True)
class Registry:
    """All agents of a server. ``served`` are the channel types that have a transport here."""

    served: frozenset[str]
    agents: dict[str, Agent] = field(default_factory=dict)
    _claims: dict[tuple[str, str], str] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)
    _probed: dict[str, float] = field(default_factory=dict)

    def heard(self, connection: str, now: float) -> None:
        """A connection gave a sign of life."""
        self._heard[connection] = now
        self._probed.pop(connection, None)

    def gone(self, connection: str) -> list[str]:
        """A connection is closed; returns the agents that went with it."""
        self._heard.pop(connection, None)
        self._probed.pop(connection, None)
        lost = [agent.agent_id for agent in self.agents.values() if agent.connection == connection]
        for agent_id in lost:
            self._drop(agent_id)
        return lost

    def create(self, connection: str, command: commands.AgentCreate, now: float) -> Iterator[Outcome]:
        """Register an agent, replace one's own, or take over from a holder that is dead."""
        agent_id = command.agent_id
        held = self.agents.get(agent_id)
        if held is not None and held.connection != connection:
            if self._is_alive(held.connection, now):
                yield Tell(connection, _conflict(agent_id, holder_alive=True, retry_after_s=RETRY_SECONDS))
                return
            probed = self._probed.setdefault(held.connection, now)
            if now - probed < ANSWERED_SECONDS:
                yield Tell(held.connection, events.ServerPing())
                yield Tell(connection, _conflict(agent_id, holder_alive=False, retry_after_s=PROBE_SECONDS))
                return
            yield Tell(held.connection, events.AgentDisplaced(agent_id=agent_id, reason="stale"))
            yield Close(held.connection, "Displaced: the agent was registered elsewhere")
            self.gone(held.connection)
            held = None
        if held is None:
            self.agents[agent_id] = Agent(agent_id, connection, command.configuration())
        else:
            held.configuration = command.configuration()
        yield Tell(connection, events.AgentCreated(agent_id=agent_id))

    def configure(self, connection: str, command: commands.AgentConfigure) -> Iterator[Outcome]:
        """Change an agent's defaults; ``null`` takes a key away."""
        agent = self._own(connection, command.agent_id)
        if agent is None:
            yield Tell(connection, _unknown_agent(command.agent_id))
            return
        _patch(agent.configuration, command.configuration())
        yield Tell(connection, events.AgentConfigured(agent_id=agent.agent_id))

    def remove(self, connection: str, command: commands.AgentRemove) -> Iterator[Outcome]:
        """Take an agent off."""
        if self._own(connection, command.agent_id) is not None:
            self._drop(command.agent_id)
            yield Tell(connection, events.AgentRemoved(agent_id=command.agent_id))

    def kick(self, agent_id: str) -> Iterator[Outcome]:
        """Displace the process that holds an agent."""
        agent = self.agents.get(agent_id)
        if agent is not None:
            yield Tell(agent.connection, events.AgentDisplaced(agent_id=agent_id, reason="kicked"))
            yield Close(agent.connection, "Displaced by an operator")
            self.gone(agent.connection)

    def add_channel(self, connection: str, command: commands.ChannelAdd) -> Iterator[Outcome]:
        """Open a channel, or update one that is open."""
        agent = self._own(connection, command.agent_id)
        if agent is None:
            yield Tell(connection, _unknown_agent(command.agent_id))
            return
        key = (command.type, normal_ref(command.type, command.ref))
        if key[1]:
            holder = self._claims.setdefault(key, agent.agent_id)
            if holder != agent.agent_id:
                error = f"{command.ref} is registered by another agent"
                yield Tell(
                    connection,
                    events.Error(code="PHONE_IN_USE", error=error, agent_id=agent.agent_id, phone=command.ref),
                )
                return
        agent.channels[key] = Channel(command.type, command.ref, _options(command))
        yield Tell(
            connection,
            events.ChannelAdded(
                agent_id=agent.agent_id,
                type=command.type,
                ref=command.ref,
                served=command.type in self.served,
            ),
        )

    def configure_channel(self, connection: str, command: commands.ChannelConfigure) -> Iterator[Outcome]:
        """Change what a channel overrides."""
        agent = self._own(connection, command.agent_id)
        key = _find(agent, command.ref)
        if agent is None or key is None:
            yield Tell(connection, _unknown_channel(command.agent_id, command.ref))
            return
        _patch(agent.channels[key].options, command.configuration())
        yield Tell(connection, events.ChannelConfigured(agent_id=agent.agent_id, ref=command.ref))

    def remove_channel(self, connection: str, command: commands.ChannelRemove) -> Iterator[Outcome]:
        """Close a channel; closing one that is not open is fine."""
        agent = self._own(connection, command.agent_id)
        key = _find(agent, command.ref, command.type)
        if agent is not None and key is not None:
            del agent.channels[key]
            self._claims.pop(key, None)
        yield Tell(connection, events.ChannelRemoved(agent_id=command.agent_id, ref=command.ref))

    def _own(self, connection: str, agent_id: str) -> Agent | None:
        agent = self.agents.get(agent_id)
        return agent if agent is not None and agent.connection == connection else None

    def _is_alive(self, connection: str, now: float) -> bool:
        return now - self._heard.get(connection, float("-inf")) <= ALIVE_SECONDS

    def _drop(self, agent_id: str) -> None:
        agent = self.agents.pop(agent_id)
        for key in agent.channels:
            self._claims.pop(key, None)


_CREDENTIALS = ("access_token", "verify_token", "app_secret", "phone", "ringing")


def _options(command: commands.ChannelAdd) -> dict[str, Any]:
    extra = {name: getattr(command, name) for name in _CREDENTIALS}
    return {**command.configuration(), **{name: value for name, value in extra.items() if value is not UNSET}}


def _patch(configuration: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            configuration.pop(key, None)
        else:
            configuration[key] = value


def _find(agent: Agent | None, ref: str, channel_type: str | UnsetType = UNSET) -> tuple[str, str] | None:
    """The key of a channel by its address, or by its type where it has none; as it was written goes before alike."""
    channels = agent.channels if agent else {}
    alike = [
        key
        for key in channels
        if channel_type in (UNSET, key[0]) and (key[1] or key[0]) == (normal_ref(key[0], ref) or ref)
    ]
    return max(alike, key=lambda key: channels[key].ref == ref, default=None)


def _conflict(agent_id: str, *, holder_alive: bool, retry_after_s: float) -> events.Error:
    return events.Error(
        code="AGENT_CONFLICT",
        error=f"another process has registered {agent_id}",
        agent_id=agent_id,
        holder_alive=holder_alive,
        retry_after_s=retry_after_s,
    )


def _unknown_agent(agent_id: str) -> events.Error:
    return events.Error(
        code="AGENT_NOT_REGISTERED",
        error=f"{agent_id} is not registered on this connection",
        agent_id=agent_id,
    )


def _unknown_channel(agent_id: str, ref: str) -> events.Error:
    return events.Error(code="CHANNEL_NOT_FOUND", error=f"{agent_id} has no channel {ref}", agent_id=agent_id)

"""Who answers on which connection: agents, their channels, and what happens when two want the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.wire import call_commands, commands, events
from pinecall_run.wire.absent import UNSET, UnsetType

ALIVE_SECONDS = 45.0
"""A holder counts as alive while it was heard from within this time."""

RETRY_SECONDS, PROBE_SECONDS = 5.0, 3.0
"""How soon a rival may ask again: of a holder that is alive, and of a silent one that was probed."""

ANSWERED_SECONDS = 1.0

INHERITED_SECONDS = 10.0
"""How long a successor has to bring the channels that it takes over with an agent; the others are closed then."""

DEV = "dev-"
"""How the ids of agents for development begin: they share numbers, and get the calls of who develops."""

Key = tuple[str, str]
"""A channel's type and its address in the one form of :func:`normal_ref`."""


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
    channels: dict[Key, Channel] = field(default_factory=dict)

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
    _claims: dict[Key, str] = field(default_factory=dict)
    _standing: dict[str, dict[str, commands.AgentCreate]] = field(default_factory=dict)
    """By agent: the connections that wait for it, the first one first, each with what it asked for last."""
    _inherited: dict[tuple[str, Key], float] = field(default_factory=dict)
    """Channels that a successor has not brought yet, with the time at which they are closed; the earliest first."""
    _callers: dict[str, frozenset[str]] = field(default_factory=dict)
    """By connection: the numbers whose calls its ``dev-`` agents get."""
    _heard: dict[str, float] = field(default_factory=dict)
    _probed: dict[str, float] = field(default_factory=dict)

    def heard(self, connection: str, now: float) -> None:
        """A connection gave a sign of life."""
        self._heard[connection] = now
        self._probed.pop(connection, None)

    def gone(self, connection: str, now: float) -> list[Outcome]:
        """A connection is closed: its agents go to those that stand by for them."""
        self._heard.pop(connection, None)
        self._probed.pop(connection, None)
        self._callers.pop(connection, None)
        for agent_id in list(self._standing):
            self._stand_down(connection, agent_id)
        lost = [agent for agent in self.agents.values() if agent.connection == connection]
        return [outcome for agent in lost for outcome in self._give_up(agent, now)]

    def create(self, connection: str, command: commands.AgentCreate, now: float) -> Iterator[Outcome]:
        """Register an agent, replace one's own, take over from a holder that is dead, or stand by for its end."""
        agent_id = command.agent_id
        held = self.agents.get(agent_id)
        if held is not None and held.connection != connection:
            self._standing.setdefault(agent_id, {})[connection] = command
            yield from self._contend(connection, held, now)
            return
        if held is None:
            self.agents[agent_id] = Agent(agent_id, connection, command.configuration())
        else:
            held.configuration = command.configuration()
        yield Tell(connection, events.AgentCreated(agent_id=agent_id))

    def tick(self, now: float) -> None:
        """Time passed: close the channels that no successor brought again."""
        while self._inherited:
            (agent_id, key), until = next(iter(self._inherited.items()))
            if now < until:
                return
            self._close_channel(self.agents[agent_id], key)

    def configure(self, connection: str, command: commands.AgentConfigure) -> Iterator[Outcome]:
        """Change an agent's defaults; ``null`` takes a key away."""
        agent = self._own(connection, command.agent_id)
        if agent is None:
            yield Tell(connection, _unknown_agent(command.agent_id))
            return
        _patch(agent.configuration, command.configuration())
        yield Tell(connection, events.AgentConfigured(agent_id=agent.agent_id))

    def remove(self, connection: str, command: commands.AgentRemove, now: float) -> Iterator[Outcome]:
        """Take an agent off, or stand by for it no longer. Who stands by first has it from this moment."""
        agent = self._own(connection, command.agent_id)
        if agent is not None or self._stand_down(connection, command.agent_id):
            yield Tell(connection, events.AgentRemoved(agent_id=command.agent_id))
        if agent is not None:
            yield from self._give_up(agent, now)

    def kick(self, agent_id: str, now: float) -> Iterator[Outcome]:
        """Displace the process that holds an agent."""
        agent = self.agents.get(agent_id)
        if agent is not None:
            holder = agent.connection  # who carries the outcomes out may tell us that it is gone before we go on
            yield Tell(holder, events.AgentDisplaced(agent_id=agent_id, reason="kicked"))
            yield Close(holder, "Displaced by an operator")
            yield from self.gone(holder, now)

    def add_channel(self, connection: str, command: commands.ChannelAdd) -> Iterator[Outcome]:
        """Open a channel, or update one that is open."""
        agent = self._own(connection, command.agent_id)
        if agent is None:
            yield Tell(connection, _unknown_agent(command.agent_id))
            return
        key = (command.type, normal_ref(command.type, command.ref))
        if key[1] and not self._claim(agent, key):
            error = f"{command.ref} is registered by another agent"
            refusal = events.Error(code="PHONE_IN_USE", error=error, agent_id=agent.agent_id, phone=command.ref)
            yield Tell(connection, refusal)
            return
        agent.channels[key] = Channel(command.type, command.ref, _options(command))
        self._inherited.pop((agent.agent_id, key), None)
        yield Tell(
            connection,
            events.ChannelAdded(
                agent_id=agent.agent_id,
                type=command.type,
                ref=command.ref,
                served=command.type in self.served,
            ),
        )

    def route_callers(self, connection: str, command: call_commands.DevConfig) -> None:
        """Calls from these numbers go to the connection's ``dev-`` agents, where they share the number."""
        self._callers[connection] = frozenset(normal_ref("phone", number) for number in command.callers)

    def answering(self, channel_type: str, ref: str, caller: str) -> Agent | None:
        """Who answers a call to an address."""
        key = (channel_type, normal_ref(channel_type, ref))
        dev = self.agents.get(self._claims.get(_claimed(DEV, key), ""))
        if dev is not None and normal_ref(channel_type, caller) in self._callers.get(dev.connection, ()):
            return dev
        return self.agents.get(self._claims.get(key, ""))

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
            self._close_channel(agent, key)
        yield Tell(connection, events.ChannelRemoved(agent_id=command.agent_id, ref=command.ref))

    def _own(self, connection: str, agent_id: str) -> Agent | None:
        agent = self.agents.get(agent_id)
        return agent if agent is not None and agent.connection == connection else None

    def _is_alive(self, connection: str, now: float) -> bool:
        return now - self._heard.get(connection, float("-inf")) <= ALIVE_SECONDS

    def _contend(self, connection: str, held: Agent, now: float) -> Iterator[Outcome]:
        """Tell who asked for a held agent how it stands, and displace a holder that does not answer a probe."""
        holder = held.connection
        if not self._is_alive(holder, now):
            if now - self._probed.setdefault(holder, now) < ANSWERED_SECONDS:
                yield Tell(holder, events.ServerPing())
                yield Tell(connection, _conflict(held.agent_id, holder_alive=False, retry_after_s=PROBE_SECONDS))
                return
            yield Tell(holder, events.AgentDisplaced(agent_id=held.agent_id, reason="stale"))
            yield Close(holder, "Displaced: the agent was registered elsewhere")
            yield from self.gone(holder, now)
        if held.connection != connection:  # else it was the first in the line
            yield Tell(
                connection,
                _conflict(held.agent_id, holder_alive=True, retry_after_s=RETRY_SECONDS, standby=True),
            )

    def _stand_down(self, connection: str, agent_id: str) -> bool:
        line = self._standing.get(agent_id, {})
        was_standing = line.pop(connection, None) is not None
        if was_standing and not line:
            del self._standing[agent_id]
        return was_standing

    def _give_up(self, agent: Agent, now: float) -> Iterator[Outcome]:
        """An agent's holder lets go of it: there is a new one in the same moment, if one stands by.

        It is the same agent, with its channels: nobody else may claim a number before the successor brings it.
        """
        line = self._standing.get(agent.agent_id)
        if not line:
            for key in list(agent.channels):
                self._close_channel(agent, key)
            del self.agents[agent.agent_id]
            return
        connection, command = next(iter(line.items()))
        self._stand_down(connection, agent.agent_id)
        agent.connection, agent.configuration = connection, command.configuration()
        for key in agent.channels:
            self._inherited.pop((agent.agent_id, key), None)  # to the end: the earliest is first
            self._inherited[agent.agent_id, key] = now + INHERITED_SECONDS
        yield Tell(connection, events.AgentCreated(agent_id=agent.agent_id))

    def _claim(self, agent: Agent, key: Key) -> bool:
        """Take an address; one that another agent of this very connection inherited, and has not brought, is free."""
        claim = _claimed(agent.agent_id, key)
        holder = self.agents[self._claims.setdefault(claim, agent.agent_id)]
        if holder is agent:
            return True
        if holder.connection != agent.connection or (holder.agent_id, key) not in self._inherited:
            return False
        self._close_channel(holder, key)
        self._claims[claim] = agent.agent_id
        return True

    def _close_channel(self, agent: Agent, key: Key) -> None:
        del agent.channels[key]
        self._claims.pop(_claimed(agent.agent_id, key), None)
        self._inherited.pop((agent.agent_id, key), None)


def _claimed(agent_id: str, key: Key) -> Key:
    """Under what an agent claims an address: those for development share them with the others."""
    channel_type, address = key
    return (channel_type, f"{DEV}{address}") if agent_id.startswith(DEV) else key


def _options(command: commands.ChannelAdd) -> dict[str, Any]:
    extra = {name: getattr(command, name) for name in commands.ONLY_ADDED}
    return {**command.configuration(), **{name: value for name, value in extra.items() if value is not UNSET}}


def _patch(configuration: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            configuration.pop(key, None)
        else:
            configuration[key] = value


def _find(agent: Agent | None, ref: str, channel_type: str | UnsetType = UNSET) -> Key | None:
    """The key of a channel by its address, or by its type where it has none; as it was written goes before alike."""
    channels = agent.channels if agent else {}
    alike = [
        key
        for key in channels
        if channel_type in (UNSET, key[0]) and (key[1] or key[0]) == (normal_ref(key[0], ref) or ref)
    ]
    return max(alike, key=lambda key: channels[key].ref == ref, default=None)


def _conflict(agent_id: str, *, holder_alive: bool, retry_after_s: float, standby: bool = False) -> events.Error:
    return events.Error(
        code="AGENT_CONFLICT",
        error=f"another process has registered {agent_id}",
        agent_id=agent_id,
        holder_alive=holder_alive,
        retry_after_s=retry_after_s,
        standby=standby or UNSET,
    )


def _unknown_agent(agent_id: str) -> events.Error:
    return events.Error(
        code="AGENT_NOT_REGISTERED",
        error=f"{agent_id} is not registered on this connection",
        agent_id=agent_id,
    )


def _unknown_channel(agent_id: str, ref: str) -> events.Error:
    return events.Error(code="CHANNEL_NOT_FOUND", error=f"{agent_id} has no channel {ref}", agent_id=agent_id)

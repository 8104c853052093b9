"""Agents and channels on their way to being registered: what is desired, how far it is, and when it is tried again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pinecall_run.protocol.outputs import AgentReady, AgentRefused, AgentStandingBy, ChannelRefused
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import ChannelAdd
from pinecall_run.wire.registration import Registration

CONFLICT_SECONDS, CONFLICT_BUDGET_SECONDS = 5.0, 90.0
CONFLICT_FLOOR_SECONDS, CONFLICT_CAP_SECONDS, CONFLICT_CAP_ALIVE_SECONDS = 0.5, 60.0, 600.0

STANDBY_SECONDS = 60.0
"""How often a server that has us stand by is reminded of it."""

CONFLICT_CODES = frozenset(("AGENT_CONFLICT", "AGENT_IN_USE"))
FATAL_CODE, CHANNEL_CODE = "AGENT_CONFLICT_FATAL", "PHONE_IN_USE"

Refusal = AgentRefused | AgentStandingBy | ChannelRefused
Outcome = commands.Command | AgentReady | Refusal

Key = tuple[str, str]
"""An agent and the address of one of its channels; the agent itself has no address."""


@dataclass(slots=True)
class _Episode:
    """A conflict over an agent or a channel, from its first refusal on (protocol 1.8)."""

    since: float
    attempt: int = 0
    is_holder_alive: bool = False
    retry_at: float | None = None

    def refused(self, error: events.Error, now: float, random: Callable[[], float]) -> None:
        """Arrange the next try; a refusal while one is arranged moves nothing. Standing by takes as long as it takes:
        the budget is for conflicts that should pass."""
        if self.retry_at is not None:
            return
        if error.standby is True:
            self.attempt, self.since = 0, now
            self.retry_at = now + STANDBY_SECONDS * (0.85 + 0.3 * random())
            return
        if error.holder_alive is not UNSET:
            self.is_holder_alive = error.holder_alive
            if not error.holder_alive:
                self.attempt, self.since = 0, now
        left = self.since + CONFLICT_BUDGET_SECONDS - now
        if left <= 0:
            return
        after = error.retry_after_s
        base = after if isinstance(after, int | float) else CONFLICT_SECONDS * 2**self.attempt
        cap = CONFLICT_CAP_ALIVE_SECONDS if self.is_holder_alive else CONFLICT_CAP_SECONDS
        self.attempt += 1
        self.retry_at = now + min(min(max(base, CONFLICT_FLOOR_SECONDS), cap) * (0.85 + 0.3 * random()), left)

    def retry_in(self, now: float) -> float | None:
        """Seconds to the next try; ``None`` when the budget is spent."""
        return None if self.retry_at is None else self.retry_at - now


@dataclass(slots=True)
class _Agent:
    """How far one agent is on this connection.

    ``is_stale`` once the server refused a change of an agent that it had taken: it may then hold anything.
    ``is_standing`` while the server will give us the agent as soon as another process lets go of it.
    """

    is_ready: bool = False
    is_standing: bool = False
    is_stale: bool = False
    is_fatal: bool = False


@dataclass(slots=True)
class Registering:
    """The desired agents, and how far each is on the connection that is up."""

    random: Callable[[], float]
    desired: dict[str, Registration] = field(default_factory=dict)
    _agents: dict[str, _Agent] = field(default_factory=dict)
    _episodes: dict[Key, _Episode] = field(default_factory=dict)

    def begin(self) -> Iterator[Outcome]:
        """A connection is up: register everything."""
        self.end()
        for agent_id in self.desired:
            yield self._create(agent_id)

    def end(self) -> None:
        """The connection is gone, and all that was known of it."""
        self._agents.clear()
        self._episodes.clear()

    def want(self, desired: Mapping[str, Registration], changes: Sequence[commands.Command]) -> Iterator[Outcome]:
        """See :meth:`ClientPeer.want`, with a connection."""
        self.desired = dict(desired)
        self._agents = {agent_id: agent for agent_id, agent in self._agents.items() if agent_id in self.desired}
        wanted = {(name, _address(add)) for name, one in self.desired.items() for add in (None, *one.channels)}
        self._episodes = {key: episode for key, episode in self._episodes.items() if key in wanted}
        asked = dict.fromkeys(agent_id for agent_id in self.desired if agent_id not in self._agents)
        for change in changes:
            agent_id = getattr(change, "agent_id", "")
            agent = self._agents.get(agent_id, _Agent())
            if agent_id not in self.desired or (agent.is_ready and not _registers(change, agent)):
                yield change
            elif agent.is_standing or not self._is_waiting(agent_id):  # else the retry asks for what is desired then
                asked[agent_id] = None
        for agent_id in asked:
            yield self._create(agent_id)

    def created(self, agent_id: str) -> Iterator[Outcome]:
        """The server took an agent: bring its channels, and say so the first time."""
        agent = self._agents[agent_id]
        is_new = not agent.is_ready
        agent.is_ready, agent.is_standing = True, False
        self._episodes = {key: episode for key, episode in self._episodes.items() if key[0] != agent_id}
        yield from self.desired[agent_id].channels
        if is_new:
            yield AgentReady(agent_id)

    def added(self, event: events.ChannelAdded) -> None:
        """The server took a channel."""
        for key in [key for key in self._episodes if key[0] == event.agent_id]:
            if key[1] and is_alike(key[1], event.ref):
                del self._episodes[key]

    def refused(self, error: events.Error, now: float) -> Refusal | None:
        """The server refused an agent or a channel; ``None`` when the error is about something else."""
        agent_id, code = error.agent_id or "", error.code or ""
        agent = self._agents.get(agent_id)
        if agent is None:
            return None
        if code == CHANNEL_CODE:
            return self._channel_refused(error, agent_id, now)
        if agent.is_ready:
            agent.is_stale = True
            return None
        retry_in = None
        is_conflict = code in CONFLICT_CODES or "AGENT_IN_USE" in error.sentence
        if code == FATAL_CODE:
            agent.is_fatal = True
        elif is_conflict or self._is_waiting(agent_id):
            episode = self._episodes.setdefault((agent_id, ""), _Episode(now))
            if is_conflict:
                agent.is_standing = error.standby is True
                episode.refused(error, now, self.random)
            retry_in = episode.retry_in(now)
        if is_conflict and agent.is_standing:
            return AgentStandingBy(agent_id)
        agent.is_stale = agent.is_standing  # what we get when our turn comes is what was asked for before
        return AgentRefused(agent_id, code, error.sentence, retry_in)

    def is_ready(self, agent_id: str) -> bool:
        """Whether the server has taken an agent on this connection."""
        agent = self._agents.get(agent_id)
        return agent is not None and agent.is_ready

    def is_standing(self, agent_id: str) -> bool:
        """Whether the server has us wait for an agent that another process holds."""
        agent = self._agents.get(agent_id)
        return agent is not None and agent.is_standing

    def knows(self, agent_id: str) -> bool:
        """Whether an agent was asked for on this connection."""
        return agent_id in self._agents

    def is_hopeless(self) -> bool:
        """Whether the server gave every agent to somebody else for good."""
        return bool(self._agents) and all(agent.is_fatal for agent in self._agents.values())

    def tick(self, now: float) -> Iterator[Outcome]:
        """Time passed: ask again for what is due."""
        for (agent_id, address), episode in self._episodes.items():
            if episode.retry_at is not None and now >= episode.retry_at:
                episode.retry_at = None
                if not address:
                    yield self.desired[agent_id].create
                    continue
                yield from (add for add in self.desired[agent_id].channels if _address(add) == address)

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        if not self._episodes:
            return None
        times = (episode.retry_at for episode in self._episodes.values() if episode.retry_at is not None)
        return min(times, default=None)

    def own_name(self, agent_id: str) -> str:
        """Our name of an agent, which servers may write as ``org:name`` or as a slug (protocol: id resolution)."""
        if agent_id in self.desired:
            return agent_id
        slug = _slug(agent_id)
        return next((name for name in self.desired if _slug(name) == slug), agent_id)

    def _create(self, agent_id: str) -> commands.AgentCreate:
        self._agents[agent_id] = _Agent(self.is_ready(agent_id), self.is_standing(agent_id))
        self._episodes.pop((agent_id, ""), None)
        return self.desired[agent_id].create

    def _is_waiting(self, agent_id: str) -> bool:
        episode = self._episodes.get((agent_id, ""))
        return episode is not None and episode.retry_at is not None

    def _channel_refused(self, error: events.Error, agent_id: str, now: float) -> ChannelRefused | None:
        """A number that a connection still holds, dead or alive, may be free in a while."""
        for add in self.desired[agent_id].channels:
            address = _address(add)
            if address and is_alike(address, error.phone):
                episode = self._episodes.setdefault((agent_id, address), _Episode(now))
                episode.refused(error, now, self.random)
                return ChannelRefused(agent_id, add.type, address, error.sentence, episode.retry_in(now))
        return None


def _registers(change: commands.Command, agent: _Agent) -> bool:
    """Whether a change of an agent that is ready takes its whole registration."""
    return isinstance(change, commands.AgentCreate) or (agent.is_stale and isinstance(change, commands.AgentConfigure))


def _address(add: ChannelAdd | None) -> str:
    return add.ref if add is not None and isinstance(add.ref, str) else ""


def is_alike(address: str, said: object) -> bool:
    """Whether a server's form of an address is ours: as it was written, or at least the same digits."""
    if not isinstance(said, str) or not said:
        return False
    digits = re.sub(r"[^0-9]", "", said)
    return said == address or ("@" not in address and bool(digits) and digits == re.sub(r"[^0-9]", "", address))


def _slug(agent_id: str) -> str:
    """What servers keep of an id: the part after the last colon, lower case, with hyphens for spaces."""
    return re.sub(r"[\s_-]+", "-", agent_id.rpartition(":")[2].strip().lower())

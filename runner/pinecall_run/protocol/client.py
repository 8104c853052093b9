"""The runner's half of the wire: one connection across losses, and the agents that should be on it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from pinecall_run.protocol.outputs import (
    AgentReady,
    AgentRefused,
    Down,
    Ignored,
    Open,
    Received,
    Refused,
    Shut,
    Transmit,
    Up,
)
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.codec import EVENT_DECODER, Malformed, Unknown, encode
from pinecall_run.wire.registration import Registration

OPEN_SECONDS = 10.0
"""How long a socket may take to open, and the server to accept the key."""

PING_SECONDS = 20.0
"""Application pings; a server may displace who was silent for 45 s. Dead sockets are found by the driver's own
WebSocket pings, which every server answers."""

RETRY_FIRST_SECONDS, RETRY_CAP_SECONDS = 0.25, 15.0
STEADY_SECONDS = 5.0
"""What a connection must last for the delays to begin anew, so that who accepts us and hangs up is not hammered."""

CONFLICT_SECONDS, CONFLICT_BUDGET_SECONDS = 5.0, 90.0
CONFLICT_FLOOR_SECONDS, CONFLICT_CAP_SECONDS, CONFLICT_CAP_ALIVE_SECONDS = 0.5, 60.0, 600.0
OUTBOX = 1000
"""Tool results kept while there is no connection. Beyond that the oldest is dropped: its call has timed out."""

_KEY_CODES = frozenset(("INVALID_KEY", "MISSING_KEY", "UNAUTHORIZED"))
_CONFLICT_CODES = frozenset(("AGENT_CONFLICT", "AGENT_IN_USE"))
_CHANNEL_CODES = frozenset(("PHONE_IN_USE",))

Output = Open | Transmit | Shut | Up | Down | Refused | AgentReady | AgentRefused | Received[events.Event] | Ignored


class State(Enum):
    """Where the connection is."""

    IDLE = auto()
    OPENING = auto()
    GREETING = auto()
    UP = auto()
    WAITING = auto()
    ENDED = auto()


@dataclass(slots=True)
class _Agent:
    """How far one agent's registration is on this connection.

    ``is_stale`` once the server refused a change of an agent that it had taken: it may then hold anything.
    """

    is_ready: bool = False
    is_stale: bool = False
    since: float = 0.0
    attempt: int = 0
    is_holder_alive: bool = False
    retry_at: float | None = None


@dataclass(slots=True)
class ClientPeer:
    """Feed it what happened, drain what to do; time and chance come from outside.

    ``random`` returns a number in [0, 1).
    """

    api_key: str
    random: Callable[[], float]
    state: State = State.IDLE
    epoch: int = 0
    _desired: dict[str, Registration] = field(default_factory=dict)
    _agents: dict[str, _Agent] = field(default_factory=dict)
    _outputs: list[Output] = field(default_factory=list)
    _outbox: deque[commands.LlmToolResult] = field(default_factory=lambda: deque(maxlen=OUTBOX))
    _deadline: float | None = None
    _attempt: int = 0
    _up_since: float = 0.0

    # inputs

    def start(self, now: float) -> None:
        """Begin to connect."""
        if self.state is State.IDLE:
            self._open(now)

    def opened(self, now: float) -> None:
        """The socket is open."""
        if self.state is State.OPENING:
            self.state = State.GREETING
            self._deadline = now + OPEN_SECONDS
            self._transmit(commands.Connect(api_key=self.api_key))

    def receive(self, message: str | bytes, now: float) -> None:
        """A text message arrived."""
        if self.state not in (State.GREETING, State.UP):
            return
        frame = EVENT_DECODER.decode(message)
        if isinstance(frame, Unknown | Malformed):
            self._outputs.append(Ignored(frame))
            return
        if isinstance(frame, events.AgentEvent | events.Error) and frame.agent_id:
            frame.agent_id = self._own_name(frame.agent_id)
        handler = _HANDLERS.get(type(frame))
        if handler is None:
            self._outputs.append(Received(frame))
        else:
            handler(self, frame, now)

    def lost(self, reason: str, now: float) -> None:
        """The socket is gone, or never opened."""
        if self.state in (State.IDLE, State.WAITING, State.ENDED):
            return
        if self.state is not State.OPENING and "displaced" in reason.casefold():
            self._end("another process registered the same agents and took them over")
            return
        if self.state is State.UP and now - self._up_since >= STEADY_SECONDS:
            self._attempt = 0
        ceiling = min(RETRY_FIRST_SECONDS * 2**self._attempt, RETRY_CAP_SECONDS)
        delay = self.random() * ceiling
        self._attempt = min(self._attempt + 1, 16)
        self.state = State.WAITING
        self._deadline = now + delay
        self._agents.clear()
        self._outputs.append(Down(reason or "connection lost", delay))

    def stop(self) -> None:
        """Close for good."""
        if self.state in (State.GREETING, State.UP, State.OPENING):
            self._outputs.append(Shut(1000, "client_disconnect"))
        self.state = State.ENDED
        self._deadline = None
        self._agents.clear()

    def want(
        self, desired: Mapping[str, Registration], changes: Sequence[commands.Command] = (), *, now: float
    ) -> None:
        """From now on these agents should be registered.

        ``changes`` lead from what was desired to what is; they are sent when there is a connection. Without
        one the next connection registers ``desired`` anyway. What the server has not taken yet, or has refused,
        is registered again as it is desired now.
        """
        self._desired = dict(desired)
        if self.state is not State.UP:
            return
        self._agents = {agent_id: agent for agent_id, agent in self._agents.items() if agent_id in self._desired}
        asked = dict.fromkeys(agent_id for agent_id in self._desired if agent_id not in self._agents)
        for change in changes:
            agent_id = getattr(change, "agent_id", "")
            agent = self._agents.get(agent_id, _Agent())
            if agent_id not in self._desired or (agent.is_ready and not _registers(change, agent)):
                self._transmit(change)
            elif agent.retry_at is None:  # else the retry asks for what is desired by then
                asked[agent_id] = None
        for agent_id in asked:
            self._create(agent_id, now)

    def send(self, command: commands.Command) -> bool:
        """Send a command about a call. Without a connection tool results are kept and all else is dropped,
        because nothing else is of use later; ``False`` says that it was dropped."""
        if self.state is State.UP:
            self._transmit(command)
            return True
        if isinstance(command, commands.LlmToolResult) and self.state is not State.ENDED:
            self._outbox.append(command)
            return True
        return False

    def tick(self, now: float) -> None:
        """Time passed."""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._on_deadline(now)
        for agent_id, agent in self._agents.items():
            if agent.retry_at is not None and now >= agent.retry_at:
                agent.retry_at = None
                self._transmit(self._desired[agent_id].create)

    # outputs

    def drain(self) -> list[Output]:
        """What came of the inputs, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        times = [agent.retry_at for agent in self._agents.values() if agent.retry_at is not None]
        if self._deadline is not None:
            times.append(self._deadline)
        return min(times, default=None)

    # inner life

    def _open(self, now: float) -> None:
        self.state = State.OPENING
        self._deadline = now + OPEN_SECONDS
        self._outputs.append(Open())

    def _on_deadline(self, now: float) -> None:
        match self.state:
            case State.WAITING:
                self._open(now)
            case State.OPENING | State.GREETING:
                what = "open" if self.state is State.OPENING else "accept the key"
                self._outputs.append(Shut(1000, "timeout"))
                self.lost(f"the server did not {what} within {OPEN_SECONDS:g} s", now)
            case State.UP:
                self._transmit(commands.Ping())
                self._deadline = now + PING_SECONDS

    def _transmit(self, command: commands.Command) -> None:
        self._outputs.append(Transmit(encode(command)))

    def _end(self, sentence: str) -> None:
        self._outputs.append(Shut(1000, "client_disconnect"))
        self._outputs.append(Refused(sentence))
        self.state = State.ENDED
        self._deadline = None
        self._agents.clear()

    def _create(self, agent_id: str, now: float) -> None:
        known = self._agents.get(agent_id)
        self._agents[agent_id] = _Agent(is_ready=known is not None and known.is_ready, since=now)
        self._transmit(self._desired[agent_id].create)

    def _own_name(self, agent_id: str) -> str:
        """Our name of an agent, which servers may write as ``org:name`` or as a slug (protocol: id resolution)."""
        if agent_id in self._desired:
            return agent_id
        slug = _slug(agent_id)
        return next((name for name in self._desired if _slug(name) == slug), agent_id)

    def _on_connected(self, event: events.Connected, now: float) -> None:
        if self.state is State.UP:
            return
        self.state = State.UP
        self.epoch += 1
        self._up_since = now
        self._deadline = now + PING_SECONDS
        self._outputs.append(Up(self.epoch))
        for agent_id in self._desired:
            self._create(agent_id, now)
        while self._outbox:
            self._transmit(self._outbox.popleft())

    def _on_ping(self, event: events.ServerPing, now: float) -> None:
        self._transmit(commands.Pong())

    def _on_pong(self, event: events.ServerPong, now: float) -> None:
        pass

    def _on_created(self, event: events.AgentEvent, now: float) -> None:
        agent = self._agents.get(event.agent_id)
        if agent is None:
            self._outputs.append(Ignored(Malformed("an agent we did not register", "agent.created", event.agent_id)))
            return
        is_new = not agent.is_ready
        self._agents[event.agent_id] = _Agent(is_ready=True)
        for channel in self._desired[event.agent_id].channels:
            self._transmit(channel)
        if is_new:
            self._outputs.append(AgentReady(event.agent_id))

    def _on_error(self, event: events.Error, now: float) -> None:
        code = str(event.code or "")
        if self.state is State.GREETING and code in _KEY_CODES:
            self._end(f"the server refused the key: {event.sentence}")
            return
        agent = self._agents.get(event.agent_id or "")
        if agent is None or agent.is_ready or code in _CHANNEL_CODES:
            if agent is not None:
                agent.is_stale = True
            self._outputs.append(Received(event))
            return
        if agent.retry_at is None and (code in _CONFLICT_CODES or "AGENT_IN_USE" in event.sentence):
            delay = self._conflict_delay(event, agent, now)
            agent.retry_at = None if delay is None else now + delay
        retry_in = None if agent.retry_at is None else agent.retry_at - now
        self._outputs.append(AgentRefused(str(event.agent_id), code, event.sentence, retry_in))

    def _conflict_delay(self, event: events.Error, agent: _Agent, now: float) -> float | None:
        """When to ask for a held agent again (protocol: conflict retry), or ``None`` once the budget is spent."""
        if event.holder_alive is not UNSET:
            agent.is_holder_alive = event.holder_alive
            if not event.holder_alive:
                agent.attempt, agent.since = 0, now
        left = agent.since + CONFLICT_BUDGET_SECONDS - now
        if left <= 0:
            return None
        after = event.retry_after_s
        base = after if isinstance(after, int | float) else CONFLICT_SECONDS * 2**agent.attempt
        cap = CONFLICT_CAP_ALIVE_SECONDS if agent.is_holder_alive else CONFLICT_CAP_SECONDS
        agent.attempt += 1
        return min(min(max(base, CONFLICT_FLOOR_SECONDS), cap) * (0.85 + 0.3 * self.random()), left)


def _registers(change: commands.Command, agent: _Agent) -> bool:
    """Whether a change of an agent that is ready takes its whole registration."""
    return isinstance(change, commands.AgentCreate) or (agent.is_stale and isinstance(change, commands.AgentConfigure))


def _slug(agent_id: str) -> str:
    """What servers keep of an id: the part after the last colon, lower case, with hyphens for spaces."""
    return re.sub(r"[\s_-]+", "-", agent_id.rpartition(":")[2].strip().lower())


_HANDLERS: dict[type[events.Event], Callable[[ClientPeer, Any, float], None]] = {
    events.Connected: ClientPeer._on_connected,
    events.ServerPing: ClientPeer._on_ping,
    events.ServerPong: ClientPeer._on_pong,
    events.AgentCreated: ClientPeer._on_created,
    events.AgentResumed: ClientPeer._on_created,
    events.Error: ClientPeer._on_error,
}

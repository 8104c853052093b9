"""A client peer and a whole server's protocol half, wired together by a network that a test moves by hand.

Nothing here waits: the test delivers messages, loses sockets and moves the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.deploy.diff import plan
from pinecall_run.protocol.client import ClientPeer, State
from pinecall_run.protocol.outputs import Open, Probe, Received, Shut, Transmit
from pinecall_run.protocol.registry import Close, Outcome, Registry, Tell, normal_ref
from pinecall_run.protocol.server import ServerPeer
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.codec import encode
from pinecall_run.wire.registration import Registration

CHANGES = (commands.AgentConfigure, commands.AgentRemove, commands.ChannelConfigure, commands.ChannelRemove)
"""Commands that mean something only on the connection that they were made for."""


@dataclass
class Connection:
    """One socket with its two directions; ``None`` in a direction is its close."""

    id: str
    server: ServerPeer
    to_server: deque[bytes | None] = field(default_factory=deque)
    to_client: deque[bytes | str] = field(default_factory=deque)
    may_change: set[bytes] = field(default_factory=set)
    is_open: bool = True
    """As the server sees it."""
    noticed_at: float | None = None
    """When the server finds out that the client is gone."""


class World:
    """One runner, one server. ``key`` is what the server accepts. A world ``beside`` another is a second runner of the
    same server; their clocks are moved together."""

    def __init__(self, random: Callable[[], float], key: str = "pk_test", beside: World | None = None) -> None:
        self.now = 1000.0 if beside is None else beside.now
        self.client = ClientPeer("pk_test", random)
        self.registry = Registry(frozenset(("chat",))) if beside is None else beside.registry
        self.connections: list[Connection] = [] if beside is None else beside.connections
        self.current: Connection | None = None
        self.wants_socket = False
        self.told: list[Any] = []
        self.answers: list[tuple[str, str]] = []
        """Connection and message."""
        self._key = key

    # the client's side

    def want(self, desired: Mapping[str, Registration]) -> None:
        """Change what should be registered, by the plan from what was."""
        changes = [action.command for action in plan(self.desired, desired).actions]
        if self.client.state is State.UP and self.current is not None:
            self.current.may_change |= {encode(change) for change in changes}
        self.client.want(desired, changes, now=self.now)
        self._carry_out_client()

    @property
    def desired(self) -> Mapping[str, Registration]:
        """What should be registered."""
        return self.client.desired

    def act(self, deed: Callable[[ClientPeer], object]) -> None:
        """Do something else with the client."""
        deed(self.client)
        self._carry_out_client()

    def open(self) -> None:
        """The socket that the client asked for opens."""
        self.wants_socket = False
        number = f"c{len(self.connections) + 1}"
        server = ServerPeer(number, "org", lambda key: key == self._key, self.now)
        self.current = Connection(number, server)
        self.connections.append(self.current)
        self.act(lambda client: client.opened(self.now))

    def refuse(self) -> None:
        """The socket that the client asked for does not open."""
        self.wants_socket = False
        self.act(lambda client: client.lost("refused", self.now))

    def lose(self, *, arrives: int = 1000, noticed_after: float = 0.0) -> None:
        """The socket breaks: some of what is on its way to the server arrives, nothing that is on its way back."""
        broken, self.current = self.current, None
        if broken is not None:
            broken.to_client.clear()
            while len(broken.to_server) > arrives:
                broken.to_server.pop()
            broken.noticed_at = self.now + noticed_after
        self.act(lambda client: client.lost("", self.now))

    # time and the network

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds
        self.registry.tick(self.now)
        self.act(lambda client: client.tick(self.now))
        for connection in self.connections:
            if connection.is_open:
                connection.server.tick(self.now)
                self._carry_out_server(connection)
                if connection.noticed_at is not None and self.now >= connection.noticed_at:
                    connection.to_server.append(None)

    def deliver(self) -> bool:
        """Deliver the first message of every direction; ``False`` when there was none."""
        waiting = [c for c in self.connections if c.is_open and c.to_server]
        for connection in waiting:
            self._to_server(connection, connection.to_server.popleft())
        if self.current is not None and self.current.to_client:
            message = self.current.to_client.popleft()
            if isinstance(message, str):
                self.current = None
                self.act(lambda client: client.lost(message, self.now))
            else:
                self.act(lambda client: client.receive(message, self.now))
            return True
        return bool(waiting)

    def flush(self) -> None:
        """Deliver until nothing is on its way."""
        while self.deliver():
            pass

    def calm_down(self, seconds: float = 200.0) -> None:
        """From here on the network works: sockets open, messages arrive, time goes by."""
        calm_down(self, seconds=seconds)

    def registered(self) -> dict[str, Any]:
        """What the server has, in the form of :func:`as_registered`."""
        return {
            agent.agent_id: (agent.configuration, {key: channel.options for key, channel in agent.channels.items()})
            for agent in self.registry.agents.values()
        }

    # carrying out

    def _carry_out_client(self) -> None:
        while outputs := self.client.drain():
            for output in outputs:
                match output:
                    case Open():
                        self.wants_socket = True
                    case Transmit(data):
                        assert self.current is not None, f"{data!r} was sent without a connection"
                        self.current.to_server.append(data)
                    case Shut():
                        if self.current is not None:
                            self.current.to_server.append(None)
                            self.current = None
                    case Probe():
                        pass  # the frames of this world are answered
                    case _:
                        self.told.append(output)

    def _to_server(self, connection: Connection, message: bytes | None) -> None:
        if message is None:
            self._closed(connection)
            return
        self.registry.heard(connection.id, self.now)
        connection.server.receive(message, self.now)
        self._carry_out_server(connection)

    def _carry_out_server(self, connection: Connection) -> None:
        for output in connection.server.drain():
            match output:
                case Received(frame):
                    if isinstance(frame, CHANGES):
                        assert encode(frame) in connection.may_change, f"{frame} is of an older connection"
                    self._dispatch(connection.id, frame)
                case Transmit(data):
                    connection.to_client.append(data)
                case Shut(_, reason):
                    connection.to_client.append(reason)
                    self._closed(connection)

    def _closed(self, connection: Connection) -> None:
        connection.is_open = False
        connection.to_server.clear()
        self._tell(self.registry.gone(connection.id, self.now))

    def _dispatch(self, connection: str, frame: Any) -> None:
        registry = self.registry
        match frame:
            case commands.AgentCreate(llm="wrong") | commands.AgentConfigure(llm="wrong"):
                error = events.Error(code="REGISTRATION_ERROR", error="no such model", agent_id=frame.agent_id)
                self._tell([Tell(connection, error)])
            case commands.AgentCreate():
                self._tell(registry.create(connection, frame, self.now))
            case commands.AgentConfigure():
                self._tell(registry.configure(connection, frame))
            case commands.AgentRemove():
                self._tell(registry.remove(connection, frame, self.now))
            case commands.ChannelAdd():
                self._tell(registry.add_channel(connection, frame))
            case commands.ChannelConfigure():
                self._tell(registry.configure_channel(connection, frame))
            case commands.ChannelRemove():
                self._tell(registry.remove_channel(connection, frame))
            case commands.LlmToolResult():
                self.answers.append((connection, frame.msg_id))

    def _tell(self, outcomes: Iterable[Outcome]) -> None:
        by_id = {connection.id: connection for connection in self.connections}
        for outcome in outcomes:
            connection = by_id[outcome.connection]
            match outcome:
                case Tell(_, event):
                    connection.server.send(event)
                case Close(_, reason):
                    connection.server.shut(4001, reason)
            self._carry_out_server(connection)


def calm_down(*worlds: World, seconds: float) -> None:
    """From here on the network works for all of them."""
    end = worlds[0].now + seconds
    while worlds[0].now < end:
        for world in worlds:
            if world.wants_socket:
                world.open()
        while any(world.deliver() for world in worlds):
            pass
        if not any(world.wants_socket for world in worlds):
            deadlines = [world.client.deadline() or end for world in worlds]
            pass_time(*worlds, seconds=min(max(min(deadlines) - worlds[0].now, 0.001), 5.0))


def pass_time(*worlds: World, seconds: float) -> None:
    """Move the clock of them all."""
    for world in worlds:
        world.pass_time(seconds)


def as_registered(desired: Mapping[str, Registration]) -> dict[str, Any]:
    """What a server has that did all that is desired: configuration and channels by agent."""
    return {
        agent_id: (
            registration.create.configuration(),
            {
                (channel.type, normal_ref(channel.type, channel.ref)): {
                    **channel.configuration(),
                    **{
                        name: getattr(channel, name)
                        for name in ("access_token", "verify_token", "app_secret", "phone", "ringing")
                        if getattr(channel, name) is not UNSET
                    },
                }
                for channel in registration.channels
            },
        )
        for agent_id, registration in desired.items()
    }

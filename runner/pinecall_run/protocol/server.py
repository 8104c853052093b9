"""The server's half of one connection: handshake, keepalive, decoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pinecall_run.protocol.keepalive import PACE, Keepalive, Pace, Verdict
from pinecall_run.protocol.outputs import Ignored, Received, Shut, Transmit
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.codec import COMMAND_DECODER, Malformed, Unknown, encode

POLICY_VIOLATION, SILENT = 1008, 1001

Output = Transmit | Shut | Received[commands.Command] | Ignored


@dataclass(slots=True)
class ServerPeer:
    """One client's connection. ``accepts`` judges a key.

    A client that has registered an agent answers pings (protocol 1.4) and is given up when it says nothing at all;
    of others, such as terminals, not all do, and the pings of WebSocket have to do for them.
    """

    connection_id: str
    org_id: str
    accepts: Callable[[str], bool]
    opened_at: float
    pace: Pace = PACE
    is_shut: bool = False
    _is_runner: bool = False
    _keepalive: Keepalive | None = None
    _outputs: list[Output] = field(default_factory=list)

    @property
    def is_up(self) -> bool:
        """Whether the key was accepted."""
        return self._keepalive is not None

    def receive(self, message: str | bytes, now: float) -> None:
        """A text message arrived."""
        if self.is_shut:
            return
        if self._keepalive is not None:
            self._keepalive.heard(now)
        frame = COMMAND_DECODER.decode(message)
        if isinstance(frame, Unknown | Malformed):
            self._not_understood(frame)
        elif not self.is_up:
            self._handshake(frame, now)
        elif isinstance(frame, commands.Ping):
            self.send(events.ServerPong(timestamp=now))
        elif not isinstance(frame, commands.Connect | commands.Pong):
            self._is_runner = self._is_runner or isinstance(frame, commands.AgentCreate)
            self._outputs.append(Received(frame))

    def send(self, event: events.Event) -> None:
        """Queue an event for the client, unless the connection is being closed."""
        if not self.is_shut:
            self._outputs.append(Transmit(encode(event)))

    def shut(self, code: int, reason: str) -> None:
        """Close the connection."""
        if not self.is_shut:
            self.is_shut = True
            self._outputs.append(Shut(code, reason))

    def tick(self, now: float) -> None:
        """Time passed."""
        if self.is_shut:
            return
        if self._keepalive is None:
            if now >= self.opened_at + self.pace.open:
                self.shut(POLICY_VIOLATION, "no connect frame")
            return
        match self._keepalive.tick(now):
            case Verdict.ASK:
                self.send(events.ServerPing())
            case Verdict.GONE if self._is_runner:
                self.shut(SILENT, f"silent for {self.pace.silence:g} s")
            case Verdict.GONE:
                self._keepalive.heard(now)

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        if self.is_shut:
            return None
        return self.opened_at + self.pace.open if self._keepalive is None else self._keepalive.deadline()

    def drain(self) -> list[Output]:
        """What came of the inputs, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _handshake(self, frame: commands.Command, now: float) -> None:
        if not isinstance(frame, commands.Connect):
            self.send(events.Error(code="MISSING_KEY", error="the first frame must be connect, with a key"))
            self.shut(POLICY_VIOLATION, "no connect frame")
        elif not self.accepts(frame.api_key):
            self.send(events.Error(code="INVALID_KEY", error="this server does not know the key"))
            self.shut(POLICY_VIOLATION, "invalid key")
        else:
            self._keepalive = Keepalive.since(now, self.pace)
            connected = events.Connected(org_id=self.org_id, connection_id=self.connection_id, protocol_version="2")
            self.send(connected)

    def _not_understood(self, what: Unknown | Malformed) -> None:
        self._outputs.append(Ignored(what))
        if isinstance(what, Malformed) and what.event and self.is_up:
            code = "REGISTRATION_ERROR" if what.event == "agent.create" else "BAD_FRAME"
            sentence = f"{what.event}: {what.reason}"
            self.send(events.Error(code=code, error=sentence, agent_id=what.agent_id or UNSET))
        elif isinstance(what, Malformed) and what.event == "connect":
            self.send(events.Error(code="MISSING_KEY", error=f"connect: {what.reason}"))
            self.shut(POLICY_VIOLATION, "no key")

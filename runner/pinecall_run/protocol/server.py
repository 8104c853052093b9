"""The server's half of one connection: handshake, keepalive, decoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pinecall_run.protocol.outputs import Ignored, Received, Shut, Transmit
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.codec import COMMAND_DECODER, Malformed, Unknown, encode

CONNECT_SECONDS = 10.0
"""How long a socket may stay silent before its ``connect``."""

POLICY_VIOLATION = 1008

Output = Transmit | Shut | Received[commands.Command] | Ignored


@dataclass(slots=True)
class ServerPeer:
    """One client's connection. ``accepts`` judges a key."""

    connection_id: str
    org_id: str
    accepts: Callable[[str], bool]
    opened_at: float
    is_up: bool = False
    is_shut: bool = False
    _outputs: list[Output] = field(default_factory=list)

    def receive(self, message: str | bytes, now: float) -> None:
        """A text message arrived."""
        if self.is_shut:
            return
        frame = COMMAND_DECODER.decode(message)
        if isinstance(frame, Unknown | Malformed):
            self._not_understood(frame)
        elif not self.is_up:
            self._handshake(frame)
        elif isinstance(frame, commands.Ping):
            self.send(events.ServerPong(timestamp=now))
        elif not isinstance(frame, commands.Connect | commands.Pong):
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
        deadline = self.deadline()
        if deadline is not None and now >= deadline:
            self.shut(POLICY_VIOLATION, "no connect frame")

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        return None if self.is_up or self.is_shut else self.opened_at + CONNECT_SECONDS

    def drain(self) -> list[Output]:
        """What came of the inputs, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _handshake(self, frame: commands.Command) -> None:
        if not isinstance(frame, commands.Connect):
            self.send(events.Error(code="MISSING_KEY", error="the first frame must be connect, with a key"))
            self.shut(POLICY_VIOLATION, "no connect frame")
        elif not self.accepts(frame.api_key):
            self.send(events.Error(code="INVALID_KEY", error="this server does not know the key"))
            self.shut(POLICY_VIOLATION, "invalid key")
        else:
            self.is_up = True
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

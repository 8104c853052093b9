"""Scripts that read like a trace: ``>>`` is what happens to a peer, ``<<`` what must come of it, in order.

    assert client() >> start << Open() >> opened << {"event": "connect", "api_key": "pk"} >> after(10) << …

A frame is a plain dict on either side. ``assert`` makes the end of a script check that nothing else came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pinecall_run.protocol.client import ClientPeer
from pinecall_run.protocol.outputs import Probe, Transmit
from pinecall_run.protocol.server import ServerPeer
from pinecall_run.wire.commands import AgentCreate, ChannelAdd, Command
from pinecall_run.wire.registration import Registration

KEEPALIVE = (Transmit(b'{"event":"ping"}'), Probe())
"""What a client's peer sends to see whether the server is there."""

Happens = Callable[[Any, float], object]


class after(float):
    """Seconds that pass."""


class Script:
    """A peer, a clock, and what came out so far. ``mute`` holds outputs that are no part of the story."""

    def __init__(self, peer: ClientPeer | ServerPeer, now: float = 1000.0) -> None:
        self.peer = peer
        self.now = now
        self.mute: tuple[object, ...] = ()
        self.seen: list[Any] = []

    def __rshift__(self, happens: dict[str, Any] | str | bytes | after | Happens) -> Script:
        self._nothing_is_left()
        if isinstance(happens, after):
            self.now += happens
            self.peer.tick(self.now)
        elif isinstance(happens, dict | str | bytes):
            text = json.dumps(happens, ensure_ascii=False) if isinstance(happens, dict) else happens
            self.peer.receive(text, self.now)
        else:
            happens(self.peer, self.now)
        self.seen += [output for output in self.peer.drain() if output not in self.mute]
        return self

    def __lshift__(self, expected: object) -> Script:
        assert self.seen, f"nothing came where this was expected: {expected}"
        found = self.seen.pop(0)
        if isinstance(expected, dict):
            assert isinstance(found, Transmit), f"{found} came instead of the frame {expected}"
            assert json.loads(found.data) == expected
        else:
            assert found == expected
        return self

    def __bool__(self) -> bool:
        self._nothing_is_left()
        return True

    def _nothing_is_left(self) -> None:
        assert not self.seen, f"{len(self.seen)} more came, first {self.seen[0]}"


def start(peer: ClientPeer, now: float) -> None:
    """The driver begins."""
    peer.start(now)


def opened(peer: ClientPeer, now: float) -> None:
    """The socket is open."""
    peer.opened(now)


def heard(peer: ClientPeer, now: float) -> None:
    """The server answered a ping of the WebSocket."""
    peer.heard(now)


def stop(peer: ClientPeer, now: float) -> None:
    """The owner has had enough."""
    peer.stop()


def lost(reason: str = "") -> Happens:
    """The socket is gone."""
    return lambda peer, now: peer.lost(reason, now)


def wants(*registrations: Registration, changes: Sequence[Command] = ()) -> Happens:
    """The owner wants these agents from now on."""
    desired = {registration.create.agent_id: registration for registration in registrations}
    return lambda peer, now: peer.want(desired, changes, now=now)


def sends(command: Command) -> Happens:
    """The owner sends a command about a call."""
    return lambda peer, now: peer.send(command)


def agent(agent_id: str, *channels: str, **configuration: Any) -> Registration:
    """A registration; a channel is a phone number, or a type that has no address."""
    return Registration(
        AgentCreate(agent_id=agent_id, **configuration),
        tuple(
            ChannelAdd(agent_id=agent_id, type="phone", ref=channel)
            if channel[0] in "+0123456789"
            else ChannelAdd(agent_id=agent_id, type=channel)
            for channel in channels
        ),
    )


def create(agent_id: str, **configuration: Any) -> dict[str, Any]:
    """The frame that registers an agent."""
    return {"event": "agent.create", "agent_id": agent_id, **configuration}


def created(agent_id: str) -> dict[str, Any]:
    """The frame that confirms it."""
    return {"event": "agent.created", "agent_id": agent_id}


def phone(agent_id: str, ref: str) -> dict[str, Any]:
    """The frame that claims a number."""
    return {"event": "channel.add", "agent_id": agent_id, "type": "phone", "ref": ref}

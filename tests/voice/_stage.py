"""A hub without sockets: connections that write and read frames as JSON, as an unmodified client would."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from pinecall_run.protocol.outputs import Shut, Transmit
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.tokens import TokenMint

KEY = "k3y-ñ"


def scripted(*rules: Mapping[str, Any], otherwise: str = "I heard you.") -> dict[str, Any]:
    """A value of ``llm`` that needs no network."""
    return {
        "provider": "scripted",
        "model": "s",
        "enabled": True,
        "script": {"rules": list(rules), "otherwise": otherwise},
    }


LOOKING = scripted(
    {"when": "look", "call": {"look": {"id": "7"}}, "reply": "It is {{ look.where }}."},
    {"when": "break", "reply": "{{ 1 / 0 }}"},
)
TOOLS = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}]


class Stage:
    """The hub and its clock."""

    def __init__(self, **more: Any) -> None:
        self.now = 1000.0
        numbers = itertools.count(1)
        new_id = lambda: f"id{next(numbers)}"  # noqa: E731
        self.hub = Hub(
            accepts_key=lambda key: key == KEY,
            environ={},
            tokens=TokenMint(b"secret", new_id),
            new_id=new_id,
            clock=lambda: self.now,
            **{"tool_timeout": 5.0, **more},
        )

    def connect(self, *agents: str, **configuration: Any) -> Client:
        """A client whose key was accepted and whose agents are registered."""
        client = Client(self.hub)
        client.send("connect", api_key=KEY)
        for agent in agents:
            client.send("agent.create", agent_id=agent, **{"llm": LOOKING, "tools": TOOLS, **configuration})
        return client

    def token(self, agent: str, scope: str = "participate", **metadata: Any) -> str:
        return self.hub.tokens.mint("chat", agent, self.now, scope=scope, metadata=metadata)


class Client:
    """One connection."""

    def __init__(self, hub: Hub) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._hub = hub
        self.id = hub.connected(self._deliver)

    def send(self, event: str, **fields: Any) -> None:
        self._hub.received(self.id, json.dumps({"event": event, **fields}))

    def lose(self) -> None:
        """The socket is gone."""
        self._hub.disconnected(self.id)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["event"] == event]

    def take(self, event: str) -> dict[str, Any]:
        """The first frame of a name, with all before it forgotten."""
        found = self.named(event)
        assert found, f"no {event} in {self.names}"
        del self.frames[: self.frames.index(found[0]) + 1]
        return found[0]

    @property
    def names(self) -> list[str]:
        return [frame["event"] for frame in self.frames]

    def _deliver(self, output: Transmit | Shut) -> None:
        match output:
            case Transmit(data):
                assert self.closed is None
                self.frames.append(json.loads(data))
            case Shut(code, reason):
                self.closed = code, reason

"""Frames as no honest side writes them: known ones with their values exchanged, their text bent, their bytes broken."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

from pinecall_run.protocol.client import ClientPeer, State
from pinecall_run.protocol.outputs import Transmit
from pinecall_run.protocol.server import ServerPeer
from pinecall_run.wire import commands, events
from pinecall_run.wire.commands import COMMANDS, AgentCreate, ChannelAdd
from pinecall_run.wire.events import EVENTS
from pinecall_run.wire.registration import Registration

AGENTS = ("desk", "org:Mesa ñ", "")
CODES = (
    "AGENT_CONFLICT", "AGENT_CONFLICT_FATAL", "PHONE_IN_USE", "INVALID_KEY", "REGISTRATION_ERROR", "AGENT_IN_USE",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 5, 1e308, 2**70, -0.5, "", "desk", "c1", "m1", "+1555", "\x00", "ñ日本", "x" * 300,
    [], [None], {}, {"a": []}, [{"id": "t", "name": "look", "arguments": "{}"}], *AGENTS, *CODES,
)  # fmt: skip
RAW = (
    b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}", b'{"event":1}', b'{"event":"x"}', b"[" * 2000,
    b'{"event":"error","retry_after_s":1e999,"agent_id":"desk","code":"AGENT_CONFLICT"}',
    b'{"event":"error","retry_after_s":NaN}', b'{"event":"ping","event":"pong"}', b'{"event":"agent.create"}',
    b'{"event":"connected","org_id":"\\ud83d"}',
)  # fmt: skip


def noise(frames: tuple[type[Any], ...], chance: random.Random) -> Iterator[bytes]:
    """Endless messages, some of them whole."""
    shapes = [(str(frame.__struct_config__.tag), list(frame.__struct_encode_fields__)) for frame in frames]
    while True:
        if chance.random() < 0.03:
            yield chance.choice(RAW)
            continue
        event, names = chance.choice(shapes)
        frame: dict[str, Any] = {"event": event}
        for name in names:
            if chance.random() < 0.6:
                frame[name] = _likely(name, chance) if chance.random() < 0.8 else chance.choice(VALUES)
        message = json.dumps(frame).encode()
        yield _bent(message, chance) if chance.random() < 0.3 else message


def _likely(name: str, chance: random.Random) -> Any:
    match name:
        case "agent_id":
            return chance.choice(AGENTS)
        case "code":
            return chance.choice(CODES)
        case "phone" | "ref":
            return chance.choice(("+1555", "+1666", "555"))
        case "retry_after_s" | "duration_seconds" | "timestamp":
            return chance.choice((0, -1, 3.5, 1e308, -1e308))
        case "holder_alive" | "served":
            return chance.random() < 0.5
        case "tool_calls":
            return [{"id": "t", "name": "look", "arguments": "{}"}]
        case "results":
            return [{"tool_call_id": "t", "result": 1}]
    return f"{name[0]}{chance.randrange(3)}"


def _bent(message: bytes, chance: random.Random) -> bytes:
    bent = bytearray(message)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(bent)) if bent else 0
        match chance.randrange(4):
            case 0:
                bent[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del bent[at : at + chance.randrange(1, 9)]
            case 2:
                bent[at:at] = bent[chance.randrange(len(bent) + 1) :][:20]
            case _:
                del bent[at:]
    return bytes(bent)


def storm(count: int, seed: int) -> int:
    """Half of ``count`` messages to either peer; returns how many outputs came of it."""
    chance = random.Random(seed)
    return _client_storm(count // 2, chance) + _server_storm(count // 2, chance)


def _client_storm(count: int, chance: random.Random) -> int:
    now, outputs, peer = 1000.0, 0, _client(chance)
    for message in _first(noise(EVENTS, chance), count):
        now += chance.random() * 0.5
        if peer.state is State.ENDED:
            assert peer.drain() is not None
            assert peer.deadline() is None
            peer = _client(chance)
        peer.start(now)
        peer.opened(now)
        if chance.random() < 0.2:
            peer.receive(b'{"event":"connected"}', now)
        peer.receive(message, now)
        if chance.random() < 0.05:
            result = commands.LlmToolResult(
                call_id=f"c{chance.randrange(3)}", msg_id=f"m{chance.randrange(3)}", results=[]
            )
            peer.send(result)
        if chance.random() < 0.01:
            peer.lost("noise", now)
        peer.tick(now)
        outputs += _checked(peer)
    return outputs


def _client(chance: random.Random) -> ClientPeer:
    peer = ClientPeer("k", chance.random)
    channels = (ChannelAdd(agent_id="desk", type="phone", ref="+1555"), ChannelAdd(agent_id="desk", type="chat"))
    desired = {
        "desk": Registration(AgentCreate(agent_id="desk"), channels),
        "org:Mesa ñ": Registration(AgentCreate(agent_id="org:Mesa ñ")),
    }
    peer.want(desired, now=0.0)
    return peer


def _server_storm(count: int, chance: random.Random) -> int:
    now, outputs, peer = 1000.0, 0, _server(1000.0)
    for message in _first(noise(COMMANDS, chance), count):
        now += chance.random() * 0.5
        if peer.is_shut:
            assert peer.deadline() is None
            peer = _server(now)
        if chance.random() < 0.2:
            peer.receive(b'{"event":"connect","api_key":"k"}', now)
        peer.receive(message, now)
        peer.send(events.ServerPing())
        peer.tick(now)
        outputs += _checked(peer)
    return outputs


def _server(now: float) -> ServerPeer:
    return ServerPeer("c", "org", lambda key: key == "k", now)


def _checked(peer: ClientPeer | ServerPeer) -> int:
    """What one message may at most lead to, and that what is sent is a frame."""
    outputs = peer.drain()
    deadline = peer.deadline()
    assert deadline is None or math.isfinite(deadline)
    assert len(outputs) < 60
    for output in outputs:
        if isinstance(output, Transmit):
            assert json.loads(output.data)["event"]
    return len(outputs)


def _first(messages: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _, message in zip(range(count), messages, strict=False):
        yield message

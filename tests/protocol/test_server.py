"""The server's half of one connection: the key first, then every frame is answered, handed on or ignored."""

from __future__ import annotations

from typing import Any

import pytest
from tests.protocol._script import Script, after

from pinecall_run.protocol.outputs import Ignored, Received, Shut, Transmit
from pinecall_run.protocol.server import ServerPeer
from pinecall_run.wire import commands, events
from pinecall_run.wire.codec import Malformed, Unknown

CONNECT = {"event": "connect", "api_key": "pk_test"}
CONNECTED = {"event": "connected", "org_id": "org_1", "connection_id": "c1", "protocol_version": "2"}


def server() -> Script:
    return Script(ServerPeer("c1", "org_1", lambda key: key == "pk_test", opened_at=1000.0))


def up() -> Script:
    return server() >> CONNECT << CONNECTED


def sends(event: events.Event) -> Any:
    return lambda peer, now: peer.send(event)


def test_nothing_is_said_before_connect() -> None:
    assert server() >> after(9.9) >> CONNECT << CONNECTED >> after(9.9)


PING = {"event": "ping"}


def test_a_runner_that_went_silent_is_given_up_within_25_seconds() -> None:
    created = events.AgentCreated(agent_id="a")
    script = up() >> {"event": "agent.create", "agent_id": "a"} << Received(commands.AgentCreate(agent_id="a"))
    script >> sends(created) << {"event": "agent.created", "agent_id": "a"}
    script >> after(10) << PING >> {"event": "pong"} >> after(10) << PING >> "[]" << Ignored(NOISE)
    script >> after(10) << PING >> after(10) << PING >> after(1.99)
    assert script >> after(0.01) << Shut(1001, "silent for 22 s") >> after(100)
    assert script.peer.deadline() is None


NOISE = Malformed("Expected `object`, got `array`")


def test_a_terminal_need_not_answer_pings() -> None:
    script = up() >> {"event": "llm.chat", "agent_id": "a", "session_id": "s", "text": "x"}
    script.seen.clear()
    script.mute = (Transmit(b'{"event":"ping"}'),)
    for _ in range(100):
        script >> after(1)
    assert script


def test_a_server_that_was_asleep_asks_before_it_judges() -> None:
    script = up() >> {"event": "agent.create", "agent_id": "a"} << Received(commands.AgentCreate(agent_id="a"))
    assert script >> after(86_400) << PING >> after(9.9) >> {"event": "ping"} << {"event": "pong", "timestamp": 87409.9}


def test_a_connection_that_says_nothing_is_closed() -> None:
    script = server()
    assert script.peer.deadline() == 1010.0
    assert script >> after(10) << Shut(1008, "no connect frame") >> after(10) >> CONNECT
    assert script.peer.deadline() is None


@pytest.mark.parametrize(
    ("first", "code", "sentence", "reason"),
    [
        ({"event": "connect", "api_key": "x"}, "INVALID_KEY", "this server does not know the key", "invalid key"),
        ({"event": "connect", "api_key": ""}, "INVALID_KEY", "this server does not know the key", "invalid key"),
        ({"event": "ping"}, "MISSING_KEY", "the first frame must be connect, with a key", "no connect frame"),
        (
            {"event": "agent.create", "agent_id": "a"},
            "MISSING_KEY",
            "the first frame must be connect, with a key",
            "no connect frame",
        ),
    ],
)
def test_without_the_key_nobody_comes_in(first: dict[str, Any], code: str, sentence: str, reason: str) -> None:
    refused = {"event": "error", "code": code, "error": sentence}
    assert server() >> first << refused << Shut(1008, reason) >> CONNECT >> {"event": "ping"} >> after(100)


@pytest.mark.parametrize("key", [None, 5, ["pk_test"]])
def test_a_connect_without_a_readable_key_is_refused(key: object) -> None:
    script = server() >> {"event": "connect", "api_key": key}
    what = script.seen.pop(0)
    assert isinstance(what, Ignored)
    assert isinstance(what.what, Malformed)
    script << {"event": "error", "code": "MISSING_KEY", "error": f"connect: {what.what.reason}"}
    assert script << Shut(1008, "no key") >> CONNECT


def test_noise_before_connect_is_ignored() -> None:
    array = Malformed("Expected `object`, got `array`")
    assert server() >> "[]" << Ignored(array) >> {"event": "hello"} << Ignored(Unknown("hello")) >> CONNECT << CONNECTED


def test_pings_are_answered_and_pongs_and_a_second_connect_are_nothing_new() -> None:
    script = up() >> after(5) >> {"event": "ping"} << {"event": "pong", "timestamp": 1005.0}
    assert script >> {"event": "pong"} >> CONNECT >> {"event": "connect", "api_key": "x"}


def test_commands_are_handed_on_and_unknown_ones_ignored() -> None:
    assert (
        up()
        >> {"event": "agent.create", "agent_id": "org:Mesa ñ", "history_save": True}
        << Received(commands.AgentCreate(agent_id="org:Mesa ñ"))
        >> {"event": "call.route", "call_id": "c"} << Ignored(Unknown("call.route"))
        >> "[]" << Ignored(Malformed("Expected `object`, got `array`"))
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "code", "agent_id"),
    [
        ({"event": "agent.create", "agent_id": "a", "tools": 5}, "REGISTRATION_ERROR", {"agent_id": "a"}),
        ({"event": "agent.create", "agent_id": 5}, "REGISTRATION_ERROR", {}),
        ({"event": "channel.add", "agent_id": "a"}, "BAD_FRAME", {"agent_id": "a"}),
        ({"event": "llm.tool_result", "call_id": "c"}, "BAD_FRAME", {}),
    ],
)
def test_a_known_command_with_wrong_fields_is_answered(
    frame: dict[str, Any], code: str, agent_id: dict[str, str]
) -> None:
    script = up() >> frame
    what = script.seen.pop(0).what
    sentence = f"{frame['event']}: {what.reason}"
    assert script << {"event": "error", "code": code, "error": sentence, **agent_id}


def test_a_connection_that_is_being_closed_takes_and_says_nothing_more() -> None:
    def shut(peer: Any, now: float) -> None:
        peer.shut(4001, "Displaced: x")

    created = events.AgentCreated(agent_id="a")
    script = up() >> sends(created) << {"event": "agent.created", "agent_id": "a"}
    script >> shut << Shut(4001, "Displaced: x")
    assert script >> sends(created) >> shut >> {"event": "ping"} >> after(100)

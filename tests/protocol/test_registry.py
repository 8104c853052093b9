"""Who answers on which connection: registering, numbers, and what happens when two want the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from pinecall_run.protocol.registry import INHERITED_SECONDS, Close, Outcome, Registry, Tell, normal_ref
from pinecall_run.wire import commands as c
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.call_commands import DevConfig
from pinecall_run.wire.codec import encode


def seen(outcomes: Iterable[Outcome]) -> list[tuple[str, Any]]:
    """Connection and frame, or connection and the reason for which it is closed."""
    found: list[tuple[str, Any]] = []
    for outcome in outcomes:
        match outcome:
            case Tell(connection, event):
                found.append((connection, json.loads(encode(event))))
            case Close(connection, reason):
                found.append((connection, reason))
    return found


def registry(*held: tuple[str, str], now: float = 0.0) -> Registry:
    """A registry where connections hold agents."""
    made = Registry(frozenset(("chat",)))
    for connection, agent_id in held:
        made.heard(connection, now)
        list(made.create(connection, c.AgentCreate(agent_id=agent_id), now))
    return made


def add(made: Registry, connection: str, agent_id: str, kind: str, ref: Any = UNSET, **more: Any) -> Any:
    outcomes = seen(made.add_channel(connection, c.ChannelAdd(agent_id=agent_id, type=kind, ref=ref, **more)))
    assert [told for told, _ in outcomes] == [connection]
    return outcomes[0][1]


def added(agent_id: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"event": "channel.added", "agent_id": agent_id, "type": kind, **more}


# agents


@pytest.mark.parametrize("agent_id", ["front-desk", "org:slug", "Mesa de ayuda ñ", " a "])
def test_an_agent_is_confirmed_under_the_id_that_was_sent(agent_id: str) -> None:
    made = registry()
    created = {"event": "agent.created", "agent_id": agent_id}
    assert seen(made.create("c1", c.AgentCreate(agent_id=agent_id), 0.0)) == [("c1", created)]
    assert list(made.agents) == [agent_id]


def test_registering_again_replaces_the_configuration_and_keeps_the_channels() -> None:
    made = registry()
    list(made.create("c1", c.AgentCreate(agent_id="a", voice="v", greeting="Hi"), 0.0))
    add(made, "c1", "a", "phone", "+15551234567")
    assert seen(made.create("c1", c.AgentCreate(agent_id="a", prompt="p"), 99.0)) == [
        ("c1", {"event": "agent.created", "agent_id": "a"})
    ]
    assert made.agents["a"].configuration == {"prompt": "p"}
    assert [channel.ref for channel in made.agents["a"].channels.values()] == ["+15551234567"]


def test_a_change_of_configuration_takes_null_as_away() -> None:
    made = registry()
    list(made.create("c1", c.AgentCreate(agent_id="a", voice="v", greeting="Hi"), 0.0))
    change = c.AgentConfigure(agent_id="a", voice=None, prompt="p", timezone=None)
    assert seen(made.configure("c1", change)) == [("c1", {"event": "agent.configured", "agent_id": "a"})]
    assert made.agents["a"].configuration == {"greeting": "Hi", "prompt": "p"}


def test_commands_about_an_agent_of_another_connection_change_nothing() -> None:
    made = registry(("c1", "a"))
    add(made, "c1", "a", "chat")
    for told, frame in [
        *seen(made.configure("c2", c.AgentConfigure(agent_id="a", voice="v"))),
        *seen(made.add_channel("c2", c.ChannelAdd(agent_id="a", type="webrtc"))),
    ]:
        assert (told, frame["code"], frame["agent_id"]) == ("c2", "AGENT_NOT_REGISTERED", "a")
    assert seen(made.remove("c2", c.AgentRemove(agent_id="a"), 0.0)) == []
    list(made.remove_channel("c2", c.ChannelRemove(agent_id="a", ref="chat")))
    list(made.configure_channel("c2", c.ChannelConfigure(agent_id="a", ref="chat", voice="v")))
    assert made.agents["a"].configured("chat") == {}
    assert list(made.agents["a"].channels) == [("chat", "")]


def test_what_is_removed_or_gone_is_free_again() -> None:
    made = registry(("c1", "a"), ("c1", "b"), ("c2", "x"))
    add(made, "c1", "a", "phone", "+1555")
    add(made, "c1", "b", "phone", "+1666")
    removed = [("c1", {"event": "agent.removed", "agent_id": "a"})]
    assert seen(made.remove("c1", c.AgentRemove(agent_id="a"), 0.0)) == removed
    assert seen(made.remove("c1", c.AgentRemove(agent_id="a"), 0.0)) == []
    assert add(made, "c2", "x", "phone", "+1555")["event"] == "channel.added"
    assert add(made, "c2", "x", "phone", "+1666")["code"] == "PHONE_IN_USE"
    assert made.gone("c1", 0.0) == []
    assert add(made, "c2", "x", "phone", "+1666")["event"] == "channel.added"
    assert list(made.agents) == ["x"]


# two connections, one agent


def conflict(alive: bool, after: float) -> dict[str, Any]:
    """Whoever asks for an agent whose holder is alive stands by for it."""
    return {
        **({"standby": True} if alive else {}),
        "event": "error",
        "code": "AGENT_CONFLICT",
        "error": "another process has registered a",
        "agent_id": "a",
        "holder_alive": alive,
        "retry_after_s": after,
    }


CREATE = c.AgentCreate(agent_id="a", voice="new")
CREATED = {"event": "agent.created", "agent_id": "a"}


@pytest.mark.parametrize("silent", [0.0, 45.0])
def test_who_was_heard_of_lately_keeps_its_agent(silent: float) -> None:
    made = registry(("c1", "a"))
    assert seen(made.create("c2", CREATE, silent)) == [("c2", conflict(True, 5.0))]
    assert made.agents["a"].connection == "c1"


def test_a_silent_holder_is_asked_first_and_displaced_when_it_does_not_answer() -> None:
    made = registry(("c1", "a"), ("c1", "b"))
    add(made, "c1", "b", "phone", "+1555")
    asked = [("c1", {"event": "ping"}), ("c2", conflict(False, 3.0))]
    assert seen(made.create("c2", CREATE, 45.1)) == asked
    assert seen(made.create("c2", CREATE, 46.0)) == asked
    assert made.agents["a"].connection == "c1"
    assert seen(made.create("c2", CREATE, 46.2)) == [
        ("c1", {"event": "agent.displaced", "agent_id": "a", "reason": "stale"}),
        ("c1", "Displaced: the agent was registered elsewhere"),
        ("c2", CREATED),
    ]
    assert (made.agents["a"].connection, made.agents["a"].configuration) == ("c2", {"voice": "new"})
    assert list(made.agents) == ["a"]
    assert add(made, "c2", "a", "phone", "+1555")["event"] == "channel.added"


def test_a_silent_holder_that_answers_stays() -> None:
    made = registry(("c1", "a"))
    assert len(seen(made.create("c2", CREATE, 50.0))) == 2
    made.heard("c1", 50.5)
    assert seen(made.create("c2", CREATE, 53.0)) == [("c2", conflict(True, 5.0))]
    assert seen(made.create("c2", CREATE, 100.0))[0] == ("c1", {"event": "ping"})
    assert made.agents["a"].connection == "c1"


def test_an_operator_displaces_the_whole_process() -> None:
    made = registry(("c1", "a"), ("c1", "b"), ("c2", "x"))
    assert seen(made.kick("a", 0.0)) == [
        ("c1", {"event": "agent.displaced", "agent_id": "a", "reason": "kicked"}),
        ("c1", "Displaced by an operator"),
    ]
    assert list(made.agents) == ["x"]
    assert seen(made.kick("a", 0.0)) == []


# standing by


def create(made: Registry, connection: str, agent_id: str = "a", now: float = 0.0, **configuration: Any) -> list[Any]:
    made.heard(connection, now)
    return seen(made.create(connection, c.AgentCreate(agent_id=agent_id, **configuration), now))


def remove(made: Registry, connection: str, agent_id: str = "a", now: float = 0.0) -> list[Any]:
    return seen(made.remove(connection, c.AgentRemove(agent_id=agent_id), now))


REMOVED = {"event": "agent.removed", "agent_id": "a"}

WAYS_TO_LEAVE = {
    "it drains": lambda made: [told for told in remove(made, "c1") if told != ("c1", REMOVED)],
    "its socket closes": lambda made: seen(made.gone("c1", 0.0)),
    "it is kicked": lambda made: [told for told in seen(made.kick("a", 0.0)) if told[0] != "c1"],
}


@pytest.mark.parametrize("way", WAYS_TO_LEAVE)
def test_who_stands_by_has_the_agent_in_the_moment_in_which_its_holder_leaves(way: str) -> None:
    made = registry(("c1", "a"))
    assert create(made, "c2", voice="v") == [("c2", conflict(True, 5.0))]
    assert WAYS_TO_LEAVE[way](made) == [("c2", CREATED)]
    assert (made.agents["a"].connection, made.agents["a"].configuration) == ("c2", {"voice": "v"})
    assert made.gone("c2", 0.0) == []
    assert made.agents == {}


def test_the_first_in_the_line_is_next_with_what_it_asked_for_last() -> None:
    made = registry(("c1", "a"))
    for connection, voice in [("c2", "old"), ("c3", "w"), ("c4", "x"), ("c2", "new")]:
        create(made, connection, voice=voice)
    assert remove(made, "c1") == [("c1", REMOVED), ("c2", CREATED)]
    assert made.agents["a"].configuration == {"voice": "new"}
    assert remove(made, "c3") == [("c3", REMOVED)]  # it stands by no longer
    assert remove(made, "c3") == []
    assert create(made, "c1") == [("c1", conflict(True, 5.0))]
    assert seen(made.gone("c2", 0.0)) == [("c4", CREATED)]
    assert seen(made.gone("c1", 0.0)) == []
    assert remove(made, "c4") == [("c4", REMOVED)]
    assert made.agents == {}
    assert made._standing == {}


def test_a_silent_holder_is_displaced_for_the_first_in_the_line_whoever_asks() -> None:
    made = registry(("c1", "a"), ("c1", "b"))
    create(made, "c2", voice="v")
    create(made, "c2", "b")
    assert create(made, "c3", now=50.0)[-1] == ("c3", conflict(False, 3.0))
    assert create(made, "c3", now=52.0) == [
        ("c1", {"event": "agent.displaced", "agent_id": "a", "reason": "stale"}),
        ("c1", "Displaced: the agent was registered elsewhere"),
        ("c2", CREATED),
        ("c2", {"event": "agent.created", "agent_id": "b"}),
        ("c3", conflict(True, 5.0)),
    ]
    assert seen(made.gone("c2", 52.0)) == [("c3", CREATED)]


def handed_over(*refs: str) -> Registry:
    """``c2`` has just taken agents ``a``, which had these numbers and a chat, and ``b`` over from ``c1``."""
    made = registry(("c1", "a"), ("c1", "b"), ("c3", "x"))
    for ref in refs:
        add(made, "c1", "a", "phone", ref, language="old")
    add(made, "c1", "a", "chat")
    create(made, "c2")
    create(made, "c2", "b")
    made.gone("c1", 100.0)
    return made


def test_channels_stay_the_agents_until_its_successor_brings_them() -> None:
    made = handed_over("+1555", "+1666")
    assert made.agents["a"].configured("phone", "+1666") == {"language": "old"}
    assert add(made, "c3", "x", "phone", "+1555")["code"] == "PHONE_IN_USE"
    add(made, "c2", "a", "phone", "+1 555", language="new")
    made.tick(100.0 + INHERITED_SECONDS - 0.1)
    assert add(made, "c3", "x", "phone", "+1666")["code"] == "PHONE_IN_USE"
    made.tick(100.0 + INHERITED_SECONDS)  # the chat goes too
    assert list(made.agents["a"].channels) == [("phone", "+1555")]
    assert made.agents["a"].configured("phone", "+1555") == {"language": "new"}
    assert add(made, "c3", "x", "phone", "+1666")["event"] == "channel.added"
    made.tick(1000.0)
    assert add(made, "c3", "x", "phone", "+1555")["code"] == "PHONE_IN_USE"


def test_a_number_that_moves_to_another_agent_of_the_successor_is_its_own_at_once() -> None:
    made = handed_over("+1555")
    assert add(made, "c2", "b", "phone", "+1555")["event"] == "channel.added"
    assert list(made.agents["a"].channels) == [("chat", "")]
    assert add(made, "c2", "a", "phone", "+1555")["code"] == "PHONE_IN_USE"
    made.tick(1000.0)
    assert list(made.agents["b"].channels) == [("phone", "+1555")]


def test_channels_that_are_handed_on_before_they_were_brought_wait_for_the_next_one() -> None:
    made = handed_over("+1555")
    create(made, "c4")
    made.gone("c2", 105.0)
    made.tick(112.0)
    assert made.agents["a"].configured("phone", "+1555") == {"language": "old"}
    made.tick(115.0)
    assert made.agents["a"].channels == {}
    made = handed_over("+1555")
    made.gone("c2", 105.0)  # nobody waits for it: its channels go with it
    made.tick(1000.0)
    assert add(made, "c3", "x", "phone", "+1555")["event"] == "channel.added"


# channels


@pytest.mark.parametrize(
    ("kind", "ref", "normal"),
    [
        ("phone", "+1 (555) 123-4567", "+15551234567"),
        ("phone", "15551234567", "+15551234567"),
        ("phone", " +1-555-123-4567 ", "+15551234567"),
        ("phone", "sip:Lobby@Example.com", "sip:lobby@example.com"),
        ("phone", " SIPS:lobby@example.com", "sips:lobby@example.com"),
        ("whatsapp", "106540352242922", "106540352242922"),
        ("chat", UNSET, ""),
        ("webrtc", "webrtc", ""),
        ("mic", "anything", ""),
        ("phone", UNSET, ""),
    ],
)
def test_addresses_are_compared_in_one_form(kind: str, ref: Any, normal: str) -> None:
    assert normal_ref(kind, ref) == normal


def test_a_channel_may_be_added_again_and_again_and_is_confirmed_as_written() -> None:
    made = registry(("c1", "a"))
    assert add(made, "c1", "a", "phone", "+1 (555) 123-4567", voice="v", ringing=True) == added(
        "a", "phone", ref="+1 (555) 123-4567", served=False
    )
    assert add(made, "c1", "a", "phone", "+15551234567", language="es") == added(
        "a", "phone", ref="+15551234567", served=False
    )
    assert made.agents["a"].configured("phone", "1 555 123 4567") == {"language": "es"}
    assert add(made, "c1", "a", "chat") == added("a", "chat")
    assert add(made, "c1", "a", "chat", greeting="Hi") == added("a", "chat")
    assert len(made.agents["a"].channels) == 2


def test_a_number_in_use_is_refused_with_the_address_as_received() -> None:
    made = registry(("c1", "a"), ("c1", "b"), ("c2", "x"))
    add(made, "c1", "a", "phone", "+15551234567")
    for connection, agent_id in (("c1", "b"), ("c2", "x")):
        assert add(made, connection, agent_id, "phone", "+1 (555) 123-4567") == {
            "event": "error",
            "code": "PHONE_IN_USE",
            "error": "+1 (555) 123-4567 is registered by another agent",
            "agent_id": agent_id,
            "phone": "+1 (555) 123-4567",
        }
        assert made.agents[agent_id].channels == {}
    for agent_id in ("a", "b"):  # every agent has a chat of its own
        assert add(made, "c1", agent_id, "chat")["event"] == "channel.added"
    assert add(made, "c2", "x", "whatsapp", "15551234567")["event"] == "channel.added"


def test_a_channel_overrides_its_agent_and_nothing_else_does() -> None:
    made = registry()
    list(made.create("c1", c.AgentCreate(agent_id="a", voice="v", language="en"), 0.0))
    add(made, "c1", "a", "phone", "+1555", language="es", access_token="t")
    assert made.agents["a"].configured("phone", "+1555") == {"voice": "v", "language": "es", "access_token": "t"}
    assert made.agents["a"].configured("phone", "+1666") == {"voice": "v", "language": "en"}
    change = c.ChannelConfigure(agent_id="a", ref="+1 555", language=None, voice="w")
    assert seen(made.configure_channel("c1", change)) == [
        ("c1", {"event": "channel.configured", "agent_id": "a", "ref": "+1 555"})
    ]
    assert made.agents["a"].configured("phone", "+1555") == {"voice": "w", "language": "en", "access_token": "t"}
    unknown = seen(made.configure_channel("c1", c.ChannelConfigure(agent_id="a", ref="chat")))
    assert unknown[0][1]["code"] == "CHANNEL_NOT_FOUND"


@pytest.mark.parametrize(
    ("kind", "ref", "remove", "is_open"),
    [
        ("phone", "+1 (555) 123", {"ref": "+1555123", "type": "phone"}, False),
        ("phone", "+1 (555) 123", {"ref": "1-555-123"}, False),
        ("phone", "sip:Lobby@example.com", {"ref": "sip:lobby@example.com"}, False),
        ("webrtc", UNSET, {"ref": "webrtc"}, False),
        ("chat", UNSET, {"ref": "chat", "type": "chat"}, False),
        ("chat", UNSET, {"ref": "webrtc"}, True),
        ("phone", "+1555123", {"ref": "phone"}, True),
        ("whatsapp", "1555123", {"ref": "1555123", "type": "phone"}, True),
    ],
)
def test_a_channel_is_removed_by_its_address_or_by_its_type(
    kind: str, ref: Any, remove: dict[str, str], is_open: bool
) -> None:
    made = registry(("c1", "a"), ("c1", "b"))
    add(made, "c1", "a", kind, ref)
    for _ in range(2):  # closing what is closed is fine
        assert seen(made.remove_channel("c1", c.ChannelRemove(agent_id="a", **remove))) == [
            ("c1", {"event": "channel.removed", "agent_id": "a", "ref": remove["ref"]})
        ]
    assert bool(made.agents["a"].channels) is is_open
    if normal_ref(kind, ref):
        assert add(made, "c1", "b", kind, ref)["event"] == ("error" if is_open else "channel.added")


def test_a_number_and_a_whatsapp_id_of_the_same_digits_are_two_channels() -> None:
    made = registry(("c1", "a"))
    add(made, "c1", "a", "phone", "+15551234567")
    add(made, "c1", "a", "whatsapp", "15551234567")
    list(made.configure_channel("c1", c.ChannelConfigure(agent_id="a", ref="15551234567", voice="v")))
    assert made.agents["a"].configured("whatsapp", "15551234567") == {"voice": "v"}
    list(made.remove_channel("c1", c.ChannelRemove(agent_id="a", ref="15551234567", type="whatsapp")))
    assert list(made.agents["a"].channels) == [("phone", "+15551234567")]


# callers who develop


def test_agents_for_development_share_numbers_and_get_their_callers() -> None:
    made = registry(("c1", "desk"), ("c2", "dev-desk"), ("c3", "dev-other"))
    for connection, agent_id in (("c1", "desk"), ("c2", "dev-desk")):
        add(made, connection, agent_id, "phone", "+15551234567")
    refused = seen(made.add_channel("c3", c.ChannelAdd(agent_id="dev-other", type="phone", ref="+15551234567")))
    assert refused[0][1]["code"] == "PHONE_IN_USE", "one for each number"

    def answers(caller: str) -> str | None:
        agent = made.answering("phone", "+1 555 123 4567", caller)
        return agent.agent_id if agent else None

    assert answers("+15550001111") == "desk"
    made.route_callers("c2", DevConfig(callers=["+1 (555) 000-1111"]))
    made.route_callers("c1", DevConfig(callers=["+15559999999"]))
    assert (answers("+15550001111"), answers("+15559999999"), answers("")) == ("dev-desk", "desk", "desk")
    list(made.remove_channel("c1", c.ChannelRemove(agent_id="desk", ref="+15551234567")))
    assert (answers("+15550001111"), answers("+15559999999")) == ("dev-desk", None)
    made.gone("c2", 0.0)
    assert answers("+15550001111") is None

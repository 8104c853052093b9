"""The way from one set of registrations to another: the fewest commands, in an order that works, and back again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocol._world import as_registered

from pinecall_run.deploy.diff import Plan, plan
from pinecall_run.protocol.registry import Registry, Tell
from pinecall_run.wire import commands as c
from pinecall_run.wire import events
from pinecall_run.wire.codec import encode
from pinecall_run.wire.registration import Registration


def agent(agent_id: str, *channels: c.ChannelAdd, **configuration: Any) -> Registration:
    for channel in channels:
        channel.agent_id = agent_id
    return Registration(c.AgentCreate(agent_id=agent_id, **configuration), channels)


def channel(kind: str, **more: Any) -> c.ChannelAdd:
    return c.ChannelAdd(agent_id="", type=kind, **more)


def by_name(*registrations: Registration) -> dict[str, Registration]:
    return {registration.create.agent_id: registration for registration in registrations}


def frames(steps: Plan) -> list[dict[str, Any]]:
    return [json.loads(encode(action.command)) for action in steps.actions]


def frame(event: str, agent_id: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "agent_id": agent_id, **more}


PHONE, OTHER = channel("phone", ref="+1555"), channel("phone", ref="+1666")
WHATSAPP = {"ref": "106", "access_token": "t", "verify_token": "v"}

CASES: dict[str, tuple[list[Registration], list[Registration], list[dict[str, Any]]]] = {
    "nothing": ([], [], []),
    "the same": (
        [agent("a", channel("chat", voice="v"), voice={"x": 1, "y": [2]})],
        [agent("a", channel("chat", voice="v"), voice={"y": [2], "x": 1})],
        [],
    ),
    "a new agent": ([], [agent("a", channel("chat"), voice="v")], [frame("agent.create", "a", voice="v")]),
    "an agent less": (
        [agent("a", channel("phone", ref="+1555"), channel("webrtc"))],
        [],
        [
            frame("channel.remove", "a", ref="+1555", type="phone"),
            frame("channel.remove", "a", ref="webrtc", type="webrtc"),
            frame("agent.remove", "a"),
        ],
    ),
    "keys set, changed and taken away": (
        [agent("a", voice="v", greeting="Hi", prompt="p")],
        [agent("a", voice="w", prompt="p", language="es")],
        [frame("agent.configure", "a", greeting=None, voice="w", language="es")],
    ),
    "a nested value": (
        [agent("a", llm={"model": "m", "temperature": 1})],
        [agent("a", llm={"model": "m"})],
        [frame("agent.configure", "a", llm={"model": "m"})],
    ),
    "channels come and go": (
        [agent("a", channel("phone", ref="+1555"), channel("chat"))],
        [agent("a", channel("chat"), channel("phone", ref="sip:x@y"))],
        [
            frame("channel.remove", "a", ref="+1555", type="phone"),
            frame("channel.add", "a", type="phone", ref="sip:x@y"),
        ],
    ),
    "a channel overrides something else": (
        [agent("a", channel("chat", voice="v", greeting="Hi"), channel("phone", ref="+1555", language="es"))],
        [agent("a", channel("chat", voice="w"), channel("phone", ref="+1555"))],
        [
            frame("channel.configure", "a", ref="chat", greeting=None, voice="w"),
            frame("channel.configure", "a", ref="+1555", language=None),
        ],
    ),
    "credentials": (
        [agent("a", channel("whatsapp", **WHATSAPP, voice="v"))],
        [agent("a", channel("whatsapp", **{**WHATSAPP, "access_token": "u"}, voice="v"))],
        [frame("channel.add", "a", type="whatsapp", ref="106", accessToken="u", verifyToken="v", voice="v")],
    ),
    "ringing": (
        [agent("a", channel("phone", ref="+1555"))],
        [agent("a", channel("phone", ref="+1555", ringing=True))],
        [frame("channel.add", "a", type="phone", ref="+1555", ringing=True)],
    ),
    "a number moves": (
        [agent("a", channel("phone", ref="+1555")), agent("b")],
        [agent("a"), agent("b", channel("phone", ref="+1555"))],
        [
            frame("channel.remove", "a", ref="+1555", type="phone"),
            frame("channel.add", "b", type="phone", ref="+1555"),
        ],
    ),
    "a number moves to an agent that was there first": (
        [agent("b"), agent("a", channel("phone", ref="+1555"))],
        [agent("b", channel("phone", ref="+1555")), agent("a")],
        [
            frame("channel.remove", "a", ref="+1555", type="phone"),
            frame("channel.add", "b", type="phone", ref="+1555"),
        ],
    ),
    "an agent is renamed": (
        [agent("a", channel("phone", ref="+1555"))],
        [agent("b", channel("phone", ref="+1555"))],
        [
            frame("channel.remove", "a", ref="+1555", type="phone"),
            frame("agent.remove", "a"),
            frame("agent.create", "b"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_a_plan_is_the_commands_that_lead_there(
    before: list[Registration], after: list[Registration], expected: list[dict[str, Any]]
) -> None:
    assert frames(plan(by_name(*before), by_name(*after))) == expected


def test_the_order_of_a_plan_is_the_order_of_the_agents() -> None:
    names = [f"agent-{n}" for n in range(30)]
    before = by_name(*(agent(name, channel("chat")) for name in names))
    assert [step.agent for step in plan(before, {}).actions] == [name for name in names for _ in range(2)]
    bare = by_name(*(agent(name) for name in reversed(names)))
    assert [step.agent for step in plan(before, bare).actions] == names


# carried out on a server

values = st.sampled_from(["x", "y", {"x": ["y"]}, False, 0])
keys = st.dictionaries(st.sampled_from(["voice", "prompt", "greeting", "stt"]), values, max_size=3).map(
    lambda found: {key: str(value) if key == "prompt" else value for key, value in found.items()}
)
credentials = st.fixed_dictionaries({}, optional={"access_token": st.sampled_from("tu"), "ringing": st.booleans()})


@st.composite
def registrations(draw: st.DrawFn) -> dict[str, Registration]:
    """Any agents with any channels; a number has one agent at a time."""
    wanted = {}
    free = {"+1555", "+1666", "sip:x@y"}
    for name in draw(st.permutations(["a", "b", "ñ"]))[: draw(st.integers(0, 3))]:
        refs = draw(st.lists(st.sampled_from(sorted(free)), unique=True)) if free else []
        free -= set(refs)
        phones = [channel("phone", ref=ref, **draw(keys), **draw(credentials)) for ref in refs]
        others = [
            channel(kind, **draw(keys)) for kind in draw(st.lists(st.sampled_from(["chat", "webrtc"]), unique=True))
        ]
        wanted[name] = agent(name, *draw(st.permutations(phones + others)), **draw(keys))
    return wanted


class Server:
    """A registry, and what a connection does with it: channels follow when an agent was created."""

    def __init__(self) -> None:
        self.registry = Registry(frozenset())

    def carry_out(self, steps: Plan) -> None:
        for action in steps.actions:
            self._send(action.command)
        for action in steps.actions:
            if isinstance(action.command, c.AgentCreate):
                for added in steps.after[action.agent].channels:
                    self._send(added)

    def _send(self, command: c.Command) -> None:
        outcomes: Iterable[Any]
        match command:
            case c.AgentCreate():
                outcomes = self.registry.create("c", command, 0.0)
            case c.AgentConfigure():
                outcomes = self.registry.configure("c", command)
            case c.AgentRemove():
                outcomes = self.registry.remove("c", command, 0.0)
            case c.ChannelAdd():
                outcomes = self.registry.add_channel("c", command)
            case c.ChannelConfigure():
                outcomes = self.registry.configure_channel("c", command)
            case c.ChannelRemove():
                outcomes = self.registry.remove_channel("c", command)
        for outcome in outcomes:
            assert isinstance(outcome, Tell)
            assert not isinstance(outcome.event, events.Error), outcome.event

    def holds(self) -> Mapping[str, Any]:
        return {
            held.agent_id: (held.configuration, {key: channel.options for key, channel in held.channels.items()})
            for held in self.registry.agents.values()
        }


@given(registrations(), registrations())
@settings(max_examples=100, deadline=None)
def test_a_plan_leads_there_and_the_flipped_plan_leads_back(
    before: dict[str, Registration], after: dict[str, Registration]
) -> None:
    server = Server()
    server.carry_out(plan({}, before))
    assert server.holds() == as_registered(before)
    there = plan(before, after)
    server.carry_out(there)
    assert server.holds() == as_registered(after)
    server.carry_out(there.flipped())
    assert server.holds() == as_registered(before)
    assert plan(after, after).actions == ()

"""What the server says of a change: taken agent by agent, refused, not answered, or cut off in the middle."""

from __future__ import annotations

from typing import Any

from tests.protocol._script import KEEPALIVE, Happens, Script, after, agent, created, lost, opened, start

from pinecall_run.deploy.diff import plan
from pinecall_run.protocol.acceptance import SILENCE_SECONDS
from pinecall_run.protocol.client import ClientPeer
from pinecall_run.protocol.outputs import (
    AgentChanged,
    AgentReady,
    AgentRefused,
    ChangeRefused,
    Down,
    Open,
    Postponed,
    Received,
    Settled,
    Up,
)
from pinecall_run.wire import events
from pinecall_run.wire.registration import Registration

CONNECT, CONNECTED = {"event": "connect", "api_key": "k"}, {"event": "connected"}


def proposes(*registrations: Registration) -> Happens:
    """The owner proposes these agents, by the plan from what was."""
    desired = {registration.create.agent_id: registration for registration in registrations}

    def happen(peer: ClientPeer, now: float) -> None:
        peer.propose(desired, [action.command for action in plan(peer.desired, desired).actions], now=now)

    return happen


def running(*registrations: Registration) -> Script:
    """A peer whose agents are registered; none of them has a channel."""
    peer = ClientPeer("k", lambda: 0.0)
    peer.want({registration.create.agent_id: registration for registration in registrations}, now=0.0)
    script = Script(peer) >> start << Open() >> opened << CONNECT >> CONNECTED << Up(1)
    for registration in registrations:
        script = script << {"event": "agent.create", "agent_id": registration.create.agent_id, "prompt": "p"}
    for registration in registrations:
        name = registration.create.agent_id
        script = script >> created(name) << AgentReady(name)
    return script


def said(event: str, agent_id: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "agent_id": agent_id, **more}


def configure(agent_id: str, prompt: str) -> dict[str, Any]:
    return said("agent.configure", agent_id, prompt=prompt)


def refusal(agent_id: str, code: str = "REGISTRATION_ERROR", **more: Any) -> dict[str, Any]:
    return said("error", agent_id, code=code, error="no", **more)


A, B = agent("a", prompt="p"), agent("b", prompt="p")
A2, B2 = agent("a", prompt="q"), agent("b", prompt="q")


def test_each_agent_changes_when_the_server_says_so_and_all_of_it_settles_at_last() -> None:
    assert (
        running(A, B) >> proposes(A2, B2) << configure("a", "q") << configure("b", "q")
        >> said("agent.configured", "b") << Received(events.AgentConfigured(agent_id="b")) << AgentChanged("b")
        >> said("agent.configured", "a") << Received(events.AgentConfigured(agent_id="a")) << AgentChanged("a")
        << Settled()
    )  # fmt: skip


def test_silence_counts_as_taken_and_is_counted_from_what_was_said_last() -> None:
    script = running(A, B) >> proposes(A2, B2) << configure("a", "q") << configure("b", "q")
    script = script >> after(SILENCE_SECONDS - 0.1) >> said("agent.configured", "a")
    script = script << Received(events.AgentConfigured(agent_id="a")) << AgentChanged("a")
    assert script.peer.deadline() == script.now + SILENCE_SECONDS
    assert script >> after(SILENCE_SECONDS - 0.1) >> after(0.1) << Settled()


def test_a_refusal_is_told_when_the_rest_is_answered() -> None:
    assert (
        running(A, B) >> proposes(A2, B2) << configure("a", "q") << configure("b", "q")
        >> refusal("a")
        >> said("agent.configured", "b") << Received(events.AgentConfigured(agent_id="b")) << AgentChanged("b")
        << Settled((ChangeRefused("a", "REGISTRATION_ERROR", "no"),))
    )  # fmt: skip


def test_an_error_about_something_else_is_no_refusal() -> None:
    script = running(A, B) >> proposes(A2, B) << configure("a", "q") >> refusal("b")
    script = script << Received(events.Error(agent_id="b", code="REGISTRATION_ERROR", error="no"))
    assert (
        script
        >> said("agent.configured", "a")
        << Received(events.AgentConfigured(agent_id="a"))
        << AgentChanged("a")
        << Settled()
    )


def test_a_new_agent_is_there_when_its_channels_are() -> None:
    channel = said("channel.add", "c", type="phone", ref="+1 555")
    added = events.ChannelAdded(agent_id="c", type="phone", ref="+1555")
    script = running(A) >> proposes(A, agent("c", "+1 555")) << said("agent.create", "c")
    script = script >> created("c") << channel << AgentReady("c") << AgentChanged("c")
    assert (
        script
        >> said("channel.added", "c", type="phone", ref="+1555")
        << Received(added)
        << AgentChanged("c")
        << Settled()
    )


def test_a_number_that_another_has_is_a_refusal_and_not_tried_again_behind_it() -> None:
    script = running(A) >> proposes(agent("a", "+1555", prompt="p"))
    script = script << said("channel.add", "a", type="phone", ref="+1555")
    refused = Settled((ChangeRefused("a", "PHONE_IN_USE", "no"),))
    script = script >> refusal("a", "PHONE_IN_USE", phone="+1555") << refused
    script = script >> proposes(A) << said("channel.remove", "a", ref="+1555", type="phone")
    script.mute = KEEPALIVE
    assert script >> after(SILENCE_SECONDS) << Settled() >> after(10)


def test_nothing_to_send_is_settled_at_once() -> None:
    assert running(A) >> proposes(A) << Settled()
    assert (
        running(A)
        >> proposes()
        << said("agent.remove", "a")
        >> said("agent.removed", "a")
        << Received(events.AgentRemoved(agent_id="a"))
        << Settled()
    )


def reconnected(script: Script) -> Script:
    return script >> after(0) << Open() >> opened << CONNECT >> CONNECTED << Up(2)


def test_what_a_lost_connection_left_open_is_settled_by_the_next() -> None:
    script = running(A, B) >> proposes(A2, B) << configure("a", "q") >> lost() << Postponed()
    script = reconnected(script << Down("connection lost", 0.0))
    script = script << said("agent.create", "a", prompt="q") << said("agent.create", "b", prompt="p")
    assert (
        script
        >> after(5)
        >> created("b")
        << AgentReady("b")
        >> created("a")
        << AgentReady("a")
        << AgentChanged("a")
        << Settled()
    )


def test_after_a_loss_a_conflict_passes_and_a_refusal_does_not() -> None:
    script = running(A, B) >> proposes(A2, B) << configure("a", "q") >> lost() << Postponed()
    script = reconnected(script << Down("connection lost", 0.0))
    script = script << said("agent.create", "a", prompt="q") << said("agent.create", "b", prompt="p")
    script = script >> created("b") << AgentReady("b") >> refusal("a", "AGENT_CONFLICT", retry_after_s=1)
    assert isinstance(script.seen.pop(), AgentRefused)
    script = script >> after(1) << said("agent.create", "a", prompt="q") >> refusal("a")
    assert script << Settled((ChangeRefused("a", "REGISTRATION_ERROR", "no"),))


def test_without_a_connection_it_waits_for_one() -> None:
    peer = ClientPeer("k", lambda: 0.0)
    peer.want({"a": A}, now=0.0)
    script = Script(peer) >> proposes(A2) << Postponed() >> proposes(A2, B) << Postponed() >> start << Open()
    script = script >> opened << CONNECT >> CONNECTED << Up(1)
    script = script << said("agent.create", "a", prompt="q") << said("agent.create", "b", prompt="p")
    script = script >> created("b") << AgentReady("b") << AgentChanged("b")
    assert script >> created("a") << AgentReady("a") << AgentChanged("a") << Settled()

"""The runner's half of the wire: connecting, registering, losing and finding the server again."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.protocol._script import (
    KEEPALIVE,
    Script,
    after,
    agent,
    create,
    created,
    heard,
    lost,
    opened,
    phone,
    sends,
    start,
    stop,
    wants,
)
from tests.protocol._world import World, as_registered, calm_down, pass_time

from pinecall_run.protocol import _answers
from pinecall_run.protocol.client import ClientPeer, State
from pinecall_run.protocol.outputs import (
    AgentReady,
    AgentRefused,
    AgentStandingBy,
    AnswerDropped,
    ChannelRefused,
    Down,
    Ignored,
    Open,
    Probe,
    Received,
    Refused,
    Shut,
    Up,
)
from pinecall_run.wire import commands, events
from pinecall_run.wire.codec import Malformed, Unknown
from pinecall_run.wire.commands import (
    AgentConfigure,
    AgentRemove,
    ChannelAdd,
    ChannelRemove,
    LlmToolResult,
    ToolResult,
)
from pinecall_run.wire.registration import Registration

CONNECT = {"event": "connect", "api_key": "pk_test"}
CONNECTED = {"event": "connected", "org_id": "org_1"}
PING, PONG = {"event": "ping"}, {"event": "pong"}
DISPLACED = "another process, or an operator, took the agents over: "


def client(*registrations: Registration, chance: float = 0.0) -> Script:
    """A peer that has not begun; ``chance`` is what its random numbers are, 0 ≤ chance < 1."""
    return Script(ClientPeer("pk_test", lambda: chance)) >> wants(*registrations)


def greeting(*registrations: Registration, chance: float = 0.0) -> Script:
    return client(*registrations, chance=chance) >> start << Open() >> opened << CONNECT


def up(*registrations: Registration, chance: float = 0.0) -> Script:
    """A peer whose agents, without channels or configuration, are all ready."""
    script = greeting(*registrations, chance=chance) >> CONNECTED << Up(1)
    for registration in registrations:
        script << create(registration.create.agent_id)
    for registration in registrations:
        script >> created(registration.create.agent_id) << AgentReady(registration.create.agent_id)
    return script


def error(agent_id: str, code: str = "AGENT_CONFLICT", **more: Any) -> dict[str, Any]:
    return {"event": "error", "code": code, "agent_id": agent_id, "error": "no", **more}


# connecting and registering


def test_agents_are_registered_at_once_and_their_channels_once_they_are_taken() -> None:
    assert (
        client(agent("sales", "+15551", "chat", voice="v"), agent("desk"))
        >> start << Open()
        >> opened << CONNECT
        >> CONNECTED << Up(1) << create("sales", voice="v") << create("desk")
        >> created("desk") << AgentReady("desk")
        >> created("sales")
        << phone("sales", "+15551") << {"event": "channel.add", "agent_id": "sales", "type": "chat"}
        << AgentReady("sales")
    )  # fmt: skip


def test_a_hundred_agents_are_registered_in_one_burst_and_one_that_is_refused_holds_nobody_up() -> None:
    agents = [agent(f"a{n}", f"+1{n:04}") for n in range(100)]
    script = greeting(*agents)
    for epoch in (1, 2):
        if epoch == 2:
            script >> lost() << Down("connection lost", 0.0) >> after(0) << Open() >> opened << CONNECT
        script >> CONNECTED << Up(epoch)
        for n in range(100):
            script << create(f"a{n}")
        script >> error("a7") << AgentRefused("a7", "AGENT_CONFLICT", "no", 4.25)
        for n in range(100):
            if n != 7:
                script >> created(f"a{n}") << phone(f"a{n}", f"+1{n:04}") << AgentReady(f"a{n}")
    assert script >> after(4.25) << create("a7")


def test_a_second_acknowledgement_brings_the_channels_again_and_no_second_notice() -> None:
    assert (
        greeting(agent("desk", "+15551"))
        >> CONNECTED << Up(1) << create("desk")
        >> created("desk") << phone("desk", "+15551") << AgentReady("desk")
        >> {"event": "agent.resumed", "agent_id": "desk"} << phone("desk", "+15551")
        >> CONNECTED
    )  # fmt: skip


@pytest.mark.parametrize("name", ["front-desk", "org:slug", "Mesa de ayuda ñ 日本", " a ", "line:+1555", "A_b"])
def test_agent_ids_go_out_and_come_back_byte_for_byte(name: str) -> None:
    assert (
        greeting(agent(name, "chat"))
        >> CONNECTED << Up(1) << create(name)
        >> created(name) << {"event": "channel.add", "agent_id": name, "type": "chat"} << AgentReady(name)
    )  # fmt: skip


@pytest.mark.parametrize("said", ["org_1:Front_Desk", "front-desk", "FRONT DESK", "a:b:front__desk"])
def test_an_agent_is_known_by_what_a_server_makes_of_its_id(said: str) -> None:
    script = (
        greeting(agent("Front_Desk"), agent("back")) >> CONNECTED << Up(1) << create("Front_Desk") << create("back")
    )
    started = {"event": "call.started", "agent_id": said, "call_id": "CA_1"}
    assert (
        script
        >> created(said) << AgentReady("Front_Desk")
        >> started << Received(events.CallStarted(agent_id="Front_Desk", call_id="CA_1"))
    )  # fmt: skip


def test_an_exact_id_goes_before_one_that_is_alike() -> None:
    script = greeting(agent("desk"), agent("Desk")) >> CONNECTED << Up(1) << create("desk") << create("Desk")
    assert script >> created("Desk") << AgentReady("Desk") >> created("desk") << AgentReady("desk")


def test_keepalive_goes_both_ways() -> None:
    assert (
        up()
        >> after(9.9)
        >> after(0.1) << PING << Probe()
        >> {"event": "pong", "timestamp": 12.5}
        >> after(10) << PING << Probe()
        >> PING << PONG
    )  # fmt: skip


SILENT = "the server has been silent for 22 s"


def test_a_server_that_went_silent_is_given_up_within_25_seconds_and_found_again() -> None:
    assert (
        up(agent("desk"))
        >> after(9) >> {"event": "no.such.event"} << Ignored(Unknown("no.such.event"))  # a sign of life all the same
        >> after(1) << PING << Probe()
        >> after(10) << PING << Probe()
        >> after(10) << PING << Probe()
        >> after(0.99)
        >> after(0.01) << Shut(1000, "timeout") << Down(SILENT, 0.0, was_steady=True)
        >> created("desk")  # unread on the old socket
        >> after(0) << Open()
        >> opened << CONNECT
        >> CONNECTED << Up(2) << create("desk")
    )  # fmt: skip


def test_a_pong_of_the_websocket_is_a_sign_of_life_where_the_server_answers_no_ping() -> None:
    script = up()
    for _ in range(20):
        script >> after(10) << PING << Probe() >> heard
    assert script


@pytest.mark.parametrize("asleep", [11.5, 30.0, 86_400.0])
def test_who_was_asleep_asks_before_it_judges(asleep: float) -> None:
    """A tool that blocked the event loop, or a laptop's lid: what the server said meanwhile is not read yet."""
    script = up() >> after(asleep) << PING << Probe() >> heard >> after(9.9) >> after(0.1) << PING << Probe()
    assert script >> heard >> after(asleep) << PING << Probe()
    script.mute = KEEPALIVE
    for _ in range(30):
        script >> after(0.5)
        if script.seen:
            break
    assert script << Shut(1000, "timeout") << Down(SILENT, 0.0, was_steady=True)


def test_what_the_peer_does_not_deal_with_is_handed_on_and_what_nobody_knows_is_counted() -> None:
    assert (
        up(agent("desk"))
        >> {"event": "chat.message", "agent_id": "desk", "call_id": "c", "text": "hi"}
        << Received(events.ChatMessage(agent_id="desk", call_id="c", text="hi"))
        >> {"event": "memory.ops", "agent_id": "desk"} << Ignored(Unknown("memory.ops"))
        >> "{" << Ignored(Malformed("Input data was truncated"))
        >> created("stranger")
        << Ignored(Malformed("an agent we did not register", "agent.created", "stranger"))
    )  # fmt: skip


# timeouts, losses, reconnecting


def test_a_socket_that_does_not_open_is_given_up_after_ten_seconds() -> None:
    sentence = "the server did not open within 10 s"
    assert (
        client(chance=0.5)
        >> start << Open()
        >> after(9.9)
        >> after(0.1) << Shut(1000, "timeout") << Down(sentence, 0.125)
        >> opened  # too late
        >> after(0.125) << Open()
    )  # fmt: skip


def test_a_server_that_does_not_answer_connect_is_given_up_after_ten_seconds() -> None:
    sentence = "the server did not accept the key within 10 s"
    assert greeting() >> after(9.9) >> after(0.1) << Shut(1000, "timeout") << Down(sentence, 0.0) >> CONNECTED


STAGES = {
    "opening": lambda: client(agent("desk")) >> start << Open(),
    "greeting": lambda: greeting(agent("desk")),
    "registering": lambda: greeting(agent("desk")) >> CONNECTED << Up(1) << create("desk"),
    "refused": lambda: up(agent("other")) >> wants(agent("desk")) << create("desk") >> error("desk")
    << AgentRefused("desk", "AGENT_CONFLICT", "no", 4.25),
    "ready": lambda: up(agent("desk")),
}  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_a_loss_at_any_point_leads_to_the_whole_sequence_again(stage: str) -> None:
    script = STAGES[stage]()
    epoch = script.peer.epoch + 1  # type: ignore[union-attr]
    assert (
        script
        >> lost() << Down("connection lost", 0.0)
        >> lost("again")
        >> created("desk")  # of a connection that is gone
        >> after(0) << Open()
        >> created("desk")
        >> opened << CONNECT
        >> CONNECTED << Up(epoch) << create("desk")
        >> created("desk") << AgentReady("desk")
        >> after(9.9)  # no retry of the old connection is left
    )  # fmt: skip


def test_delays_have_full_jitter_and_a_cap() -> None:
    almost_one = 1 - 2**-20
    ceilings = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    script, eager = client(chance=almost_one) >> start << Open(), client(chance=0.0) >> start << Open()
    for ceiling in ceilings:
        script >> lost() << Down("connection lost", almost_one * ceiling)
        script >> after(almost_one * ceiling * 0.99) >> after(ceiling * 0.01) << Open()
        eager >> lost() << Down("connection lost", 0.0) >> after(0) << Open()
    for _ in range(2000):
        script >> lost() << Down("connection lost", almost_one * 15.0) >> after(15) << Open()
    assert script
    assert eager


@pytest.mark.parametrize(("lasted", "ceiling"), [(5.0, 0.25), (4.9, 1.0)])
def test_only_a_connection_that_lasted_begins_the_delays_anew(lasted: float, ceiling: float) -> None:
    """A server that accepts the key and hangs up would be asked four times a second for ever."""
    script = client(chance=0.5) >> start << Open()
    for delay in (0.125, 0.25):
        script >> lost() << Down("connection lost", delay) >> after(delay) << Open()
    script >> opened << CONNECT >> CONNECTED << Up(1) >> after(lasted)
    assert script >> lost() << Down("connection lost", ceiling / 2, was_steady=lasted == 5.0)


@pytest.mark.parametrize("code", ["INVALID_KEY", "MISSING_KEY", "UNAUTHORIZED"])
def test_a_wrong_key_ends_it(code: str) -> None:
    refused = Refused("the server refused the key: unknown key")
    assert (
        greeting(agent("desk"))
        >> {"event": "error", "code": code, "error": "unknown key"} << Shut(1000, "client_disconnect") << refused
        >> lost("invalid key")
        >> after(100)
        >> CONNECTED
    )  # fmt: skip


def test_other_errors_before_the_greeting_do_not_end_it() -> None:
    full = {"event": "error", "code": "SERVER_AT_CAPACITY", "error": "full"}
    assert greeting() >> full << Received(events.Error(code="SERVER_AT_CAPACITY", error="full")) >> CONNECTED << Up(1)


@pytest.mark.parametrize("reason", ["Displaced: the agent was registered elsewhere", "agent displaced"])
@pytest.mark.parametrize("stage", ["greeting", "registering", "ready"])
def test_a_displaced_runner_does_not_come_back(stage: str, reason: str) -> None:
    script = STAGES[stage]() >> lost(reason) << Shut(1000, "client_disconnect") << Refused(DISPLACED + reason)
    assert script >> after(100) >> lost() >> opened
    assert script.peer.deadline() is None


def test_an_address_with_that_word_in_it_displaces_nobody() -> None:
    reason = "displaced.example is not a WebSocket address"
    assert client() >> start << Open() >> lost(reason) << Down(reason, 0.0)


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_comes_after_a_stop(stage: str) -> None:
    script = STAGES[stage]() >> stop << Shut(1000, "client_disconnect")
    assert script >> stop >> after(100) >> lost("x") >> opened >> created("desk") >> wants(agent("b")) >> start
    assert (script.peer.deadline(), script.peer.state) == (None, State.ENDED)  # type: ignore[union-attr]
    assert client() >> stop >> start
    assert client() >> start << Open() >> lost() << Down("connection lost", 0.0) >> stop >> after(100)


# agents that somebody else holds


@pytest.mark.parametrize(
    ("answers", "delays"),
    [
        ([{}, {}, {}, {}], [5, 10, 20, 40]),
        ([{"retry_after_s": 7}, {"retry_after_s": 3.5}, {}], [7, 3.5, 20]),
        ([{"retry_after_s": 500}, {}], [60, 10]),
        ([{"retry_after_s": 500, "holder_alive": True}, {}], [90, None]),
        ([{"retry_after_s": 0}, {"retry_after_s": -5}], [0.5, 0.5]),
        ([{}, {}, {"holder_alive": False}, {}, {"holder_alive": True}], [5, 10, 5, 10, 20]),
        ([{}, {}, {}, {}, {}, {}], [5, 10, 20, 40, 15, None]),
        ([{"retry_after_s": 50}, {"retry_after_s": 50}, {}], [50, 40, None]),
        ([{"retry_after_s": 50}, {"retry_after_s": 50, "holder_alive": False}, {"retry_after_s": 50}], [50, 50, 40]),
    ],
)
def test_a_conflict_is_tried_again_until_the_budget_is_spent(answers: list[Any], delays: list[float | None]) -> None:
    script = greeting(agent("desk", voice="v"), chance=0.5) >> CONNECTED << Up(1) << create("desk", voice="v")
    script.mute = KEEPALIVE
    for answer, delay in zip(answers, delays, strict=True):
        script >> error("desk", **answer) << AgentRefused("desk", "AGENT_CONFLICT", "no", delay)
        if delay is not None:
            script >> after(delay - 0.01) >> after(0.01) << create("desk", voice="v")
    if delays[-1] is not None:
        script >> created("desk") << AgentReady("desk")
    assert script >> after(1000)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 4.25), (1 - 2**-30, 5.75)])
def test_retries_of_many_runners_spread(chance: float, delay: float) -> None:
    script = greeting(agent("desk"), chance=chance) >> CONNECTED << Up(1) << create("desk") >> error("desk")
    refused = script.seen.pop()
    assert refused.retry_in == pytest.approx(delay)


def test_a_second_refusal_does_not_move_the_retry() -> None:
    script = greeting(agent("desk"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    script >> error("desk") << AgentRefused("desk", "AGENT_CONFLICT", "no", 5.0) >> after(2)
    script >> error("desk") << AgentRefused("desk", "AGENT_CONFLICT", "no", 3.0)
    script >> error("desk", "BAD_FRAME") << AgentRefused("desk", "BAD_FRAME", "no", 3.0)
    script >> after(2.9) >> after(0.1) << create("desk")
    assert script >> error("desk", "AGENT_IN_USE") << AgentRefused("desk", "AGENT_IN_USE", "no", 10.0)


def test_old_servers_name_the_conflict_only_in_the_sentence() -> None:
    script = greeting(agent("desk"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    old = {"event": "error", "agent_id": "desk", "message": "AGENT_IN_USE: held by another"}
    assert script >> old << AgentRefused("desk", "", "AGENT_IN_USE: held by another", 5.0)


@pytest.mark.parametrize("code", ["AGENT_CONFLICT_FATAL", "REGISTRATION_ERROR", "SERVER_AT_CAPACITY", "X"])
def test_other_refusals_are_final_and_one_refused_agent_stops_no_other(code: str) -> None:
    script = greeting(agent("a"), agent("b"), agent("c")) >> CONNECTED << Up(1) << create("a") << create("b")
    assert (
        script << create("c")
        >> error("b", code) << AgentRefused("b", code, "no", None)
        >> created("a") << AgentReady("a")
        >> created("c") << AgentReady("c")
        >> after(10) << PING << Probe()
    )  # fmt: skip


def test_a_number_in_use_is_asked_for_again_and_refuses_no_agent() -> None:
    """The connection that held it before may be dead, and its server is about to find that out."""
    script = greeting(agent("desk", "+1 (555) 1", "+1666", "chat"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    script >> created("desk") << phone("desk", "+1 (555) 1") << phone("desk", "+1666")
    script << {"event": "channel.add", "agent_id": "desk", "type": "chat"} << AgentReady("desk")
    script.mute = KEEPALIVE
    in_use = error("desk", "PHONE_IN_USE", phone="+15551")  # servers may say it in a form of their own
    for delay in (5, 10, 20, 40, 15):
        script >> in_use << ChannelRefused("desk", "phone", "+1 (555) 1", "no", delay)
        script >> in_use << ChannelRefused("desk", "phone", "+1 (555) 1", "no", delay)
        script >> after(delay - 0.01) >> after(0.01) << phone("desk", "+1 (555) 1")
    assert script >> in_use << ChannelRefused("desk", "phone", "+1 (555) 1", "no", None) >> after(600)
    stranger = events.Error(code="PHONE_IN_USE", agent_id="desk", error="no", phone="+1777")
    assert script >> error("desk", "PHONE_IN_USE", phone="+1777") << Received(stranger)


def test_a_number_that_was_taken_or_is_wanted_no_more_is_not_asked_for_again() -> None:
    script = up(agent("desk")) >> wants(agent("desk", "+1555", "+1666"), changes=[])
    script.mute = KEEPALIVE
    for ref in ("+1555", "+1666"):
        refused = error("desk", "PHONE_IN_USE", phone=ref)
        script >> refused << ChannelRefused("desk", "phone", ref, "no", 4.25)
    added = {"event": "channel.added", "agent_id": "desk", "type": "phone", "ref": "+1555"}
    script >> added << Received(events.ChannelAdded(agent_id="desk", type="phone", ref="+1555"))
    assert script >> wants(agent("desk", "+1555"), changes=[]) >> after(60)


FATAL = "AGENT_CONFLICT_FATAL"


def test_a_fatal_conflict_ends_it_once_no_other_agent_is_left() -> None:
    script = greeting(agent("a"), agent("b")) >> CONNECTED << Up(1) << create("a") << create("b")
    script >> error("a", FATAL) << AgentRefused("a", FATAL, "no", None)
    ended = Refused("another process holds b, and the server keeps it there: no")
    script >> error("b", FATAL) << AgentRefused("b", FATAL, "no", None)
    assert script << Shut(1000, "client_disconnect") << ended >> lost("x") >> after(100)


# standing by


def conflict(agent_id: str = "desk") -> dict[str, Any]:
    return error(agent_id, holder_alive=True, retry_after_s=5, standby=True)


def standing_by(chance: float = 0.5) -> Script:
    script = greeting(agent("desk", "+1555", voice="v"), chance=chance) >> CONNECTED << Up(1)
    return script << create("desk", voice="v") >> conflict() << AgentStandingBy("desk")


def test_who_stands_by_waits_without_an_end_and_reminds_the_server_each_minute() -> None:
    script = standing_by()
    script.mute = KEEPALIVE
    for _ in range(100):
        script >> after(59.9) >> after(0.1) << create("desk", voice="v") >> conflict()
    assert script >> created("desk") << phone("desk", "+1555") << AgentReady("desk") >> after(1000)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 51.0), (1 - 2**-30, 69.0)])
def test_the_reminders_of_many_runners_spread(chance: float, delay: float) -> None:
    script = standing_by(chance)
    script.mute = KEEPALIVE
    assert script >> after(delay - 0.01) >> after(0.02) << create("desk", voice="v")


def test_an_agent_comes_over_whenever_its_holder_leaves() -> None:
    script = standing_by() >> after(5) >> created("desk") << phone("desk", "+1555") << AgentReady("desk")
    script.mute = KEEPALIVE
    assert script >> after(200)  # nothing of the waiting is left


def test_what_changes_while_we_stand_by_is_told_at_once_so_that_nothing_old_is_handed_over() -> None:
    changed = wants(agent("desk", voice="w"), changes=[AgentConfigure(agent_id="desk", voice="w")])
    script = standing_by() >> changed << create("desk", voice="w")
    assert script >> created("desk") << AgentReady("desk") >> created("desk")  # they crossed: it is ours, then changed
    assert standing_by() >> changed << create("desk", voice="w") >> conflict() >> after(9)


def test_after_a_change_that_was_refused_the_next_one_registers_all_of_what_was_handed_over() -> None:
    changed = wants(agent("desk", llm="x/y"), changes=[AgentConfigure(agent_id="desk", llm="x/y")])
    script = standing_by() >> changed << create("desk", llm="x/y")
    script >> error("desk", "REGISTRATION_ERROR") << AgentRefused("desk", "REGISTRATION_ERROR", "no", None)
    script >> created("desk") << AgentReady("desk")  # as it was before the change
    script >> wants(agent("desk", llm="a/b"), changes=[AgentConfigure(agent_id="desk", llm="a/b")])
    assert script << create("desk", llm="a/b")


def test_who_does_not_want_it_any_more_says_so() -> None:
    script = (
        standing_by() >> wants(changes=[AgentRemove(agent_id="desk")]) << {"event": "agent.remove", "agent_id": "desk"}
    )
    script >> {"event": "agent.removed", "agent_id": "desk"} << Received(events.AgentRemoved(agent_id="desk"))
    script.mute = KEEPALIVE
    assert script >> after(200)


def test_a_conflict_without_that_word_is_counted_as_ever_and_later_one_stands_by_again() -> None:
    script = standing_by()
    script.mute = KEEPALIVE
    script >> after(60) << create("desk", voice="v")
    script >> error("desk", retry_after_s=3, holder_alive=False) << AgentRefused("desk", "AGENT_CONFLICT", "no", 3.0)
    script >> after(3) << create("desk", voice="v") >> conflict() << AgentStandingBy("desk") >> after(59)
    script >> lost() << Down("connection lost", 0.125, was_steady=True) >> after(0.125) << Open()
    script >> opened << CONNECT >> CONNECTED << Up(2) << create("desk", voice="v")
    assert script >> conflict() << AgentStandingBy("desk")


@pytest.mark.parametrize("standby", [None, False, 0])
def test_nothing_but_true_lets_us_stand_by(standby: Any) -> None:
    script = greeting(agent("desk"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    script >> error("desk", standby=standby)
    assert not [told for told in script.seen if isinstance(told, AgentStandingBy)]


def test_the_answers_of_calls_that_were_ours_go_out_though_another_process_has_the_agent_now() -> None:
    script = answered() >> _asks(2, "d") << _asked(2, "d") >> lost() << Down("connection lost", 0.0)
    script >> sends(LlmToolResult(call_id="d", msg_id="m2", results=[]))
    script >> after(0) << Open() >> opened << CONNECT >> CONNECTED << Up(2) << create("desk") >> conflict()
    script << {"event": "llm.tool_result", "call_id": "d", "msg_id": "m2", "results": []} << AgentStandingBy("desk")
    assert script >> after(1) << _frame(1)


# what is sent while there is no connection


def _result(n: int) -> LlmToolResult:
    return LlmToolResult(call_id="c", msg_id=f"m{n}", results=[ToolResult(tool_call_id="t", result=n)])


def _frame(n: int) -> dict[str, Any]:
    results = [{"tool_call_id": "t", "result": n}]
    return {"event": "llm.tool_result", "call_id": "c", "msg_id": f"m{n}", "results": results}


def test_tool_results_wait_for_the_next_connection_and_nothing_else_does() -> None:
    script = up(agent("desk"))
    peer = script.peer
    assert isinstance(peer, ClientPeer)
    script >> sends(_result(0)) << _frame(0) >> lost() << Down("connection lost", 0.0)
    assert [peer.send(_result(1)), peer.send(commands.CallHangup(call_id="c")), peer.send(_result(2))] == [
        True,
        False,
        True,
    ]
    script >> after(0) << Open() >> opened << CONNECT >> sends(_result(3))
    assert script >> CONNECTED << Up(2) << create("desk") << _frame(1) << _frame(2) << _frame(3)


def test_without_a_tool_call_that_named_it_the_agent_of_an_answer_holds_nothing_up() -> None:
    script = up(agent("desk")) >> lost() << Down("connection lost", 0.0) >> sends(_result(1))
    assert script >> after(0) << Open() >> opened << CONNECT >> CONNECTED << Up(2) << create("desk") << _frame(1)


def test_the_outbox_has_a_bound_that_is_told_and_a_stopped_peer_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_answers, "ANSWERS", 7)
    script = client() >> start << Open()
    for n in range(12):
        script >> sends(_result(n))
        if n >= 7:
            script << AnswerDropped("c", f"m{n - 7}")
    script >> opened << CONNECT >> CONNECTED << Up(1)
    for n in range(5, 12):
        script << _frame(n)
    assert script >> stop << Shut(1000, "client_disconnect")
    assert script.peer.send(_result(1)) is False  # type: ignore[union-attr]


def test_the_bound_is_of_bytes_too_but_one_answer_is_always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_answers, "ANSWER_BYTES", 150)
    script = client() >> start << Open() >> sends(_result(1)) >> sends(_result(2)) << AnswerDropped("c", "m1")
    large = LlmToolResult(call_id="c", msg_id="m3", results=[ToolResult(tool_call_id="t", result="x" * 500)])
    assert script >> sends(large) << AnswerDropped("c", "m2") >> sends(_result(4)) << AnswerDropped("c", "m3")


# the answers to tool calls, until the server has shown that it has them


def _asks(n: int, call_id: str = "c", agent_id: str = "desk") -> dict[str, Any]:
    calls = [{"id": "t", "name": "look", "arguments": "{}"}]
    return {"event": "llm.tool_call", "agent_id": agent_id, "call_id": call_id, "msg_id": f"m{n}", "tool_calls": calls}


def _asked(n: int, call_id: str = "c", agent_id: str = "desk") -> Received[events.Event]:
    calls = [events.ToolCall(id="t", name="look", arguments="{}")]
    return Received(events.LlmToolCall(agent_id=agent_id, call_id=call_id, msg_id=f"m{n}", tool_calls=calls))


def answered() -> Script:
    """A peer that was asked for a tool, has answered, and heard nothing since."""
    return up(agent("desk")) >> _asks(1) << _asked(1) >> sends(_result(1)) << _frame(1)


def back(script: Script) -> Script:
    """The connection is lost, and up again with its agent registered."""
    epoch = script.peer.epoch + 1  # type: ignore[union-attr]
    script >> lost() << Down("connection lost", 0.0) >> after(0) << Open() >> opened << CONNECT
    return script >> CONNECTED << Up(epoch) << create("desk") >> created("desk") << AgentReady("desk")


def test_an_answer_that_may_have_been_lost_is_sent_again_once_on_each_connection() -> None:
    """The server first has a moment to say what it waits for: it may have the answer and be further on."""
    script = back(answered())
    for _ in range(3):
        script >> after(0.99) >> after(0.01) << _frame(1) >> after(5)
        script.mute = KEEPALIVE
        script >> after(5) >> heard >> lost() << Down("connection lost", 0.0, was_steady=True) >> after(0) << Open()
        script >> opened << CONNECT >> CONNECTED << Up(script.peer.epoch)  # type: ignore[union-attr]
        script << create("desk") >> created("desk") << AgentReady("desk")


def test_an_answer_that_was_never_sent_goes_out_as_soon_as_its_agent_is_there() -> None:
    """Before that a server does not know whose call it is; a conflict may take a while."""
    script = up(agent("desk")) >> _asks(1) << _asked(1) >> lost() << Down("connection lost", 0.0) >> sends(_result(1))
    script >> after(0) << Open() >> opened << CONNECT >> CONNECTED << Up(2) << create("desk")
    script >> error("desk") << AgentRefused("desk", "AGENT_CONFLICT", "no", 4.25) >> after(4.25) << create("desk")
    script >> created("desk") << AgentReady("desk") << _frame(1)
    assert script >> after(4)


def test_an_answer_given_while_its_agent_is_being_registered_waits_for_it() -> None:
    script = up(agent("desk")) >> _asks(1) << _asked(1) >> lost() << Down("connection lost", 0.0)
    script >> after(0) << Open() >> opened << CONNECT >> CONNECTED << Up(2) << create("desk") >> sends(_result(1))
    assert script >> created("desk") << AgentReady("desk") << _frame(1)


def test_the_answers_of_an_agent_that_is_removed_before_it_is_back_wait_no_longer() -> None:
    script = answered() >> lost() << Down("connection lost", 0.0) >> after(0) << Open() >> opened << CONNECT
    script >> CONNECTED << Up(2) << create("desk")
    script >> wants(changes=[AgentRemove(agent_id="desk")]) << {"event": "agent.remove", "agent_id": "desk"}
    assert script >> after(1) << _frame(1)


PROGRESS = [
    {"event": "chat.response", "text": "x"},
    {"event": "llm.chat.token", "token": "x", "text": "x"},
    {"event": "llm.chat.done", "text": "x"},
    {"event": "llm.error", "error": "x"},
    {"event": "llm.before", "turn": 2},
    {"event": "bot.speaking", "message_id": "msg_server", "text": ""},
    {"event": "llm.chat.error", "error": "x"},
    {"event": "call.ended"},
    {"event": "llm.chat.ended"},
    _asks(2),
]
NO_PROGRESS = [
    {"event": "chat.message", "text": "hello?"},
    {"event": "user.message", "message_id": "u", "text": "x"},
    {"event": "turn.end"},
    {"event": "bot.speaking", "message_id": "msg_ours", "text": "one moment"},
    {"event": "bot.finished", "message_id": "msg_server"},
    {"event": "llm.chat.started"},
    {"event": "call.started"},
    {"event": "history.updated"},
    {"event": "session.configured"},
    _asks(1),
    {"event": "chat.response", "text": "x", "call_id": "another"},
]


@pytest.mark.parametrize("when", ["at once", "after the loss"])
@pytest.mark.parametrize(("event", "is_progress"), [(e, True) for e in PROGRESS] + [(e, False) for e in NO_PROGRESS])
def test_an_answer_is_settled_by_what_shows_that_the_model_went_on(
    event: dict[str, Any], is_progress: bool, when: str
) -> None:
    say = commands.BotReply(call_id="c", message_id="msg_ours", text="one moment", in_reply_to="")
    script = up(agent("desk")) >> _asks(1) << _asked(1) >> sends(say)
    script.seen.clear()
    script >> sends(_result(1)) << _frame(1)
    script = back(script) if when == "after the loss" else script
    script >> {"agent_id": "desk", "call_id": "c", **event}
    script.seen.clear()
    script = back(script) if when == "at once" else script
    script >> after(1)
    assert script if is_progress else script << _frame(1)


def test_a_server_that_asks_again_is_answered_again() -> None:
    script = back(answered()) >> _asks(1) << _asked(1) >> sends(_result(1)) << _frame(1)
    assert script >> after(5)


def test_answers_of_other_calls_are_not_settled_and_messages_may_be_numbered_anew_in_each() -> None:
    other = LlmToolResult(call_id="d", msg_id="m1", results=[])
    script = answered() >> _asks(1, "d") << _asked(1, "d") >> sends(other)
    script.seen.clear()
    script >> {"event": "call.ended", "agent_id": "desk", "call_id": "c"}
    script.seen.clear()
    assert back(script) >> after(1) << {"event": "llm.tool_result", "call_id": "d", "msg_id": "m1", "results": []}


# changes of what should be registered


def test_changes_are_sent_when_there_is_a_connection() -> None:
    changes = [
        AgentRemove(agent_id="old"),
        ChannelRemove(agent_id="desk", ref="+15551"),
        AgentConfigure(agent_id="desk", voice=None),
        ChannelAdd(agent_id="desk", type="chat"),
    ]
    assert (
        up(agent("desk"), agent("old"))
        >> wants(agent("desk", "chat"), agent("new", "+15551"), changes=changes)
        << {"event": "agent.remove", "agent_id": "old"}
        << {"event": "channel.remove", "agent_id": "desk", "ref": "+15551"}
        << {"event": "agent.configure", "agent_id": "desk", "voice": None}
        << {"event": "channel.add", "agent_id": "desk", "type": "chat"}
        << create("new")
        >> created("new") << phone("new", "+15551") << AgentReady("new")
    )  # fmt: skip


@pytest.mark.parametrize("stage", ["opening", "greeting"])
def test_without_a_connection_the_next_one_registers_what_is_desired_then(stage: str) -> None:
    changes = [AgentRemove(agent_id="desk"), AgentConfigure(agent_id="desk", voice="w")]
    script = STAGES[stage]() >> wants(agent("b", voice="w"), changes=changes)
    script = script >> opened << CONNECT if stage == "opening" else script
    assert script >> CONNECTED << Up(1) << create("b", voice="w")


def test_an_agent_that_is_being_registered_is_registered_again_as_it_is_desired_now() -> None:
    """The patch would be lost if the first registration is refused, and the server would keep the old prompt."""
    changes = [AgentConfigure(agent_id="desk", prompt="new"), ChannelRemove(agent_id="desk", ref="chat")]
    assert (
        greeting(agent("desk", "chat", prompt="old"))
        >> CONNECTED << Up(1) << create("desk", prompt="old")
        >> wants(agent("desk", "+15551", prompt="new"), changes=changes) << create("desk", prompt="new")
        >> created("desk") << phone("desk", "+15551") << AgentReady("desk")
        >> created("desk") << phone("desk", "+15551")
    )  # fmt: skip


def test_an_agent_that_was_refused_is_asked_for_again_when_it_changes() -> None:
    other = [AgentConfigure(agent_id="other", voice="v")]
    mended = [AgentConfigure(agent_id="desk", llm="openai/gpt-4.1-mini")]
    assert (
        greeting(agent("desk", llm="x/y"), agent("other"))
        >> CONNECTED << Up(1) << create("desk", llm="x/y") << create("other")
        >> created("other") << AgentReady("other")
        >> error("desk", "REGISTRATION_ERROR") << AgentRefused("desk", "REGISTRATION_ERROR", "no", None)
        >> wants(agent("desk", llm="x/y"), agent("other", voice="v"), changes=other)
        << {"event": "agent.configure", "agent_id": "other", "voice": "v"}
        >> wants(agent("desk", llm="openai/gpt-4.1-mini"), agent("other", voice="v"), changes=mended)
        << create("desk", llm="openai/gpt-4.1-mini")
        >> created("desk") << AgentReady("desk")
    )  # fmt: skip


def test_after_a_refused_change_the_next_one_registers_all_of_the_agent() -> None:
    """The second patch leads from what was refused; the server never had that."""
    refused = {"event": "error", "code": "REGISTRATION_ERROR", "agent_id": "desk", "error": "no"}
    wrong = [AgentConfigure(agent_id="desk", llm="x/y", voice="v")]
    mended = [ChannelRemove(agent_id="desk", ref="chat"), AgentConfigure(agent_id="desk", llm="a/b")]
    assert (
        up(agent("desk"))
        >> wants(agent("desk", llm="x/y", voice="v"), changes=wrong)
        << {"event": "agent.configure", "agent_id": "desk", "llm": "x/y", "voice": "v"}
        >> refused << Received(events.Error(code="REGISTRATION_ERROR", agent_id="desk", error="no"))
        >> wants(agent("desk", llm="a/b", voice="v"), changes=mended)
        << {"event": "channel.remove", "agent_id": "desk", "ref": "chat"} << create("desk", llm="a/b", voice="v")
        >> created("desk")
        >> wants(agent("desk", voice="v"), changes=[AgentConfigure(agent_id="desk", llm=None)])
        << {"event": "agent.configure", "agent_id": "desk", "llm": None}
    )  # fmt: skip


def test_a_retry_asks_for_what_is_desired_by_then() -> None:
    script = greeting(agent("desk"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    script >> error("desk") << AgentRefused("desk", "AGENT_CONFLICT", "no", 5.0)
    script >> wants(agent("desk", voice="v"), changes=[AgentConfigure(agent_id="desk", voice="v")])
    assert script >> after(5) << create("desk", voice="v")


def test_an_agent_may_be_removed_before_it_was_taken() -> None:
    removed = {"event": "agent.remove", "agent_id": "desk"}
    script = greeting(agent("desk", "chat"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    script >> wants(changes=[AgentRemove(agent_id="desk")]) << removed
    script >> created("desk") << Ignored(Malformed("an agent we did not register", "agent.created", "desk"))
    assert script >> error("desk") << Received(events.Error(code="AGENT_CONFLICT", agent_id="desk", error="no"))
    assert script >> after(9) >> wants(agent("desk")) << create("desk") >> created("desk") << AgentReady("desk")


def test_a_removed_agent_is_not_retried() -> None:
    script = greeting(agent("desk"), chance=0.5) >> CONNECTED << Up(1) << create("desk")
    script >> error("desk") << AgentRefused("desk", "AGENT_CONFLICT", "no", 5.0)
    script >> wants(changes=[AgentRemove(agent_id="desk")]) << {"event": "agent.remove", "agent_id": "desk"}
    assert script >> after(9.9)


def test_agents_that_no_change_mentions_are_registered_all_the_same() -> None:
    assert up(agent("a")) >> wants(agent("a"), agent("c"), agent("b")) << create("c") << create("b")


# both halves, back to back


def world(*registrations: Registration, key: str = "pk_test", chance: float = 0.5) -> World:
    made = World(lambda: chance, key)
    made.want({registration.create.agent_id: registration for registration in registrations})
    made.act(lambda client: client.start(made.now))
    return made


def test_both_halves_register_every_agent_with_its_channels() -> None:
    made = world(agent("org:Mesa ñ", "+1 (555) 123-4567", "chat", voice="v"), agent("b", "sip:x@example.com"))
    made.open()
    made.flush()
    assert made.registered() == as_registered(made.desired)
    ready = [told.agent_id for told in made.told if isinstance(told, AgentReady)]
    assert ready == ["org:Mesa ñ", "b"]


def test_a_wrong_key_is_tried_once() -> None:
    made = world(agent("a"), key="another")
    made.calm_down()
    assert made.told == [Refused("the server refused the key: this server does not know the key")]
    assert (len(made.connections), made.client.state) == (1, State.ENDED)


def test_a_kicked_runner_stays_away() -> None:
    made = world(agent("a"), agent("b"))
    made.open()
    made.flush()
    made._tell(made.registry.kick("b", made.now))
    made.calm_down()
    assert made.told[-1] == Refused(DISPLACED + "Displaced by an operator")
    assert (made.registered(), len(made.connections)) == ({}, 1)


def test_a_runner_takes_its_agents_back_from_a_connection_that_died_unnoticed() -> None:
    made = world(agent("a", "+1555"), agent("b", "chat"))
    made.open()
    made.flush()
    made.lose(noticed_after=10_000)
    made.calm_down(60)
    assert made.registered() == as_registered(made.desired)
    assert {held.connection for held in made.registry.agents.values()} == {"c2"}
    assert not made.connections[0].is_open


def pair(*registrations: Registration) -> tuple[World, World]:
    """Two runners that want the same; the first one has it."""
    first = world(*registrations)
    calm_down(first, seconds=1)
    second = World(lambda: 0.5, beside=first)
    second.want(first.desired)
    second.act(lambda client: client.start(second.now))
    calm_down(first, second, seconds=120)
    return first, second


def drain(made: World) -> None:
    """What a process does that is asked to end."""
    made.want({})
    made.flush()


def test_two_runners_do_not_take_an_agent_from_each_other() -> None:
    first, second = pair(agent("a"), agent("b", "+1555"))
    assert {held.connection for held in first.registry.agents.values()} == {"c1"}
    assert [told for told in second.told if not isinstance(told, Up)] == [AgentStandingBy("a"), AgentStandingBy("b")]
    assert len(first.connections) == 2


def test_agents_go_to_the_second_runner_when_the_first_one_drains_and_back_when_it_is_lost() -> None:
    first, second = pair(agent("a"), agent("b", "+1555"))
    drain(first)
    assert {held.connection for held in second.registry.agents.values()} == {"c2"}
    second.flush()
    assert second.registered() == as_registered(second.desired)
    first.want(second.desired)
    calm_down(first, second, seconds=5)
    second.lose()
    pass_time(first, second, seconds=0.01)
    second.flush()
    assert {held.connection for held in second.registry.agents.values()} == {"c1"}
    calm_down(first, second, seconds=60)
    assert first.registered() == as_registered(first.desired)
    assert len([told for told in first.told if isinstance(told, AgentReady)]) == 4


AGENTS = ("a", "org:b ñ")
SOCKET_LOSSES = st.tuples(st.integers(0, 3), st.sampled_from([0.0, 1.0, 40.0, 100.0]))


@st.composite
def desires(draw: st.DrawFn) -> dict[str, Registration]:
    """Some of the agents. A number has one agent at a time, and may move between them."""
    names = draw(st.lists(st.sampled_from(AGENTS), unique=True))
    keys = st.dictionaries(st.sampled_from(["voice", "prompt"]), st.sampled_from(["x", "y"]), max_size=2)
    wanted = {}
    free = {"+1555", "+1666"}
    for name in names:
        refs = draw(st.lists(st.sampled_from(sorted(free)), unique=True, max_size=2)) if free else []
        free -= set(refs)
        configuration: dict[str, Any] = draw(keys)
        if draw(st.integers(0, 3)) == 0:
            configuration["llm"] = "wrong"
        channels = [ChannelAdd(agent_id=name, type="phone", ref=ref, **draw(keys)) for ref in refs]
        if draw(st.booleans()):
            channels.append(ChannelAdd(agent_id=name, type="chat", **draw(keys)))
        wanted[name] = Registration(commands.AgentCreate(agent_id=name, **configuration), tuple(channels))
    return wanted


class BackToBack(RuleBasedStateMachine):
    """Whatever happens: once things are calm the server has what is desired, and nothing old was sent anew."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.results = 0
        self.world = World(random.Random(7).random)
        self.world.want(data.draw(desires()))
        self.world.act(lambda client: client.start(self.world.now))

    @rule(data=st.data())
    def want(self, data: st.DataObject) -> None:
        if any(wanted.create.llm == "wrong" for wanted in self.world.desired.values()):
            self.world.flush()  # a patch of what is being refused this moment cannot be known to be in vain
        self.world.want(data.draw(desires()))

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 21.0, 50.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(times=st.integers(1, 8))
    def deliver(self, times: int) -> None:
        for _ in range(times):
            self.world.deliver()

    @rule(data=st.data())
    def settle_and_want(self, data: st.DataObject) -> None:
        """What happens most: all is well when something changes."""
        self.world.calm_down(1)
        self.want(data)

    @precondition(lambda self: self.world.wants_socket)
    @rule(opens=st.booleans())
    def open(self, opens: bool) -> None:
        if opens:
            self.world.open()
        else:
            self.world.refuse()

    @precondition(lambda self: self.world.current is not None)
    @rule(how=SOCKET_LOSSES)
    def lose(self, how: tuple[int, float]) -> None:
        arrives, noticed_after = how
        self.world.lose(arrives=arrives, noticed_after=noticed_after)

    @rule()
    def answer_a_tool(self) -> None:
        self.results += 1
        result = LlmToolResult(call_id="c", msg_id=f"m{self.results}", results=[])
        self.world.act(lambda client: client.send(result))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.calm_down(10)
        world.want(
            {
                name: Registration(commands.AgentCreate(agent_id=name, **_without_model(wanted)), wanted.channels)
                for name, wanted in world.desired.items()
            }
        )
        world.calm_down()
        assert world.registered() == as_registered(world.desired)
        assert {msg_id for _, msg_id in world.answers} == {f"m{n + 1}" for n in range(self.results)}
        assert len(world.answers) == len(set(world.answers)), "nobody asked for it a second time on one connection"
        assert not [told for told in world.told if isinstance(told, Refused)]


def _without_model(wanted: Registration) -> dict[str, Any]:
    return {key: value for key, value in wanted.create.configuration().items() if key != "llm"}


BackToBack.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    phases=set(Phase) - {Phase.shrink},  # it would take minutes; add it to look closer
)
TestBackToBack = BackToBack.TestCase

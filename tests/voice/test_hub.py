"""Connections, agents and conversations meet in the hub: each frame reaches whom it concerns, and nobody else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.voice._fakes import Outlet, settle
from tests.voice._stage import KEY, LOOKING, Client, Stage, scripted

from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.voice import hub
from pinecall_run.wire import commands


async def chat(stage: Stage, agent: str = "front", **metadata: Any) -> tuple[Any, Outlet]:
    outlet = Outlet()
    admitted = stage.hub.open_chat(stage.token(agent, **metadata), outlet)
    await settle()
    return admitted.session, outlet


# agents


async def test_a_configuration_whose_model_cannot_be_opened_is_refused_at_once() -> None:
    stage = Stage()
    client = stage.connect()
    for llm in ("openai/gpt-4.1-mini", 5, ["x"], {"provider": "x"}, {"provider": "scripted", "model": "s"}, "x:y:z"):
        client.send("agent.create", agent_id="a ñ", llm=llm)
        error = client.take("error")
        assert (error["code"], error["agent_id"]) == ("REGISTRATION_ERROR", "a ñ")
        assert stage.hub.registry.agents == {}
    client.send("agent.create", agent_id="a", llm=LOOKING)
    client.send("agent.configure", agent_id="a", llm=5)
    assert client.take("error")["code"] == "REGISTRATION_ERROR"
    assert stage.hub.registry.agents["a"].configuration["llm"] == LOOKING


async def test_a_client_that_answers_by_itself_needs_no_model() -> None:
    stage = Stage()
    client = stage.connect()
    client.send("agent.create", agent_id="a")
    client.send("agent.create", agent_id="b", llm={"provider": "openai", "model": "x", "enabled": False}, prompt="p")
    assert [frame["agent_id"] for frame in client.named("agent.created")] == ["a", "b"]


async def test_a_frame_that_makes_us_fail_is_answered_and_the_connection_lives(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    client = stage.connect("front")

    def fail(*_: Any) -> None:
        raise ValueError("4111")

    monkeypatch.setitem(hub._COMMANDS, commands.ChannelAdd, fail)
    client.send("channel.add", agent_id="front", type="chat")
    assert client.take("error")["code"] == "SERVER_ERROR"
    client.send("ping")
    client.take("pong")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ValueError" in caplog.text
    assert "4111" not in caplog.text


@pytest.mark.parametrize("event", ["agent.update.all", "line.create", "memory.ops", "", "connected"])
async def test_unknown_frames_are_ignored(event: str) -> None:
    client = Stage().connect()
    before = list(client.frames)
    client.send(event, agent_id="a", call_id="c", x=[1])
    assert client.frames == before


# conversations


async def test_a_conversation_keeps_the_configuration_that_it_began_with() -> None:
    stage = Stage()
    client = stage.connect("front")
    session, outlet = await chat(stage)
    client.send("agent.configure", agent_id="front", llm=scripted(otherwise="New."), tools=None)
    session.post("look")
    await settle()
    call = client.take("llm.tool_call")
    client.send("llm.tool_result", call_id=call["call_id"], msg_id=call["msg_id"],
                results=[{"tool_call_id": call["tool_calls"][0]["id"], "result": {"where": "here"}}])  # fmt: skip
    await settle()
    assert outlet.log[-1] == ("done", "It is here.")
    other, other_outlet = await chat(stage)
    other.post("look")
    await settle()
    assert other_outlet.log[-1] == ("done", "New.")


async def test_a_channel_overrides_its_agent_in_conversations() -> None:
    stage = Stage()
    client = stage.connect("front")
    client.send("channel.add", agent_id="front", type="chat", llm=scripted(otherwise="By the channel."))
    session, outlet = await chat(stage)
    session.post("x")
    await settle()
    assert outlet.log[-1] == ("done", "By the channel.")
    client.send("channel.add", agent_id="front", type="chat", llm=5)
    with pytest.raises(NotAdmittedError, match="model is not available"):
        await chat(stage)


async def test_who_may_open_a_chat() -> None:
    stage = Stage()
    stage.connect("front")
    token = stage.token("front", "supervise", userId="7")
    assert stage.hub.open_chat(token, Outlet()).is_developer
    with pytest.raises(NotAdmittedError, match="used before"):
        stage.hub.open_chat(token, Outlet())
    with pytest.raises(NotAdmittedError, match="Agent 'gone ñ' is not online"):
        stage.hub.open_chat(stage.token("gone ñ"), Outlet())
    assert not stage.hub.open_chat(stage.token("front"), Outlet()).is_developer
    stage.now += 61
    with pytest.raises(NotAdmittedError, match="expired"):
        stage.hub.open_chat(token, Outlet())


async def test_only_the_agents_connection_commands_its_calls_but_anybodys_tool_result_counts() -> None:
    stage = Stage()
    owner, other = stage.connect("front"), stage.connect("back")
    session, outlet = await chat(stage, userId="7")
    call_id = owner.take("llm.chat.started")["call_id"]
    assert owner.frames == []
    orders: list[dict[str, Any]] = [
        {"event": "bot.reply", "call_id": call_id, "message_id": "m", "text": "!", "in_reply_to": ""},
        {"event": "history.get", "call_id": call_id},
        {"event": "session.configure", "session_id": call_id, "prompt": "mine"},
        {"event": "call.hangup", "call_id": call_id},
    ]
    for client in (other, stage.connect()):
        before = list(client.frames)
        for command in orders:
            client.send(**command)
        await settle()
        assert client.frames == before
    assert outlet.log == []
    session.post("look")
    await settle()
    call = owner.take("llm.tool_call")
    # a runner that lost its connection answers on the next one, perhaps before its agents are there
    other.send("llm.tool_result", call_id=call_id, msg_id=call["msg_id"],
               results=[{"tool_call_id": call["tool_calls"][0]["id"], "result": {"where": "there"}}])  # fmt: skip
    await settle()
    assert outlet.log[-1] == ("done", "It is there.")
    for command in orders:
        owner.send(**command)
    await settle()
    assert {"bot.speaking", "history.data", "session.configured", "llm.chat.ended"} <= set(owner.names)
    for command in orders:  # it is over; a client cannot know
        owner.send(**command)
    assert owner.names[-1] == "llm.chat.ended"


async def test_a_runner_that_comes_back_takes_its_conversations_up_with_the_tool_that_was_running() -> None:
    stage = Stage()
    first = stage.connect("front")
    session, outlet = await chat(stage, userId="7")
    session.post("look")
    await settle()
    asked = first.take("llm.tool_call")
    first.lose()
    await settle()
    again = stage.connect()
    again.frames.clear()
    again.send("agent.create", agent_id="front", llm=LOOKING)
    assert again.names == ["agent.created", "llm.chat.started", "llm.tool_call"]
    assert again.frames[1]["metadata"] == {"userId": "7"}
    assert again.frames[2] == asked
    again.send("llm.tool_result", call_id=asked["call_id"], msg_id=asked["msg_id"],
               results=[{"tool_call_id": asked["tool_calls"][0]["id"], "result": {"where": "back"}}])  # fmt: skip
    await settle()
    assert outlet.log[-1] == ("done", "It is back.")
    assert again.names[3:] == ["chat.response"]


async def test_an_agent_registered_again_on_its_own_connection_does_not_begin_its_calls_anew() -> None:
    stage = Stage()
    client = stage.connect("front")
    await chat(stage)
    client.send("agent.create", agent_id="front", llm=LOOKING)
    assert client.names.count("llm.chat.started") == 1


async def test_an_agent_that_is_removed_finishes_its_conversations() -> None:
    stage = Stage()
    client = stage.connect("front", "other")
    session, outlet = await chat(stage)
    client.send("agent.remove", agent_id="front")
    client.take("agent.removed")
    with pytest.raises(NotAdmittedError):
        await chat(stage)
    session.post("look")
    await settle()
    call = client.take("llm.tool_call")
    client.send("llm.tool_result", call_id=call["call_id"], msg_id=call["msg_id"],
                results=[{"tool_call_id": call["tool_calls"][0]["id"], "result": {"where": "here"}}])  # fmt: skip
    client.send("bot.reply", call_id=session.id, message_id="m", text="Bye.", in_reply_to="")
    await settle()
    assert ("done", "It is here.") in outlet.log
    assert ("done", "Bye.") in outlet.log
    session.end("disconnected")
    await settle()
    client.take("llm.chat.ended")


async def look(client: Client, where: str) -> None:
    """Answer the tool call that a client was asked for."""
    call = client.take("llm.tool_call")
    client.send("llm.tool_result", call_id=call["call_id"], msg_id=call["msg_id"],
                results=[{"tool_call_id": call["tool_calls"][0]["id"], "result": {"where": where}}])  # fmt: skip
    await settle()


async def handing_over() -> tuple[Stage, Client, Client, Any, Outlet]:
    """A conversation with a tool in flight, whose process drains while another one stands by."""
    stage = Stage()
    old = stage.connect("front")
    session, outlet = await chat(stage)
    new = stage.connect("front")
    assert new.take("error")["standby"] is True
    session.post("look")
    await settle()
    old.send("agent.remove", agent_id="front")
    return stage, old, new, session, outlet


async def test_a_process_that_hands_an_agent_over_finishes_its_conversations() -> None:
    stage, old, new, session, outlet = await handing_over()
    assert new.names == ["agent.created"]
    await look(old, "here")
    assert outlet.log[-1] == ("done", "It is here.")
    other, other_outlet = await chat(stage)
    assert new.take("llm.chat.started")["call_id"] == other.id
    session.post("look")
    other.post("look")
    await settle()
    await look(old, "old")
    await look(new, "new")
    assert (outlet.log[-1], other_outlet.log[-1]) == (("done", "It is old."), ("done", "It is new."))
    new.send("call.hangup", call_id=session.id)  # not its own
    session.post("hi")
    await settle()
    assert outlet.log[-1] == ("done", "I heard you.")
    session.end("disconnected")
    await settle()
    assert old.names[-1] == "llm.chat.ended"
    assert {frame["call_id"] for frame in new.frames} == {other.id}


async def test_what_a_process_leaves_behind_goes_over_with_its_open_tool_calls() -> None:
    stage, old, new, session, outlet = await handing_over()
    asked = old.take("llm.tool_call")
    other, _ = await chat(stage)
    new.frames.clear()
    old.lose()
    assert new.names == ["llm.chat.started", "llm.tool_call"]
    assert new.frames[1] == asked
    new.lose()  # and nobody is there
    back = stage.connect("front")
    assert sorted(frame["call_id"] for frame in back.named("llm.chat.started")) == sorted([session.id, other.id])
    await look(back, "third")
    assert outlet.log[-1] == ("done", "It is third.")


async def test_who_stands_by_gets_the_agent_and_its_conversations_when_the_holder_is_lost() -> None:
    stage = Stage()
    old = stage.connect("front", "other")
    session, outlet = await chat(stage)
    new = stage.connect("front")
    new.frames.clear()
    old.lose()
    assert new.names == ["agent.created", "llm.chat.started"]
    with pytest.raises(NotAdmittedError):
        await chat(stage, "other")
    session.post("look")
    await settle()
    await look(new, "new")
    assert outlet.log[-1] == ("done", "It is new.")


async def test_what_the_successor_does_not_bring_is_closed_after_a_while() -> None:
    stage = Stage()
    old = stage.connect("front")
    old.send("channel.add", agent_id="front", type="phone", ref="+1555")
    new = stage.connect("front")
    old.lose()
    assert stage.hub.registry.agents["front"].channels
    stage.now += 10.0
    stage.hub.ticked(new.id)
    assert stage.hub.registry.agents["front"].channels == {}


async def test_a_kicked_process_is_told_closed_and_forgotten() -> None:
    stage = Stage()
    client = stage.connect("front", "other")
    assert not stage.hub.kick("nobody")
    assert stage.hub.kick("front")
    assert client.names[-1] == "agent.displaced"
    assert client.closed is not None
    assert client.closed[0] == 4001
    assert "Displaced" in client.closed[1]
    assert stage.hub.registry.agents == {}
    client.send("agent.create", agent_id="front", llm=LOOKING)  # still in the pipe
    assert stage.hub.registry.agents == {}


async def test_a_stale_holder_is_displaced_and_its_conversations_go_over() -> None:
    stage = Stage()
    old = stage.connect("front")
    await chat(stage)
    new = stage.connect()
    new.send("agent.create", agent_id="front", llm=LOOKING)
    assert new.take("error")["holder_alive"] is True
    stage.now += 100
    new.send("agent.create", agent_id="front", llm=LOOKING)
    assert new.take("error")["holder_alive"] is False
    assert old.names[-1] == "ping"
    stage.now += 3
    new.send("agent.create", agent_id="front", llm=LOOKING)
    assert new.names[-2:] == ["agent.created", "llm.chat.started"]
    assert old.closed is not None
    assert "Displaced" in old.closed[1]


# llm.chat


async def test_a_terminal_on_a_socket_without_agents() -> None:
    stage = Stage()
    owner, terminal = stage.connect("front"), stage.connect()
    owner.frames.clear()
    terminal.frames.clear()
    ask = {"agent_id": "front", "session_id": "test-1", "metadata": {"console": True}}
    terminal.send("llm.chat", text="look", **ask)
    await settle()
    assert owner.names == ["llm.chat.started", "chat.message", "llm.tool_call"]
    assert owner.frames[0]["metadata"] == {"console": True}
    call = owner.take("llm.tool_call")
    owner.send("llm.tool_result", call_id="test-1", msg_id=call["msg_id"],
               results=[{"tool_call_id": call["tool_calls"][0]["id"], "result": {"where": "here"}}])  # fmt: skip
    await settle()
    tokens = [frame["token"] for frame in terminal.named("llm.chat.token")]
    assert "".join(tokens) == "It is here."
    rest = [frame for frame in terminal.frames if frame["event"] != "llm.chat.token"]
    assert [frame["event"] for frame in rest] == [
        "llm.chat.started",
        "llm.chat.tool_call",
        "llm.chat.tool_result",
        "llm.chat.done",
    ]
    assert rest[1]["tool_calls"] == call["tool_calls"]
    assert rest[2]["result"] == {"where": "here"}
    assert rest[3]["text"] == "It is here."
    assert all(
        (frame["agent_id"], frame["call_id"], frame["session_id"]) == ("front", "test-1", "test-1")
        for frame in [*terminal.frames, *owner.frames]
    )
    terminal.send("llm.chat", text="hello", **ask)
    await settle()
    assert terminal.names.count("llm.chat.started") == 1
    assert terminal.frames[-1]["text"] == "I heard you."
    terminal.lose()
    await settle()
    ended = owner.take("llm.chat.ended")
    assert ended.get("reason", "chat_completed") == "chat_completed"
    assert [message["role"] for message in ended["messages"]] == [
        "user", "assistant", "tool", "assistant", "user", "assistant",
    ]  # fmt: skip


async def test_a_console_on_the_agents_own_socket_begins_its_call_once_with_its_metadata() -> None:
    stage = Stage()
    owner = stage.connect("front")
    owner.frames.clear()
    ask = {"agent_id": "front", "session_id": "chat-run-1", "metadata": {"console": True}}
    owner.send("llm.chat", text="hi", **ask)
    await settle()
    (started,) = owner.named("llm.chat.started")  # protocol: a second one would replace the call
    assert started["metadata"] == {"console": True}
    assert {"chat.message", "chat.response", "llm.chat.token", "llm.chat.done"} <= set(owner.names)
    owner.send("call.hangup", call_id="chat-run-1")
    await settle()
    assert owner.frames[-1]["reason"] == "client_hangup"
    owner.send("llm.chat", text="hi again", **ask)
    await settle()
    assert owner.names.count("llm.chat.started") == 2
    assert [len(each) for each in stage.hub._terminals.values()] == [1]


async def test_the_sessions_of_a_long_lived_console_do_not_pile_up() -> None:
    stage = Stage()
    owner = stage.connect("front")
    for number in range(10):
        owner.send("llm.chat", agent_id="front", session_id=f"chat-run-{number}", text="hi")
        await settle()
        owner.send("call.hangup", call_id=f"chat-run-{number}")
        await settle()
    assert len(stage.hub._terminals[owner.id]) == 1
    assert stage.hub.conversations.count("front") == 0


async def test_what_a_terminal_cannot_have_is_an_error_with_both_ids() -> None:
    stage = Stage()
    owner, terminal = stage.connect("front"), stage.connect()
    session, outlet = await chat(stage)
    for agent, session_id, text in [
        ("nobody ñ", "test-1", "Agent 'nobody ñ' is not online"),
        ("front", session.id, "in use"),
    ]:
        terminal.send("llm.chat", agent_id=agent, session_id=session_id, text="hi")
        error = terminal.take("llm.chat.error")
        assert text in error["error"]
        assert (error["agent_id"], error["call_id"], error["session_id"]) == (agent, session_id, session_id)
    owner.send("llm.chat", agent_id="front", session_id="test-1", text="hi")
    terminal.send("llm.chat", agent_id="front", session_id="test-1", text="hi")
    assert "in use" in terminal.take("llm.chat.error")["error"]
    assert outlet.log == []


async def test_a_failed_answer_reaches_the_terminal_without_its_reason() -> None:
    stage = Stage()
    owner, terminal = stage.connect("front"), stage.connect()
    terminal.send("llm.chat", agent_id="front", session_id="test-1", text="break")
    await settle()
    assert terminal.take("llm.chat.error")["error"] == "the agent cannot answer right now"
    assert "fails" in owner.take("llm.error")["error"]


# the end


async def test_closing_ends_conversations_before_connections() -> None:
    stage = Stage()
    client = stage.connect("front")
    stranger = Client(stage.hub)
    _, outlet = await chat(stage)
    for each in (client, stranger):
        original = each._deliver

        def deliver(output: Any, each: Client = each, original: Any = original) -> None:
            original(output)
            if each.closed:
                each.lose()

        stage.hub._connections[each.id] = (stage.hub._connections[each.id][0], deliver)
    await stage.hub.close()
    assert outlet.log == [("ended", "server_stopped")]
    assert client.frames[-1]["reason"] == "server_stopped"
    assert client.closed == stranger.closed == (1001, "server stopped")
    await stage.hub.close()


async def test_a_silent_connection_is_closed_after_its_time() -> None:
    stage = Stage()
    client = Client(stage.hub)
    assert stage.hub.deadline(client.id) == 1010.0
    stage.now = 1010.0
    stage.hub.ticked(client.id)
    assert client.closed is not None
    late = Client(stage.hub)
    late.send("connect", api_key=KEY)
    assert stage.hub.deadline(late.id) == 1020.0


async def test_what_means_nothing_where_people_type_is_said_so() -> None:
    stage = Stage()
    client = stage.connect("front")
    session, _ = await chat(stage)
    for event, fields in {
        "call.hold": {},
        "call.dtmf": {"digits": "1"},
        "call.forward": {"to": "+1555", "message": "", "announce": False},
    }.items():
        client.send(event, call_id=session.id, **fields)
        error = client.take("error")
        assert error["code"] == "NOT_SUPPORTED"
        assert event in error["error"]
        assert "agent_id" not in error
    client.send("bot.cancel", call_id=session.id)
    client.send("bot.clear", call_id=session.id)
    client.send("call.hold", call_id="over")
    assert client.named("error") == []


async def test_calls_that_cannot_be_placed_are_refused() -> None:
    stage = Stage()
    client = stage.connect("front")
    client.send("call.dial", agent_id="front", to="+1555", **{"from": "+1666"})
    client.send("call.bridge", agent_id="front", target="other")
    assert [frame["code"] for frame in client.named("call.error")] == ["NO_TRANSPORT"] * 2


async def test_an_answer_that_a_client_owes_is_asked_for_again() -> None:
    stage = Stage()
    client = stage.connect("front", llm=None, prompt=None)
    session, _ = await chat(stage)
    session.post("hello?")
    await settle()
    asked = client.take("turn.end")
    client.send(
        "bot.reply.stream", call_id=session.id, message_id="m1", action="start", in_reply_to=asked["message_id"]
    )
    stage.hub.disconnected(client.id)
    again = stage.connect("front", llm=None, prompt=None)
    assert again.take("turn.end")["message_id"] == asked["message_id"]
    again.send("bot.reply", call_id=session.id, message_id="m2", text="Hi.", in_reply_to=asked["message_id"])
    stage.hub.disconnected(again.id)
    assert stage.connect("front", llm=None, prompt=None).named("turn.end") == []


# threads


async def test_a_thread_goes_on_with_whoever_has_the_agent_and_as_it_is_configured_now() -> None:
    stage = Stage()
    first = stage.connect("front", greeting="Hello.", greetingInChat=True)
    admitted = stage.hub.open_chat(stage.token("front"), Outlet())
    admitted.session.post("look")
    await settle()
    asked = first.take("llm.tool_call")
    first.lose()
    admitted.session.end("disconnected")
    await settle()
    stage.now += 100

    second = stage.connect("front", llm=scripted(otherwise="I am new."), greeting="Hi.", greetingInChat=True)
    outlet = Outlet()
    again = stage.hub.open_chat(stage.token("front"), outlet, admitted.thread)
    assert again.thread == admitted.thread
    assert [said["content"] for said in again.earlier] == ["Hello.", "look"]
    await settle()
    assert [text for what, text in outlet.log if what == "done"] == ["I am new."], (
        "no greeting; the answer that is owed"
    )
    started = second.take("llm.chat.started")
    assert started["call_id"] == again.session.id != asked["call_id"]
    again.session.end("disconnected")
    await settle()
    roles = [message["role"] for message in second.take("llm.chat.ended")["messages"]]
    assert roles == ["assistant", "user", "assistant", "tool", "assistant"]


async def test_two_connections_with_one_thread() -> None:
    stage = Stage()
    owner = stage.connect("front")
    talks: list[tuple[Any, Outlet]] = []
    for text in ("one", "two", "three"):
        outlet = Outlet()
        talks.append((stage.hub.open_chat(stage.token("front", threadId="7"), outlet), outlet))
        talks[-1][0].session.post(text)
        await settle()
    assert [outlet.log[-1] for _, outlet in talks[:2]] == [("ended", "resumed_elsewhere")] * 2
    assert talks[2][1].log[-1] == ("done", "I heard you.")
    assert [frame["reason"] for frame in owner.named("llm.chat.ended")] == ["resumed_elsewhere"] * 2
    assert [said["content"] for said in talks[2][0].earlier] == ["one", "I heard you.", "two", "I heard you."]
    talks[0][0].session.post("lost?")
    await settle()
    assert talks[0][1].log[-1] == ("ended", "resumed_elsewhere")


async def test_a_thread_outlives_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.connect("front")
    admitted = stage.hub.open_chat(stage.token("front"), Outlet())
    admitted.session.post("one")
    await settle()
    with monkeypatch.context() as patch:
        patch.setattr("pinecall_run.voice.conversations.MAX_SESSIONS", 1)
        with pytest.raises(NotAdmittedError, match="capacity"):
            stage.hub.open_chat(stage.token("front"), Outlet(), admitted.thread)
    await settle()
    again = stage.hub.open_chat(stage.token("front"), Outlet(), admitted.thread)
    assert [said["content"] for said in again.earlier] == ["one", "I heard you."]


async def test_a_human_takes_a_chat_over_writes_in_it_and_gives_it_back() -> None:
    stage = Stage()
    client, other = stage.connect("front", llm=scripted(otherwise="I am the agent.")), stage.connect()
    session, outlet = await chat(stage)
    scope = {"agent_id": "front", "session_id": session.id}
    other.send("session.pause", **scope)
    assert other.take("session.paused")["session_id"] == session.id
    assert client.take("session.paused")["session_id"] == session.id
    session.post("anybody there?")
    await settle()
    assert ("done", "I am the agent.") not in outlet.log
    other.send("session.send", text="Yes, this is Eva.", **scope)
    assert other.take("session.sent")["session_id"] == session.id
    assert outlet.log == [("token", "Yes, this is Eva."), ("done", "Yes, this is Eva.")]
    response = client.take("chat.response")
    assert (response["text"], response["source"]) == ("Yes, this is Eva.", "human")
    other.send("session.send", text="not mine", agent_id="front", session_id="chat-other")
    assert other.take("error")["code"] == "SESSION_NOT_FOUND"
    other.send("session.resume", **scope)
    session.post("thank you")
    await settle()
    assert outlet.log[-1] == ("done", "I am the agent.")
    assert [message["content"] for message in session.conversation.messages] == [
        "anybody there?", "Yes, this is Eva.", "thank you", "I am the agent.",
    ]  # fmt: skip


async def test_a_human_has_the_chat_of_a_person_who_is_back_too() -> None:
    stage = Stage()
    client = stage.connect("front", llm=scripted(otherwise="I am the agent."))
    scope, thread = {"agent_id": "front"}, ""
    for is_left in (True, False, True):
        outlet = Outlet()
        admitted = stage.hub.open_chat(stage.token("front"), outlet, thread)
        await settle()
        if thread:
            assert client.take("session.paused")["session_id"] == admitted.session.id
        else:
            client.send("session.pause", session_id=admitted.session.id, **scope)
            client.take("session.paused")
        thread = admitted.thread
        admitted.session.post("anybody there?")
        await settle()
        assert outlet.log == []
        if is_left:
            admitted.session.end("disconnected")
            await settle()
    client.send("session.resume", session_id=admitted.session.id, **scope)
    outlet = Outlet()
    again = stage.hub.open_chat(stage.token("front"), outlet, thread)
    assert not client.named("session.paused")
    again.session.post("thank you")
    await settle()
    assert outlet.log[-1] == ("done", "I am the agent.")


async def test_who_goes_on_with_a_thread_has_the_place_of_the_connection_before() -> None:
    stage = Stage()
    client = stage.connect("front")
    client.send("channel.add", agent_id="front", type="chat", maxCalls=1)
    admitted = stage.hub.open_chat(stage.token("front"), Outlet())
    admitted.session.post("one")
    await settle()
    again = stage.hub.open_chat(stage.token("front"), Outlet(), admitted.thread)
    assert [said["content"] for said in again.earlier] == ["one", "I heard you."]
    await settle()
    with pytest.raises(NotAdmittedError, match="busy"):
        stage.hub.open_chat(stage.token("front"), Outlet())

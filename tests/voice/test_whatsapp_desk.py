"""Who a message belongs to, what came before, whose turn it is to answer, and when a conversation is over."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulators.whatsapp_server import NUMBER, SECRET, TOKEN
from tests.voice._fakes import settle, until
from tests.voice._stage import Client, Stage, scripted
from tests.voice._whatsapp import ADA, BOB, World, world

from pinecall_run.voice import conversations
from pinecall_run.voice.whatsapp_desk import Outcome

SECOND = "222333444555666"
DAY = 24 * 3600.0


def connect(it: World, *, channel: Any = None, **configuration: Any) -> Client:
    client = it.stage.connect("front", **configuration)
    it.add(client, **(channel or {}))
    return client


async def quiet() -> None:
    await settle(60)


# registration


async def test_a_channel_says_whether_it_is_served() -> None:
    async with world() as it:
        client = it.stage.connect("front", stt="local", voice="local")
        assert "served" not in it.add(client)
        lacking = it.add(client, number="999", accessToken="")
        assert lacking["served"] is False
        assert lacking["notes"] == ["WhatsApp is not served without access_token"]
        assert it.desk.secrets() == {SECRET}
        assert it.desk.verify_tokens() == {"v"}


# whose it is


async def test_what_one_delivery_brought_twice_counts_once() -> None:
    async with world() as it:
        client = connect(it)
        message = it.message("hello")
        assert it.desk.deliver(message, SECRET) is Outcome.TAKEN
        await it.meta.answer(ADA)
        assert it.desk.deliver(message, SECRET) is Outcome.REPLAYED
        await quiet()
        assert len(client.named("whatsapp.message")) == len(it.meta.sent) == 1


async def test_what_is_older_than_the_window_is_a_replay() -> None:
    async with world() as it:
        connect(it)
        it.stage.now += DAY + 10
        assert it.write(sent_at=it.stage.now - DAY - 1) is Outcome.REPLAYED
        assert it.write(sent_at=it.stage.now - DAY + 1) is Outcome.TAKEN


async def test_another_apps_signature_is_no_signature() -> None:
    async with world() as it:
        client = connect(it)
        it.add(client, number=SECOND, appSecret="another")
        assert it.desk.deliver(it.message(), "another") is Outcome.FORGED
        assert not client.named("whatsapp.session_started")


async def test_a_number_that_nobody_has_is_left_with_meta_and_its_statuses_are_not() -> None:
    async with world() as it:
        connect(it)
        assert it.write(number="404404404") is Outcome.AWAY
        assert it.report(number="404404404") is Outcome.TAKEN


async def test_two_numbers_two_agents_each_by_its_own() -> None:
    async with world() as it:
        client = it.stage.connect("front", llm=scripted(otherwise="I am front."))
        client.send("agent.create", agent_id="back", llm=scripted(otherwise="I am back."))
        it.meta.add_number(SECOND, "another token")
        it.add(client)
        it.add(client, "back", SECOND, accessToken="another token", appSecret=SECRET)
        it.write("hello")
        it.write("hello", number=SECOND)
        await it.meta.answer(ADA, 2)
        assert {(sent.number, sent.text) for sent in it.meta.sent} == {
            (NUMBER, "I am front."), (SECOND, "I am back."),
        }  # fmt: skip


async def test_a_number_that_moved_to_another_agent_begins_anew_there() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        client.send("channel.remove", agent_id="front", ref=NUMBER, type="whatsapp")
        client.send("agent.create", agent_id="back", llm=scripted(otherwise="I am back."))
        it.add(client, "back")
        it.write("hello")
        assert (await it.meta.answer(ADA, 2)).text == "I am back."
        assert client.take("whatsapp.session_ended")["reason"] == "rerouted"
        it.write("and now?")
        await it.meta.answer(ADA, 3)
        assert len(it.desk._talks) == 1


async def test_no_room_leaves_messages_with_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as it:
        connect(it)
        monkeypatch.setattr(conversations, "MAX_SESSIONS", 0)
        message = it.message()
        assert it.desk.deliver(message, SECRET) is Outcome.AWAY
        monkeypatch.setattr(conversations, "MAX_SESSIONS", 1)
        assert it.desk.deliver(message, SECRET) is Outcome.TAKEN


async def test_the_sessions_configuration_holds_no_secret() -> None:
    async with world() as it:
        connect(it, channel={"language": "es"})
        it.write()
        (talk,) = it.desk._talks.values()
        assert talk.session.core.configuration["language"] == "es"
        assert TOKEN not in repr(talk.session.core.configuration)
        assert SECRET not in repr(talk.session.core.configuration)


# statuses


async def test_a_status_is_told_once_with_its_conversation() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        sent = await it.meta.answer(ADA)
        assert it.report(id=sent.id) is Outcome.TAKEN
        assert it.report(id=sent.id) is Outcome.REPLAYED
        assert it.report(id=sent.id, status="read") is Outcome.TAKEN
        session = client.take("whatsapp.session_started")["session_id"]
        told = [(frame["status"], frame["session_id"]) for frame in client.named("whatsapp.status")]
        assert told == [("delivered", session), ("read", session)]


async def test_a_status_of_a_conversation_that_is_over_goes_to_who_has_the_number() -> None:
    async with world() as it:
        client = connect(it)
        it.report(status="read")
        frame = client.take("whatsapp.status")
        assert (frame["agent_id"], frame["recipient"], "session_id" in frame) == ("front", ADA, False)


async def test_a_window_that_metas_status_says_is_closed_gets_the_template() -> None:
    async with world() as it:
        client = connect(it, channel={"template": {"name": "still_there"}})
        it.write("hello")
        sent = await it.meta.answer(ADA)
        it.report(id=sent.id, status="failed", code=131047, error="more than 24 hours")
        assert (await it.meta.answer(ADA, 2)).body["template"]["name"] == "still_there"
        (failed,) = client.named("whatsapp.status")
        assert (failed["code"], failed["error"]) == (131047, "more than 24 hours")


# its end


@pytest.mark.parametrize(("minutes", "reason"), [(5, "idle_timeout"), (1440, "window_expired")])
async def test_silence_ends_a_conversation_and_the_next_message_begins_one(minutes: int, reason: str) -> None:
    async with world() as it:
        client = connect(it, channel={"idleMinutes": minutes})
        it.write("hello")
        await it.meta.answer(ADA)
        it.stage.now += minutes * 60 - 1
        it.stage.hub.conversations.sweep()
        await quiet()
        assert not client.named("whatsapp.session_ended")
        it.stage.now += 2
        it.stage.hub.conversations.sweep()
        await quiet()
        ended = client.take("whatsapp.session_ended")
        assert (ended["reason"], ended["message_count"], ended["contact_phone"]) == (reason, 2, ADA)
        assert ended["transcript"] == [{"role": "user", "text": "hello"}, {"role": "assistant", "text": "I heard you."}]
        await until(lambda: not it.desk._talks)
        it.write("are you there?")
        await it.meta.answer(ADA, 2)
        assert client.take("whatsapp.session_started")["session_id"] != ended["session_id"]


async def test_a_message_to_a_conversation_that_is_ending_begins_the_next() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        (talk,) = it.desk._talks.values()
        talk.session.end("client_hangup")
        assert it.write("one more thing") is Outcome.TAKEN
        assert (await it.meta.answer(ADA, 2)).text == "I heard you."
        assert len(client.named("whatsapp.session_started")) == 2
        assert len(it.desk._talks) == 1


async def test_a_runner_that_is_gone_for_a_moment_finds_its_conversation_again() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        client.lose()
        assert it.write("look") is Outcome.TAKEN, "the conversation is there, and so is what opens the line"
        assert it.write(sender=BOB) is Outcome.AWAY
        await quiet()
        back = it.stage.connect("front")
        await until(lambda: back.named("llm.tool_call"))
        assert [name for name in back.names if name in ("whatsapp.session_started", "llm.tool_call")] == [
            "whatsapp.session_started", "llm.tool_call",
        ]  # fmt: skip
        asked = back.take("llm.tool_call")
        result = {"tool_call_id": asked["tool_calls"][0]["id"], "result": {"where": "here"}}
        back.send("llm.tool_result", call_id=asked["call_id"], msg_id=asked["msg_id"], results=[result])
        assert (await it.meta.answer(ADA, 2)).text == "It is here."


async def test_a_new_token_counts_in_conversations_that_go_on() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        it.meta.numbers[NUMBER] = "the next token"
        it.add(client, accessToken="the next token")
        it.write("hello")
        await it.meta.answer(ADA, 2)


async def test_a_server_that_stops_takes_nothing_and_leaves_nothing() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        await it.stage.hub.conversations.close()
        await it.desk.close()
        assert client.take("whatsapp.session_ended")["reason"] == "server_stopped"
        assert it.write() is Outcome.AWAY
        assert not it.desk._tasks


# a human


async def test_while_a_human_answers_the_model_hears_and_says_nothing() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        session = client.take("whatsapp.session_started")["session_id"]
        client.send("session.pause", agent_id="front", session_id=session)
        assert client.take("session.paused")["session_id"] == session
        it.write("give me a human")
        await until(lambda: client.named("whatsapp.message"))
        assert client.take("whatsapp.message")["paused"] is True
        client.send("session.send", agent_id="front", session_id=session, text="This is Eva.")
        assert (await it.meta.answer(ADA, 2)).text == "This is Eva."
        await until(lambda: client.named("session.sent"))
        client.send("session.resume", agent_id="front", session_id=session)
        assert client.take("session.resumed")["session_id"] == session
        it.write("thank you")
        await it.meta.answer(ADA, 3)
        assert len(it.meta.receipts) == 2, "what a human reads is not marked as read"
        (talk,) = it.desk._talks.values()
        assert [(m["role"], m["content"]) for m in talk.session.conversation.messages[2:]] == [
            ("user", "give me a human"),
            ("assistant", "This is Eva."),
            ("user", "thank you"),
            ("assistant", "I heard you."),
        ]


async def test_an_answer_that_was_being_made_is_not_sent() -> None:
    async with world() as it:
        client = connect(it)
        it.write("look")
        await until(lambda: client.named("llm.tool_call"))
        client.send("session.pause", agent_id="front")
        asked = client.take("llm.tool_call")
        result = {"tool_call_id": asked["tool_calls"][0]["id"], "result": {"where": "here"}}
        client.send("llm.tool_result", call_id=asked["call_id"], msg_id=asked["msg_id"], results=[result])
        await quiet()
        assert it.meta.sent == []
        assert not client.named("whatsapp.response")


async def test_an_operators_own_connection_may_and_the_runner_is_told() -> None:
    async with world() as it:
        client, desk = connect(it), it.stage.connect()
        desk.send("session.pause", agent_id="front", contact=f"+{ADA}")
        assert desk.take("session.paused")["contact"] == client.take("session.paused")["contact"] == f"+{ADA}"
        it.write("hello")
        it.write("hello", sender=BOB)
        await it.meta.answer(BOB)
        assert not [sent for sent in it.meta.sent if sent.to == ADA]
        desk.send("session.send", agent_id="front", contact=ADA, text="Eva here.")
        assert (await it.meta.answer(ADA)).text == "Eva here."
        await until(lambda: desk.named("session.sent"))


async def test_what_a_human_says_after_the_end_arrives_while_the_window_is_open() -> None:
    async with world() as it:
        client = connect(it)
        it.message()
        client.send("session.send", agent_id="front", session_id="wa-gone", contact=ADA, text="One more thing.")
        assert (await it.meta.answer(ADA)).text == "One more thing."
        await until(lambda: client.named("session.sent"))
        response = client.take("whatsapp.response")
        assert (response["session_id"], response["to"], response["source"]) == ("wa-gone", ADA, "human")


async def test_what_a_human_says_too_late_is_told_and_a_template_sent() -> None:
    async with world() as it:
        client = connect(it, channel={"template": {"name": "still_there"}})
        client.send("session.send", agent_id="front", contact=ADA, text="One more thing.")
        assert (await it.meta.answer(ADA)).body["type"] == "template"
        assert client.take("whatsapp.status")["code"] == 131047
        assert not client.named("session.sent")


@pytest.mark.parametrize("scope", [{}, {"session_id": "wa-gone"}])
async def test_nobody_to_say_it_to_is_an_error(scope: dict[str, str]) -> None:
    async with world() as it:
        client = connect(it)
        client.send("session.send", agent_id="front", text="hello", **scope)
        assert client.take("error")["code"] == "SESSION_NOT_FOUND"


@pytest.mark.parametrize("event", ["session.pause", "session.resume", "session.send"])
async def test_an_agent_that_is_not_there_is_an_error_and_one_that_has_conversations_is_not(event: str) -> None:
    async with world() as it:
        client, desk = connect(it), it.stage.connect()
        desk.send(event, agent_id="nobody", contact=ADA, text="hello")
        assert desk.take("error")["error"] == "there is no agent nobody here"
        it.write("hello")
        await it.meta.answer(ADA)
        client.lose()
        desk.send(event, agent_id="front", contact=ADA, text="hello")
        await until(lambda: desk.frames)
        assert not desk.named("error")


async def test_a_hub_without_whatsapp_asks_for_no_extra() -> None:
    stage = Stage()
    stage.connect("front").send("session.pause", agent_id="front")
    await stage.hub.close()
    assert stage.hub.whatsapp._office is None

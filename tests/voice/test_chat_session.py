"""A typed conversation answers in order, hears its runner meanwhile, and says goodbye exactly once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest
from tests.voice._fakes import Model, Talk, settle, tool, until

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.voice.chat_session import UNKNOWN, WAITING
from pinecall_run.voice.threads import RESUMED, Earlier
from pinecall_run.wire import call_commands, commands, events
from pinecall_run.wire.absent import UNSET

TOOLS = [{"type": "function", "function": {"name": "look"}}]


def reply(text: str, *, to: str = "", add: bool = False, id: str = "msg_1") -> commands.BotReply:
    return commands.BotReply(call_id="chat-1", message_id=id, text=text, in_reply_to=to, add_to_history=add)


def piece(action: Any, token: str = "", *, to: str = "") -> commands.BotReplyStream:
    return commands.BotReplyStream(call_id="chat-1", message_id="msg_1", action=action, token=token, in_reply_to=to)


def result(value: Any, name: str = "look", **more: bool) -> commands.ToolResult:
    return commands.ToolResult(tool_call_id=f"call_{name}", result=value, **more)


# answering


async def test_a_message_is_answered_to_the_person_and_told_to_the_runner() -> None:
    async with Talk(Model(["Hel", "lo"]), {"prompt": "Be kind to {{who}}.", "vars": {"who": "all"}}) as talk:
        await talk.say("hi")
        assert talk.outlet.log == [("token", "Hel"), ("token", "lo"), ("done", "Hello")]
        assert talk.owner.names == ["llm.chat.started", "chat.message", "chat.response"]
        assert (talk.owner.told[1].text, talk.owner.told[2].text) == ("hi", "Hello")  # type: ignore[attr-defined]
        assert all(e.agent_id == "front" and e.call_id == e.session_id == "chat-1" for e in talk.owner.told)
        assert talk.model is not None
        assert talk.model.requests[0].messages[0]["content"] == "Be kind to all."
    assert talk.outlet.log[-1] == ("ended", "disconnected")


async def test_messages_typed_ahead_are_answered_one_after_the_other() -> None:
    gate = asyncio.Event()
    async with Talk(Model([gate, "one"], ["two"])) as talk:
        await talk.say("first")
        await talk.say("second")
        assert talk.outlet.log == []
        assert [event.text for event in talk.owner.named(events.ChatMessage)] == ["first"]
        gate.set()
        await settle()
        assert [entry for entry in talk.outlet.log if entry[0] == "done"] == [("done", "one"), ("done", "two")]
        assert [message["content"] for message in talk.history] == ["first", "one", "second", "two"]


async def test_who_types_far_ahead_is_asked_to_wait() -> None:
    async with Talk(Model([asyncio.Event()])) as talk:
        await talk.say("first")
        for number in range(WAITING + 2):
            talk.session.post(str(number))
        assert [entry[0] for entry in talk.outlet.log] == ["error", "error"]
        assert str(WAITING) in talk.outlet.log[0][1]


async def test_a_tool_round_goes_to_the_runner_and_its_results_to_the_model() -> None:
    model = Model(["Let me look.", tool("look", '{"id":1}')], ["It is", " there."])
    async with Talk(model, {"tools": TOOLS}) as talk:
        await talk.say("where?")
        asked = talk.owner.last(events.LlmToolCall)
        assert (asked.call_id, asked.tool_calls[0].arguments) == ("chat-1", '{"id":1}')
        await talk.answer_tools(result({"where": "here"}))
        assert talk.outlet.log == [
            ("token", "Let me look."),
            ("tool_calls", ["look"]),
            ("tool_results", {"look": {"where": "here"}}),
            ("token", "It is"),
            ("token", " there."),
            ("done", "It is there."),
        ]
        assert model.messages()[1:] == [("assistant", "Let me look."), ("tool", '{"where":"here"}')]


async def test_two_rounds_have_two_ids_and_ephemeral_results_are_gone_afterwards() -> None:
    model = Model([tool("look")], [tool("look")], ["Done."], ["Again."])
    async with Talk(model, {"tools": TOOLS}) as talk:
        await talk.say("go")
        await talk.answer_tools(result("secret", ephemeral=True))
        await talk.do(reply("One moment.", add=True))  # must not make the model forget what it is about to use
        await talk.answer_tools(result("plain"))
        assert len({event.msg_id for event in talk.owner.named(events.LlmToolCall)}) == 2
        assert ("tool", "secret") in model.messages(2)
        assert "secret" not in str(talk.history)
        assert "plain" in str(talk.history)


async def test_a_tool_that_says_all_there_is_ends_the_answer() -> None:
    async with Talk(Model([tool("look")]), {"tools": TOOLS}) as talk:
        await talk.say("go")
        await talk.answer_tools(result(1, no_followup=True))
        assert talk.outlet.log[-1] == ("done", "")
        assert talk.owner.named(events.ChatResponse) == []


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ProviderError("quota", "pay"), "quota (pay)"),
        (ProviderError("quota"), "quota"),
        (ZeroDivisionError("card 4111"), "the voice server failed with ZeroDivisionError"),
    ],
)
async def test_a_failed_answer_is_explained_to_the_runner_only_and_the_talk_goes_on(
    failure: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Talk(Model(["It is", failure], ["Better."])) as talk:
        await talk.say("where?")
        assert talk.outlet.log == [("token", "It is"), ("error", "the agent cannot answer right now")]
        assert talk.owner.last(events.LlmError).error == told
        await talk.say("again")
        assert [message["content"] for message in talk.history] == ["where?", "It is", "again", "Better."]
    assert "4111" not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * isinstance(failure, ZeroDivisionError)


# greeting


@pytest.mark.parametrize(
    ("configuration", "greeting"),
    [
        ({"greeting": "Hello!", "greeting_in_chat": True}, "Hello!"),
        ({"greeting": {"en": "Hello!", "es": "¡Hola!"}, "language": "es-MX", "greeting_in_chat": True}, "¡Hola!"),
        ({"greeting": {"pt": "Oi", "pt-PT": "Olá"}, "language": "pt-PT", "greeting_in_chat": True}, "Olá"),
        ({"greeting": {"en": "Hello!", "es": "¡Hola!"}, "language": "de", "greeting_in_chat": True}, "Hello!"),
        ({"greeting": {}, "greeting_in_chat": True}, None),
        ({"greeting": {"en": 5}, "greeting_in_chat": True}, None),
        ({"greeting": "", "greeting_in_chat": True}, None),
        ({"greeting": "Hello!"}, None),  # protocol: spoken, and in chat only on demand
        ({"greeting_in_chat": True}, None),
    ],
)
async def test_greetings(configuration: dict[str, Any], greeting: str | None) -> None:
    async with Talk(Model(), configuration) as talk:
        shown = [] if greeting is None else [("token", greeting), ("done", greeting)]
        assert talk.outlet.log == shown
        assert [event.text for event in talk.owner.named(events.ChatResponse)] == [greeting][: len(shown)]
        assert talk.history == [{"role": "assistant", "content": greeting}][: len(shown)]


# a client that answers by itself


async def test_without_a_model_the_client_is_asked_and_its_reply_is_shown() -> None:
    async with Talk(None) as talk:
        await talk.say("hi")
        assert talk.owner.names == ["llm.chat.started", "chat.message", "user.message", "turn.end"]
        asked = talk.owner.last(events.TurnEnd)
        assert (asked.text, asked.message_id) == ("hi", talk.owner.last(events.UserMessage).message_id)
        await talk.do(reply("Hello!", to=asked.message_id, id="msg_a"))
        assert talk.outlet.log == [("token", "Hello!"), ("done", "Hello!")]
        assert [(e.message_id) for e in talk.owner.told[4:]] == ["msg_a", "msg_a"]  # type: ignore[attr-defined]
        assert talk.owner.names[4:] == ["bot.speaking", "bot.finished"]
        assert [message["content"] for message in talk.history] == ["hi", "Hello!"]


async def test_a_reply_to_a_message_that_is_no_longer_the_last_is_rejected() -> None:
    async with Talk(None) as talk:
        await talk.say("first")
        old = talk.owner.last(events.TurnEnd).message_id
        await talk.say("second")
        new = talk.owner.last(events.TurnEnd).message_id
        for stale in (reply("late", to=old), piece("start", to=old)):
            await talk.do(stale)
            rejected = talk.owner.told[-1]
            assert isinstance(rejected, events.ReplyRejected)
            assert (rejected.in_reply_to, rejected.expected_reply_to) == (old, new)
            assert rejected.reason == "message_obsolete"
        await talk.do(piece("chunk", "late"))
        await talk.do(piece("end"))
        assert talk.outlet.log == []


async def test_a_reply_comes_piece_by_piece() -> None:
    async with Talk(None) as talk:
        await talk.say("hi")
        await talk.do(piece("start", to=talk.owner.last(events.TurnEnd).message_id))
        await talk.do(piece("chunk", "Hel"))
        await talk.do(piece("chunk", "lo"))
        await talk.do(piece("end"))
        await talk.do(piece("end"))
        assert talk.outlet.log == [("token", "Hel"), ("token", "lo"), ("done", "Hello")]
        assert talk.owner.names[-2:] == ["bot.speaking", "bot.finished"]
        assert talk.history[-1] == {"role": "assistant", "content": "Hello"}


async def test_a_person_whose_client_is_away_is_told_so() -> None:
    async with Talk(None) as talk:
        talk.owner.is_there = False
        await talk.say("hi")
        assert talk.outlet.log == [("error", "the agent is away; try again in a moment")]


# saying things besides


async def test_what_is_said_during_an_answer_is_shown_after_it() -> None:
    gate = asyncio.Event()
    async with Talk(Model(["The answer", gate, " is 42."])) as talk:
        await talk.do(reply("At once.", add=False))
        await talk.say("what?")
        await talk.do(reply("By the way.", add=True))
        await talk.do(piece("start"))
        await talk.do(piece("chunk", "In pieces."))
        await talk.do(piece("end"))
        gate.set()
        await settle()
        assert talk.outlet.log == [
            ("token", "At once."),
            ("done", "At once."),
            ("token", "The answer"),
            ("token", " is 42."),
            ("done", "The answer is 42."),
            ("token", "By the way."),
            ("done", "By the way."),
            ("token", "In pieces."),
            ("done", "In pieces."),
        ]
        assert "At once." not in str(talk.history)
        assert "By the way." in str(talk.history)


# the runner's other commands


async def test_history_commands_are_acknowledged_with_their_request_id() -> None:
    async with Talk(Model(["ok"], ["ok"])) as talk:
        said = [{"role": "user", "content": "earlier"}]
        await talk.do(commands.HistorySet(call_id="chat-1", request_id="r1", messages=said))
        updated = talk.owner.last(events.HistoryUpdated)
        assert (updated.request_id, updated.count, updated.agent_id) == ("r1", 1, "front")
        await talk.do(commands.HistorySetVars(call_id="chat-1", vars={"x": "1"}))  # seed: no request id
        await talk.do(commands.HistoryGet(call_id="chat-1", request_id="r2"))
        data = talk.owner.last(events.HistoryData)
        assert (data.request_id, data.messages) == ("r2", said)


async def test_a_session_is_configured_with_whatever_the_client_has() -> None:
    model = Model(["a"], ["b"], ["c"])
    async with Talk(model, {"prompt": "old {{x}}", "tools": TOOLS}) as talk:
        raw: Any = [{"name": "mine", "run": {}}, 5]
        command = commands.SessionConfigure(
            session_id="chat-1", voice="x", stt="deepgram:nova-3:es", vars={"x": 1}, tools=raw
        )
        await talk.do(command)
        assert talk.owner.last(events.SessionConfigured).session_id == "chat-1"
        await talk.say("one")
        assert model.requests[0].messages[0]["content"] == "old 1"
        assert model.requests[0].tools == TOOLS  # an SDK's own objects are no tools: every later answer would fail
        await talk.do(commands.SessionConfigure(session_id="chat-1", prompt="new {{x}}", tools=[]))
        await talk.say("two")
        assert model.requests[1].messages[0]["content"] == "new 1"
        assert not model.requests[1].tools


async def test_another_model_answers_from_the_next_message_on() -> None:
    gate = asyncio.Event()
    async with Talk(Model(["Old", gate, "."])) as talk:
        talk.models["other:new"] = Model(["New."])
        await talk.say("one")
        await talk.do(commands.SessionConfigure(session_id="chat-1", llm="no:such"))
        assert talk.owner.last(events.LlmError).error == "no such model (look again)"
        await talk.do(commands.SessionConfigure(session_id="chat-1", llm="other:new"))
        gate.set()
        await talk.say("two")
        assert [entry[1] for entry in talk.outlet.log if entry[0] == "done"] == ["Old.", "New."]
        await talk.do(commands.SessionConfigure(session_id="chat-1", llm=None))
        await talk.say("three")
        assert talk.owner.last(events.TurnEnd).text == "three"


async def test_a_hangup_ends_it() -> None:
    async with Talk(Model()) as talk:
        await talk.do(commands.CallHangup(call_id="chat-1"))
        assert talk.outlet.log == [("ended", "client_hangup")]
        assert talk.owner.last(events.ChatEnded).reason == "client_hangup"


# preparing


async def test_the_model_waits_for_the_client_to_get_ready() -> None:
    model = Model(["ok"], ["ok"])
    async with Talk(model, {"preparing": {"timeout_ms": 5000}}) as talk:
        await talk.say("one")
        assert talk.owner.last(events.LlmBefore).turn == 1
        assert model.requests == []
        await talk.do(commands.HistoryAddContext(call_id="chat-1", text="fresh"))
        await talk.do(commands.LlmReady(call_id="chat-1", turn=1))
        assert model.requests[0].messages[0]["content"] == "fresh"
        await talk.say("two")
        await talk.do(commands.LlmReady(call_id="chat-1", turn=1))  # late, for the turn before
        assert len(model.requests) == 1
        await talk.do(commands.LlmReady(call_id="chat-1"))
        assert len(model.requests) == 2


async def test_a_client_that_does_not_get_ready_is_not_waited_for() -> None:
    model = Model(["ok"], ["ok"])
    async with Talk(model, {"preparing": {"timeout_ms": 10}}) as talk:
        talk.session.post("hi")
        await until(lambda: model.requests)
        late = talk.owner.last(events.LlmPreparingTimeout)
        assert (late.turn, late.budget_ms) == (1, 10)
        talk.owner.is_there = False
        await talk.say("again")
        assert len(model.requests) == 2  # nobody there: nobody is waited for


async def test_a_client_that_did_not_ask_for_it_is_not_made_to_prepare() -> None:
    async with Talk(Model(["ok"])) as talk:
        await talk.say("hi")
        assert talk.owner.named(events.LlmBefore) == []


# the runner's coming and going


async def test_a_runner_that_returns_hears_of_the_conversation_and_of_its_open_tools() -> None:
    configuration = {"tools": TOOLS, "language": "en"}
    async with Talk(Model([tool("look")], ["Found."]), configuration, metadata={"userId": "7"}) as talk:
        await talk.say("go")
        asked = talk.owner.last(events.LlmToolCall)
        talk.owner.told.clear()
        talk.session.owner_returned()
        started, again = talk.owner.told
        assert isinstance(started, events.ChatStarted)
        assert (started.metadata, started.language) == ({"userId": "7"}, "en")
        assert again == asked
        await talk.answer_tools(result("here"))
        assert talk.outlet.log[-1] == ("done", "Found.")


async def test_of_a_runner_that_left_nothing_half_said_is_taken() -> None:
    async def stream(talk: Talk, id: str, **pieces: str) -> None:
        for action, token in pieces.items():
            await talk.do(
                commands.BotReplyStream(call_id="chat-1", message_id=id, action=action, token=token)  # type: ignore[arg-type]
            )

    async with Talk(None) as talk:
        await talk.say("hi")
        await stream(talk, "m1", start="", chunk="Half")
        talk.session.owner_left()
        talk.session.owner_returned()
        assert len(talk.owner.named(events.TurnEnd)) == 2
        await stream(talk, "m1", chunk=" more.", end="")
        await stream(talk, "m2", start="", chunk="Whole.", end="")
        assert [message["content"] for message in talk.history] == ["hi", "Whole."]


# a human in the agent's place


async def test_while_it_is_paused_what_is_said_is_kept_and_not_answered() -> None:
    paused = [True]
    async with Talk(Model(["Hello."]), is_paused=lambda: paused[0]) as talk:
        await talk.say("anybody?")
        talk.session.human_said("Yes, Eva.")
        assert talk.outlet.log == [], "the door shows what a human says"
        (response,) = talk.owner.named(events.ChatResponse)
        assert (response.text, response.source) == ("Yes, Eva.", "human")
        paused[0] = False
        await talk.say("good")
        assert [message["content"] for message in talk.history] == ["anybody?", "Yes, Eva.", "good", "Hello."]
        assert talk.owner.last(events.ChatResponse).source is UNSET


async def test_a_client_that_answers_by_itself_is_not_asked_while_it_is_paused() -> None:
    async with Talk(None, is_paused=lambda: True) as talk:
        await talk.say("anybody?")
        assert not talk.owner.named(events.TurnEnd)


async def test_an_answer_that_is_ready_when_a_human_has_taken_over_is_nobodys() -> None:
    paused, gate = [False], asyncio.Event()
    async with Talk(Model(["Hel", gate, "lo."], ["Bye."]), is_paused=lambda: paused[0]) as talk:
        await talk.say("hi")
        paused[0] = True
        gate.set()
        await settle()
        assert ("done", "Hello.") not in talk.outlet.log
        assert [message["content"] for message in talk.history] == ["hi"]
        paused[0] = False
        await talk.say("bye")
        assert talk.outlet.log[-1] == ("done", "Bye.")


async def test_a_door_where_messages_can_wait_loses_none() -> None:
    gate = asyncio.Event()
    async with Talk(Model([gate, "0"], *([str(number)] for number in range(1, WAITING + 3)))) as talk:
        posting = asyncio.create_task(_post_all(talk, WAITING + 3))
        await settle()
        assert not posting.done()
        gate.set()
        await posting
        await settle(500)
        assert len([entry for entry in talk.outlet.log if entry[0] == "done"]) == WAITING + 3
        assert not [entry for entry in talk.outlet.log if entry[0] == "error"]
        assert not talk.session.is_ending
    assert talk.session.is_ending


async def _post_all(talk: Talk, count: int) -> None:
    for number in range(count):
        await talk.session.post_in_turn(str(number))


# the end


@pytest.mark.parametrize("when", ["idle", "answering", "tools", "preparing", "at once"])
async def test_the_goodbye_is_said_exactly_once_whenever_it_ends(when: str) -> None:
    model = Model([tool("look")] if when == "tools" else ["It is", asyncio.Event()])
    talk = Talk(model, {"tools": TOOLS, "preparing": {"timeout_ms": 5000} if when == "preparing" else None})
    if when == "at once":
        talk.session.end("disconnected")
    async with talk:
        if when not in ("idle", "at once"):
            await talk.say("go")
        talk.now += 12.5
        talk.session.end("disconnected")
        talk.session.end("idle_timeout")
        await talk.task
    talk.session.end("again")
    talk.session.post("too late")
    await settle()
    assert [entry for entry in talk.outlet.log if entry[0] == "ended"] == [("ended", "disconnected")]
    (goodbye,) = talk.owner.named(events.ChatEnded)
    assert (goodbye.reason, goodbye.started_at) == ("chat_completed", 1_700_000_000.0)
    assert goodbye.ended_at == goodbye.started_at + goodbye.duration_seconds
    said = ["go", "It is"] if when == "answering" else [] if when in ("idle", "at once") else ["go"]
    assert [message["content"] for message in goodbye.messages] == said
    assert talk.owner.names[0] == "llm.chat.started"


async def test_a_cancelled_conversation_says_goodbye_too() -> None:
    talk = Talk(Model())
    async with talk:
        talk.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talk.task
        talk.task = asyncio.create_task(asyncio.sleep(0))
    assert talk.owner.last(events.ChatEnded).reason == "server_stopped"


async def test_a_conversation_that_breaks_says_why_in_the_log_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk(Model(["fine"]))
    talk.session._around = replace(talk.session._around, new_id=lambda: str(1 / 0))
    async with talk:
        await talk.say("my card is 4111")
        await talk.task
    assert talk.outlet.log == [("ended", "error")]
    assert "ZeroDivisionError" in caplog.text
    assert "4111" not in caplog.text


# going on from an earlier connection


def turns(*texts: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]


async def test_what_was_said_before_is_in_the_models_memory_and_greeted_is_once() -> None:
    greeting = {"greeting": "Hello!", "greeting_in_chat": True}
    async with Talk(Model(["Seven."]), greeting, earlier=Earlier(turns("My number is 7.", "Noted."))) as talk:
        assert talk.outlet.log == []
        await talk.say("What is it?")
        assert talk.model is not None
        assert talk.model.messages() == [
            ("user", "My number is 7."), ("assistant", "Noted."), ("user", "What is it?")
        ]  # fmt: skip
    assert talk.session.remembered() == Earlier(turns("My number is 7.", "Noted.", "What is it?", "Seven."))
    assert talk.owner.last(events.ChatEnded).messages == talk.history


@pytest.mark.parametrize("reason", ["disconnected", RESUMED, "client_hangup", "idle_timeout"])
async def test_who_is_cut_off_is_owed_the_answer_and_who_left_is_not(reason: str) -> None:
    async with Talk(Model(["It ", asyncio.Event()])) as talk:
        for text in ("one", "two", "three"):
            await talk.say(text)
        talk.session.end(reason)
        early = talk.session.remembered() if reason == RESUMED else None
        await talk.task
    assert [m["content"] for m in talk.owner.last(events.ChatEnded).messages] == ["one", "It "], "what was shown"
    earlier = talk.session.remembered()
    assert early in (None, earlier)
    is_owed = reason in ("disconnected", RESUMED)
    assert earlier == (Earlier(turns("one"), "one", ("two", "three")) if is_owed else Earlier(turns("one")))
    answers = [["1"], ["2"], ["3"]] if is_owed else []
    async with Talk(Model(*answers), earlier=earlier) as again:
        await settle()
        assert [text for what, text in again.outlet.log if what == "done"] == ["1", "2", "3"] * is_owed
        told = [event.text for event in again.owner.named(events.ChatMessage)]
        assert told == ["two", "three"] * is_owed, "of the first one its runner heard when it was said"
    assert [m["content"] for m in again.history] == ["one", *["1", "two", "2", "three", "3"] * is_owed]


async def test_a_tool_whose_answer_was_lost_is_not_simply_called_again() -> None:
    async with Talk(Model(["Wait. ", tool("look")]), {"tools": TOOLS}) as talk:
        await talk.say("book it")
    earlier = talk.session.remembered()
    assert [m["role"] for m in earlier.messages] == ["user", "assistant", "tool"]
    assert UNKNOWN.format("look") in earlier.messages[-1]["content"]
    async with Talk(Model(["Let me see."]), {"tools": TOOLS}, earlier=earlier) as again:
        assert again.outlet.log[-1] == ("done", "Let me see.")
        assert again.model is not None
        assert again.model.messages()[-1] == ("tool", earlier.messages[-1]["content"])


async def test_of_a_tools_answer_that_is_not_kept_nothing_is_remembered() -> None:
    async with Talk(Model([tool("look")], [asyncio.Event()]), {"tools": TOOLS}) as talk:
        await talk.say("look")
        await talk.answer_tools(result("pin 1234", ephemeral=True))
    assert talk.session.remembered() == Earlier(turns("look"), "look")


async def test_a_client_that_answers_by_itself_is_asked_again() -> None:
    async with Talk(None) as talk:
        await talk.say("hi")
    async with Talk(None, earlier=talk.session.remembered()) as again:
        asked = again.owner.last(events.TurnEnd)
        assert (asked.text, asked.message_id) == ("hi", again.owner.last(events.UserMessage).message_id)
        await again.do(reply("Hello.", to=asked.message_id))
    assert again.session.remembered() == Earlier(turns("hi", "Hello."))


async def test_a_runner_shows_the_model_something_as_a_page_does() -> None:
    async with Talk(Model(["ok"])) as talk:
        await talk.do(call_commands.SetContext(call_id="chat-1", key="stock", value={"kettles": 0}))
        assert talk.session.conversation.screen == {"stock": {"kettles": 0}}
        await talk.do(call_commands.SetContext(call_id="chat-1", key="stock", value=None))
        assert talk.session.conversation.screen == {}

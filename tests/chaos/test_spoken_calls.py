"""Spoken calls where things cross: tools, phrases, hold, garbage, runners that come and go, answers without a word."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from tests.voice._fakes import Model, settle, tool
from tests.voice._line import FakeVoice, Line

from pinecall_run.providers.contracts import ProviderError, Transcript
from pinecall_run.turns.transitions import State
from pinecall_run.voice.stages import open_stages
from pinecall_run.wire import call_commands, commands, events, speech_events
from pinecall_run.wire.codec import COMMAND_DECODER

TOOLS = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}]
COUNT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def reply(text: str, to: str = "", id: str = "m1") -> commands.BotReply:
    return commands.BotReply(call_id="call-1", message_id=id, text=text, in_reply_to=to)


def piece(action: Any, token: str = "", *, to: str = "", id: str = "s1") -> commands.BotReplyStream:
    return commands.BotReplyStream(call_id="call-1", message_id=id, action=action, token=token, in_reply_to=to)


async def answer(line: Line, value: Any, *, no_followup: bool = False) -> None:
    asked = line.page.named(events.LlmToolCall)[-1]
    results = [commands.ToolResult(tool_call_id=c.id, result=value, no_followup=no_followup) for c in asked.tool_calls]
    await line.do(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=results))


def state(line: Line) -> State:
    return line.call._caller._machine.state


def ends(line: Line, message_id: str) -> list[str]:
    """How often a message of the runner's came to an end."""
    told = [*line.page.named(events.BotFinished), *line.page.named(speech_events.BotInterrupted)]
    return [type(each).__name__ for each in told if each.message_id == message_id]


# tools and what is said meanwhile


async def test_a_tool_that_needs_no_answer_leaves_the_floor_to_the_caller() -> None:
    model = Model(["Let me note that. ", tool("look")], ["Bye."])
    async with Line(model, {"tools": TOOLS}) as line:
        await line.says("note it.")
        await line.until("llm.tool_call")
        await line.wait(2.0)
        assert state(line) is State.PENDING, "the answer goes on, and nothing is heard"
        await answer(line, "noted", no_followup=True)
        assert state(line) is State.IDLE
        await line.says("thank you.")
        await line.wait(2.0)
        assert line.history == [
            ("user", "note it."), ("assistant", "Let me note that."), ("assistant", ["look"]), ("tool", "noted"),
            ("user", "thank you."), ("assistant", "Bye."),
        ]  # fmt: skip


async def test_a_phrase_said_while_a_tool_runs_is_no_answer() -> None:
    for early in (True, False):
        async with Line(Model([tool("look")], ["Bye."]), {"tools": TOOLS}) as line:
            await line.says("note it.")
            await line.until("llm.tool_call")
            await line.do(reply("One moment.", id="p1"))
            await line.wait(0.2 if early else 1.5)
            await answer(line, "noted", no_followup=True)
            await line.wait(1.5)
            assert state(line) is State.IDLE, early
            assert ends(line, "p1") == ["BotFinished"]
            await line.says("thank you.")
            await line.wait(2.0)
            assert line.history == [
                ("user", "note it."), ("assistant", ["look"]), ("tool", "noted"),
                ("user", "thank you."), ("assistant", "Bye."),
            ], early  # fmt: skip


async def test_a_caller_who_speaks_after_a_phrase_and_before_the_answer_goes_on_with_their_turn() -> None:
    long = "This may take a little while, so please stay with me on the line."
    async with Line(Model([tool("look")], ["Bye."]), {"tools": TOOLS}) as line:
        await line.says("look for it.")
        await line.until("llm.tool_call")
        await line.do(reply(long, id="p1"))
        await line.wait(4.0)
        assert state(line) is State.PENDING
        await line.says("the blue one.")
        await answer(line, "found")
        await line.wait(2.0)
        assert line.history[0] == ("user", "look for it. the blue one.")
        assert [each.reason for each in line.page.named(speech_events.BotInterrupted)] == []


async def test_a_new_turn_while_a_tool_runs_is_a_message_of_its_own() -> None:
    async with Line(Model(["Let me look. ", tool("look")], ["Both."]), {"tools": TOOLS}) as line:
        await line.says("look for it.")
        await line.until("llm.tool_call")
        await line.wait(2.0)
        await line.says("and the other one.")
        await answer(line, "found")
        await line.wait(2.0)
        assert line.history == [
            ("user", "look for it."), ("assistant", "Let me look."), ("assistant", ["look"]), ("tool", "found"),
            ("user", "and the other one."), ("assistant", "Both."),
        ]  # fmt: skip


async def test_an_early_answer_that_fails_is_not_told_of_if_the_caller_goes_on() -> None:
    model = Model([ProviderError("overloaded")], ["The whole."], [ProviderError("overloaded")])
    async with Line(model, {"config": {"apology": "Sorry."}}) as line:
        await line.says("where is my order.", 0.6)
        await line.until("eager.turn")
        await line.says("number seven.", 0.6)
        await line.wait(3.0)
        assert "llm.error" not in line.page.names
        assert line.history[-1] == ("assistant", "The whole.")
        await line.says("and number eight?")
        await line.wait(3.0)
        assert line.page.names.count("llm.error") == 1
        assert line.history[-1] == ("assistant", "Sorry.")


# what the history keeps


async def test_a_voice_that_fails_in_the_middle_leaves_in_the_history_what_was_heard() -> None:
    voice, first, more = FakeVoice(), asyncio.Event(), asyncio.Event()
    first.set()
    voice.fails = [first, ProviderError("no credit")]
    async with Line(Model(["It is here. It is blue. ", more, "It is new."]), voices=[voice]) as line:
        await line.says("where?")
        await line.wait(2.0)
        more.set()
        await line.wait(1.0)
        assert line.history == [("user", "where?"), ("assistant", "It is here.")]


async def test_what_is_written_after_a_cancel_is_not_kept() -> None:
    more = asyncio.Event()
    async with Line(Model(["one two three four five six seven. ", more, "Never heard."], ["Yes."])) as line:
        await line.says("count.")
        began: Any = await line.until("bot.speaking")
        await line.wait(1.1)
        await line.do(commands.BotCancel(call_id="call-1", message_id=began.message_id))
        more.set()
        await line.wait(1.0)
        assert state(line) is State.IDLE
        assert line.history[0] == ("user", "count.")
        assert "Never" not in str(line.history)
        assert line.history[1][1].startswith("one two three")
        await line.says("go on.")
        await line.wait(2.0)
        assert line.history[-1] == ("assistant", "Yes.")


async def test_tools_that_run_when_all_is_cleared_stay_where_they_were_asked_for() -> None:
    async with Line(Model(["Let me look. ", tool("look")], ["Yes."]), {"tools": TOOLS}) as line:
        await line.says("look.")
        await line.until("llm.tool_call")
        await line.do(commands.BotClear(call_id="call-1"))
        assert state(line) is State.IDLE
        await line.says("hello again.")
        await line.wait(1.0)
        await answer(line, "found")
        await line.wait(2.0)
        assert line.history == [
            ("user", "look."), ("assistant", ["look"]), ("tool", "found"),
            ("user", "hello again."), ("assistant", "Yes."),
        ]  # fmt: skip


# hold


async def test_hold_in_the_middle_of_anything_leaves_nothing_hanging() -> None:
    for configuration in ({}, {"interruption": False}):
        model = Model([COUNT], ["Yes."])
        async with Line(model, configuration) as line:
            await line.says("count.")
            await line.until("bot.speaking")
            await line.wait(1.0)
            await line.do(call_commands.CallHold(call_id="call-1"))
            await line.wait(1.0)
            await line.do(call_commands.CallUnhold(call_id="call-1"))
            assert state(line) is State.IDLE
            await line.says("hello again.")
            await line.wait(2.0)
            assert line.history[-2:] == [("user", "hello again."), ("assistant", "Yes.")]


async def test_hold_while_a_tool_runs() -> None:
    async with Line(Model([tool("look")], ["Yes."]), {"tools": TOOLS}) as line:
        await line.says("look.")
        await line.until("llm.tool_call")
        await line.do(call_commands.CallHold(call_id="call-1"))
        await answer(line, "found")
        await line.wait(1.0)
        await line.do(call_commands.CallUnhold(call_id="call-1"))
        assert state(line) is State.IDLE
        await line.says("hello again.")
        await line.wait(2.0)
        assert line.history == [
            ("user", "look."), ("assistant", ["look"]), ("tool", "found"),
            ("user", "hello again."), ("assistant", "Yes."),
        ]  # fmt: skip


async def test_a_stream_takes_the_caller_off_hold_as_a_reply_does() -> None:
    async with Line(None) as line:
        await line.do(call_commands.CallHold(call_id="call-1"))
        for each in (piece("start"), piece("chunk", "Back."), piece("end")):
            await line.do(each)
        await line.wait(1.0)
        assert ends(line, "s1") == ["BotFinished"]
        assert line.owner.names.count("call.unheld") == 1


# a client's messages end once


async def test_whatever_becomes_of_a_message_of_the_runner_s_it_ends_once() -> None:
    voice = FakeVoice()
    async with Line(None, voices=[voice]) as line:
        await line.do(reply("", id="empty"))
        await line.do(reply("...", id="dots"))
        await line.do(reply("One moment.", id="one"))
        await line.do(reply(COUNT, id="long"))
        await line.do(reply("Queued.", id="queued"))
        await line.wait(2.0)
        await line.do(commands.BotCancel(call_id="call-1", message_id="queued"))
        await line.do(commands.BotCancel(call_id="call-1", message_id="long"))
        await line.do(commands.BotCancel(call_id="call-1", message_id="long"))
        voice.fails = [ProviderError("no credit")]
        await line.do(reply("Not said.", id="mute"))
        await line.do(piece("start", id="s1"))
        await line.do(piece("chunk", "Never ended", id="s1"))
        await line.wait(1.0)
        await line.do(call_commands.CallHold(call_id="call-1"))
        await line.wait(1.0)
        for id in ("empty", "dots", "one", "long", "queued", "mute", "s1"):
            assert len(ends(line, id)) == 1, id
        assert state(line) is State.IDLE


async def test_a_cancel_without_a_name_stops_what_is_being_said_and_no_more() -> None:
    async with Line(Model()) as line:
        await line.do(reply(COUNT, id="m1"))
        await line.do(reply("And this.", id="m2"))
        await line.wait(0.6)
        await line.do(commands.BotCancel(call_id="call-1"))
        await line.wait(1.0)
        assert (ends(line, "m1"), ends(line, "m2")) == (["BotInterrupted"], ["BotFinished"])


# the voice


async def test_a_voice_that_failed_once_is_asked_again_when_there_is_no_other() -> None:
    voice = FakeVoice()
    voice.fails = [ProviderError("busy")]
    async with Line(Model(["It is here."], ["It is there."]), voices=[voice]) as line:
        await line.says("where?")
        await line.wait(2.0)
        await line.says("where now?")
        await line.wait(2.0)
        assert line.history == [("user", "where?"), ("user", "where now?"), ("assistant", "It is there.")]


# the runner is away


async def test_a_runner_that_comes_back_is_asked_again_what_it_did_not_answer() -> None:
    async with Line(None) as line:
        await line.says("where is it?")
        asked: Any = await line.until("turn.end")
        await line.do(piece("start", to=asked.message_id))
        await line.do(piece("chunk", "It is ", to=asked.message_id))
        line.owner.is_there = False
        line.call.owner_left()
        await line.wait(0.5)
        line.owner.is_there = True
        line.owner.told.clear()
        line.call.owner_returned()
        await settle()
        assert line.owner.names[0] == "call.started"
        again: Any = line.owner.last(events.TurnEnd)
        assert (again.message_id, again.text) == (asked.message_id, asked.text)
        for each in (
            piece("start", to=again.message_id, id="s2"),
            piece("chunk", "It is here.", id="s2"),
            piece("end", id="s2"),
        ):
            await line.do(each)
        await line.wait(2.0)
        assert line.history == [("user", "where is it?"), ("assistant", "It is here.")]
        assert state(line) is State.IDLE


async def test_a_stream_whose_runner_is_gone_ends_with_what_there_is() -> None:
    async with Line(None) as line:
        await line.says("where is it?")
        asked: Any = await line.until("turn.end")
        await line.do(piece("start", to=asked.message_id))
        await line.do(piece("chunk", "It is here. And it is ", to=asked.message_id))
        await line.wait(1.5)
        assert line.owner.names.count("bot.speaking") == 1
        line.owner.is_there = False
        line.call.owner_left()
        await line.wait(3.0)
        assert state(line) is State.IDLE
        line.owner.is_there = True
        line.owner.told.clear()
        line.call.owner_returned()
        assert "turn.end" not in line.owner.names, "it was answered, though not to the end"


# garbage


GARBAGE: list[Any] = [
    None,
    5,
    -1,
    True,
    "x",
    "",
    [],
    {},
    [1],
    {"a": 1},
    "x" * 5000,
    [{}] * 2000,
    10**400,
    {"provider": 7},
]


async def test_no_value_of_a_configuration_breaks_a_call() -> None:
    for key, value in itertools.product(commands.CONFIGURATION_KEYS, GARBAGE):
        text = json.dumps({"event": "session.configure", "session_id": "call-1", key: value})
        command = COMMAND_DECODER.decode(text)
        async with Line(Model(["Yes."]), {"session_limits": {"max_duration_seconds": 9}}) as line:
            line.check_stages = lambda asked: open_stages(asked, {})
            if isinstance(command, commands.SessionConfigure):
                assert await line.do(command), (key, value)
            line.call.act({"action": "configure", key: value})
            await settle()
            line.call._core.configuration["interruption"] = True
            await line.says("are you there?", 0.4)
            await line.wait(0.3)
            await line.do(commands.LlmReady(call_id="call-1"))
            await line.wait(1.0)
            assert line.history[-1] == ("assistant", "Yes."), (key, str(value)[:40])


async def test_a_language_that_nobody_hears_changes_nothing_and_is_told() -> None:
    async with Line(Model(["Yes."]), {"language": "en"}) as line:
        line.check_stages = lambda asked: open_stages(asked, {})
        await line.do(commands.SessionConfigure(session_id="call-1", language="es"))
        failed: Any = line.owner.last(speech_events.ProviderFailed)
        assert (failed.stage, failed.next) == ("stt", "ear1")
        assert "English" in failed.error
        assert "call.updated" not in line.owner.names
        assert line.ears[0].opened == 1
        await line.do(commands.SessionConfigure(session_id="call-1", voice="local"))
        assert len(line.owner.named(speech_events.ProviderFailed)) == 1, "and the next change is not spoiled by it"


async def test_the_words_of_a_listener_are_those_of_the_language_that_is_spoken_now() -> None:
    async with Line(Model([COUNT]), {"language": "en"}) as line:
        await line.do(commands.SessionConfigure(session_id="call-1", language="es"))
        await line.says("count.")
        await line.until("bot.speaking")
        await line.wait(1.0)
        line.ears[0].stream.give(Transcript("vale claro", is_final=True))
        await line.wait(0.5)
        assert "bot.interrupted" not in line.owner.names


# the end


async def test_nothing_is_begun_in_a_call_that_is_ending() -> None:
    line = Line(Model())
    close = line.call._agent.close

    async def meanwhile() -> None:
        late = commands.BotReply(call_id="call-1", message_id="m1", text="Late.", in_reply_to="", add_to_history=True)
        await line.do(late)
        await line.do(commands.SessionConfigure(session_id="call-1", stt="local", language="es"))
        line.call.act({"action": "configure", "language": "es"})
        await close()

    line.call._agent.close = meanwhile  # type: ignore[method-assign]
    async with line:
        line.call.end("hangup")
        await line.task
    await settle()
    assert line.owner.last(events.CallEnded).messages == []
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

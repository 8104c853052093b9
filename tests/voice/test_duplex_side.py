"""Whole calls with a model that hears and speaks itself, over the emulated Realtime API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.emulators.openai_server import Answer, calls, fails, says
from tests.emulators.realtime_server import RealtimeServer, realtime_server
from tests.emulators.trouble import Trouble
from tests.voice._line import Line
from tests.voice._supervisor import Supervisor

from pinecall_run.providers.contracts import CallerBegan, CallerSaid, CallerStopped, SpokenItem
from pinecall_run.voice.duplex_line import open_duplexes
from pinecall_run.voice.guest_words import UNHEARD
from pinecall_run.wire import call_commands, commands, events, speech_events

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
LONG = "one two three four five six seven eight nine ten"


class Script:
    """Answers in their order; what is to be said word by word is said."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: dict[str, Any]) -> Answer:
        if request["response"].get("conversation") == "none":
            return says(request["response"]["instructions"].rpartition("\n\n")[2])
        self.asked.append(request)
        return self._answers.pop(0)

    def items(self, number: int = -1) -> list[tuple[str, Any]]:
        """What the model knew: role or kind, and the text, or milliseconds of what was spoken."""
        return [
            (item.get("role", item["type"]), item.get("audio_ms") or item.get("output") or item["content"][0]["text"])
            if item["type"] != "function_call"
            else ("function_call", item["name"])
            for item in self.asked[number]["items"]
        ]


@asynccontextmanager
async def calling(
    script: Script, sentences: Sequence[str] = ("where is my order?",), **configuration: Any
) -> AsyncIterator[tuple[Line, RealtimeServer]]:
    async with realtime_server(script, sentences=sentences) as server:
        told = {"llm": "openai/gpt-realtime", "prompt": "Be kind.", "language": "en", **configuration}
        async with Line(None, told, duplexes=open_duplexes(told, server.environ)) as line:
            yield line, server
        assert server.open_connections == 0


async def speaks(line: Line, seconds: float = 0.9, quiet: float = 0.6) -> None:
    await line.wait(seconds, probability=0.9)
    await line.wait(quiet)


async def answer_tools(line: Line, value: Any) -> None:
    asked = line.page.named(events.LlmToolCall)[-1]
    results = [commands.ToolResult(tool_call_id=call.id, result=value) for call in asked.tool_calls]
    await line.do(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=results))


def without(names: Sequence[str], *left_out: str) -> list[str]:
    return [name for name in names if name not in ("user.speaking", *left_out)]


async def test_a_caller_is_greeted_asks_a_tool_runs_and_the_answer_is_heard() -> None:
    script = Script(replace(calls(("look", {"id": 7})), text="One moment."), says("It ships on Tuesday."))
    voice = {"realtime": {"voice": "cedar"}}
    async with calling(script, greeting="Hello there.", tools=TOOLS, config=voice) as (line, server):
        await line.until("bot.finished")
        await speaks(line)
        await line.until("llm.tool_call")
        await answer_tools(line, "on Tuesday")
        await line.wait(3.0)
        spoken = ["bot.speaking", "message.confirmed", "bot.finished"]
        assert without(line.page.names, "turn.metrics", "llm.tool_call", "llm.tool_result") == [
            "call.started", *spoken, "speech.started", "speech.ended", "user.message", "turn.end", *spoken, *spoken,
        ]  # fmt: skip
        assert line.history == [
            ("assistant", "Hello there."), ("user", "where is my order?"), ("assistant", "One moment."),
            ("assistant", ["look"]), ("tool", "on Tuesday"), ("assistant", "It ships on Tuesday."),
        ]  # fmt: skip
        ended = line.page.named(events.TurnEnd)[0]
        assert (ended.turn_id, ended.text) == (1, "where is my order?")
        message = line.page.named(events.UserMessage)[0]
        assert message.message_id == ended.message_id
        assert 700 < line.page.named(speech_events.SpeechEnded)[0].duration_ms < 1_100
        assert server.requests[0]["session"]["audio"]["output"]["voice"] == "cedar"
    assert script.items(1) == [
        ("assistant", "Hello there."), ("user", script.items(1)[1][1]), ("assistant", 600), ("function_call", "look"),
        ("function_call_output", "on Tuesday"),
    ]  # fmt: skip
    over = line.owner.last(events.CallEnded)
    by_model = {(one["stage"], one["model"]): one for one in over.metrics["usage"]}
    tokens = by_model["llm", "gpt-realtime"]
    assert tokens["audio_output"] == (2 + 2 + 4) * 6, "what was said word by word is billed like the rest"
    assert by_model["stt", "gpt-transcribe"]["seconds"] > 0.9
    assert over.metrics["is_cost_complete"]
    assert over.metrics["cost_usd"] > tokens["audio_output"] * 64 / 1e6


async def test_frames_come_in_the_protocol_s_order() -> None:
    async with calling(Script(says("It ships on Tuesday."))) as (line, _):
        await speaks(line)
        await line.wait(2.0)
        assert without(line.page.names) == [
            "call.started", "speech.started", "speech.ended", "user.message", "turn.end", "bot.speaking",
            "turn.metrics", "message.confirmed", "bot.finished",
        ]  # fmt: skip
        speaking, finished = line.page.named(events.BotSpeaking)[0], line.page.named(events.BotFinished)[0]
        assert speaking.message_id == finished.message_id
        assert 1_150 < finished.duration_ms < 1_250


async def test_words_that_come_late_are_waited_for_a_little_and_told_when_they_come() -> None:
    async with calling(Script(says(LONG))) as (line, server):
        server.transcribed_after = 0.2  # two seconds of this call
        await speaks(line)
        await line.wait(3.5)
        assert without(line.page.names)[:7] == [
            "call.started", "speech.started", "speech.ended", "turn.end", "bot.speaking", "turn.metrics",
            "user.message",
        ]  # fmt: skip
        assert line.page.named(events.TurnEnd)[0].text == ""
        assert line.history[0] == ("user", "where is my order?")


async def test_a_caller_who_interrupts_silences_the_agent_and_the_model_knows_what_they_heard() -> None:
    script = Script(says(LONG), says("As you wish."))
    async with calling(script, ["count", "stop"]) as (line, _):
        await speaks(line)
        await line.until("bot.speaking")
        await line.wait(1.0)
        await line.wait(0.1, probability=0.9)
        await line.wait(0.06, probability=0.9)
        assert line.is_silent
        told = line.page.named(speech_events.BotInterrupted)[0]
        assert told.reason == "user_spoke"
        assert 1_000 <= told.played_ms <= 1_200
        await speaks(line, 0.3)
        await line.wait(2.0)
        heard = line.page.named(speech_events.MessageConfirmed)[0].text
        assert LONG.startswith(heard)
        assert 2 <= len(heard.split()) <= 5
        assert line.history == [
            ("user", "count"),
            ("assistant", heard),
            ("user", "stop"),
            ("assistant", "As you wish."),
        ]
        kept = script.items()[1]
        assert kept[0] == "assistant"
        assert abs(kept[1] - told.played_ms) <= 1


async def test_what_nobody_heard_of_an_answer_is_forgotten_by_all() -> None:
    script = Script(replace(says(LONG), first_after=0.2), says("Yes."))
    async with calling(script, ["count", "stop"]) as (line, _):
        await speaks(line)
        await speaks(line, 0.3)
        await line.wait(2.0)
        assert line.page.named(speech_events.BotInterrupted) == []
        assert line.history == [("user", "count"), ("user", "stop"), ("assistant", "Yes.")]
        assert [role for role, _ in script.items()] == ["user", "user"]


async def test_tools_that_run_when_the_caller_goes_on_are_seen_through() -> None:
    script = Script(calls(("look", {})), says("Seven."))
    async with calling(script, ["look", "and now?"], tools=TOOLS) as (line, _):
        await speaks(line)
        await line.until("llm.tool_call")
        await speaks(line, 0.3)
        await line.wait(0.5)
        await answer_tools(line, 7)
        await line.wait(2.0)
        assert line.page.names.count("llm.tool_call") == 1
        assert line.history == [
            ("user", "look"), ("assistant", ["look"]), ("tool", "7"), ("user", "and now?"), ("assistant", "Seven."),
        ]  # fmt: skip
        assert [role for role, _ in script.items()] == ["user", "function_call", "function_call_output", "user"]


async def test_a_call_goes_on_where_it_was_when_the_socket_dies() -> None:
    script = Script(says("First."), says("Second."))
    async with calling(script, ["one"], greeting="Hello.") as (line, server):
        await line.until("bot.finished")
        await speaks(line)
        await line.until("bot.finished")
        server.kill()
        server.revive()
        await line.wait(1.0)
        failed = line.page.named(speech_events.ProviderFailed)
        assert [(one.stage, one.provider, one.next) for one in failed] == [("llm", "openai-realtime", "")]
        await speaks(line)
        await line.wait(2.0)
        assert line.history[-2:] == [("user", "one"), ("assistant", "Second.")]
        assert script.items()[:3] == [("assistant", "Hello."), ("user", "one"), ("assistant", "First.")]
        assert server.connections == 2


async def test_a_socket_that_dies_in_a_sentence_of_the_caller_s_costs_nothing() -> None:
    script = Script(says("Yes."))
    async with calling(script, ["where is my order?"]) as (line, server):
        await line.wait(0.4, probability=0.9)
        server.kill()
        server.revive()
        await line.wait(0.5, probability=0.9)
        await line.wait(3.0)
        assert line.page.names.count("speech.started") == 1
        assert line.history == [("user", "where is my order?"), ("assistant", "Yes.")]


async def test_a_socket_that_dies_before_the_words_are_known_is_no_turn_lost_nor_doubled() -> None:
    script = Script(replace(says("First."), cut_after=0), says("Yes."))
    async with calling(script, ["where?", "where?"]) as (line, server):
        server.transcribed_after = 0.3
        await speaks(line)
        await line.wait(0.3)
        server.transcribed_after = 0.0
        await line.wait(4.0)
        for _ in range(200):  # the words take the time that they take
            if line.history[0] == ("user", "where?"):
                break
            await line.wait(0.02)
            await asyncio.sleep(0.01)
        assert (line.page.names.count("speech.started"), line.page.names.count("turn.end")) == (1, 1)
        assert line.history == [("user", "where?"), ("assistant", "Yes.")]
        assert server.connections == 2


async def test_a_socket_that_dies_twice_in_a_row_loses_no_turn() -> None:
    script = Script(replace(says("First."), cut_after=0), says("Yes."))
    async with calling(script, ["where?", "where?", "where?"]) as (line, server):
        server.transcribed_after = 0.3
        await speaks(line)
        await line.wait(0.1)
        server.transcribed_after = 0.0
        server.trouble = Trouble("drop", after=0.2, times=1)  # while it hears it again
        await line.wait(5.0)
        assert line.page.names.count("turn.end") == 1
        assert line.history == [("user", "where?"), ("assistant", "Yes.")]
        assert server.connections == 3


async def test_an_answer_that_breaks_off_goes_on_from_where_it_was() -> None:
    script = Script(replace(says("one two three"), cut_after=2), says("three four."))
    async with calling(script, ["count"]) as (line, server):
        await speaks(line)
        await line.wait(5.0)
        assert [text for role, text in line.history if role == "assistant"][-1] == "three four."
        assert [role for role, _ in script.items()][-3:] == ["user", "assistant", "user"]
        assert "Go on from the very next word" in script.items()[-1][1]
        assert server.connections == 2
        assert "llm.error" not in line.page.names


async def test_a_model_that_fails_is_asked_again_and_in_the_end_apologised_for() -> None:
    failing = [fails(500, "sorry")] * 3
    script = Script(fails(500, "sorry"), says("Yes."), *failing)
    async with calling(script, ["one", "two"], config={"apology": "I am sorry."}) as (line, _):
        await speaks(line)
        await line.wait(1.5)
        assert line.history[-1] == ("assistant", "Yes.")
        await speaks(line)
        await line.wait(3.0)
        assert "llm.error" in line.page.names
        assert line.history[-1] == ("assistant", "I am sorry.")


async def test_a_wrong_key_ends_the_call_and_says_why() -> None:
    async with realtime_server(Script()) as server:
        told = {"llm": "openai/gpt-realtime", "greeting": "Hello."}
        duplexes = open_duplexes(told, {**server.environ, "OPENAI_API_KEY": "sk-wrong"})
        async with Line(None, told, duplexes=duplexes) as line:
            await line.wait(1.0)
            assert line.task.done()
            failed = line.owner.named(speech_events.ProviderFailed)[0]
            assert (failed.stage, failed.provider, failed.next) == ("llm", "openai-realtime", "")
            assert "refused the key" in failed.error
            assert "check OPENAI_API_KEY" in failed.error
            assert "sk-wrong" not in failed.error
        assert line.page.reason == "error"


async def test_the_next_model_takes_the_call_when_the_first_is_not_there() -> None:
    async with realtime_server(Script(says("Yes.")), sentences=["hello"]) as server:
        told = {"llm": ["openai/gpt-realtime-9", "openai/gpt-realtime-2.1"]}
        async with Line(None, told, duplexes=open_duplexes(told, server.environ)) as line:
            await line.wait(0.5)
            assert line.page.named(speech_events.ProviderFailed)[0].next == "openai-realtime"
            await speaks(line)
            await line.wait(1.5)
            assert line.history == [("user", "hello"), ("assistant", "Yes.")]
        assert server.requests[0]["model"] == "gpt-realtime-2.1"


async def test_a_caller_on_hold_is_not_heard_and_afterwards_is() -> None:
    script = Script(says(LONG), says("Yes."))
    async with calling(script, ["count", "back"]) as (line, _):
        await speaks(line)
        await line.until("bot.speaking")
        await line.wait(0.8)
        await line.do(call_commands.CallHold(call_id="call-1"))
        await speaks(line)
        await line.wait(1.0)
        assert line.page.names[-3:] == ["bot.interrupted", "message.confirmed", "call.held"]
        await line.do(call_commands.CallUnhold(call_id="call-1"))
        await speaks(line)
        await line.wait(2.0)
        assert line.history[-2:] == [("user", "back"), ("assistant", "Yes.")]


async def test_what_was_on_its_way_when_the_caller_was_put_on_hold_is_not_told_and_forgotten() -> None:
    async with calling(Script()) as (line, _):
        await line.do(call_commands.CallHold(call_id="call-1"))
        side: Any = line.call._hearing
        said = SpokenItem("late")
        for event in (CallerBegan(), CallerStopped(said), CallerSaid(said, "a secret", is_final=True)):
            side._on_event(event)
        assert line.page.names == ["call.started", "call.held"]
        assert said.message is not None
        assert line.history == []


async def test_what_is_said_while_muted_is_told_afterwards_and_answered_by_nobody() -> None:
    script = Script(says("Yes."))
    async with calling(script, ["a secret", "hello"]) as (line, _):
        await line.do(call_commands.CallMute(call_id="call-1"))
        await speaks(line)
        await line.wait(1.0)
        await line.do(call_commands.CallUnmute(call_id="call-1"))
        assert line.page.named(speech_events.CallUnmuted)[0].muted_transcript == "a secret"
        await speaks(line)
        await line.wait(1.5)
        assert line.history == [("user", "hello"), ("assistant", "Yes.")]
        assert len(script.items()) == 1, "the model has forgotten it, too"


async def test_who_speaks_when_they_are_unmuted_is_heard_from_then_on() -> None:
    async with calling(Script(says("Yes.")), ["hello"]) as (line, _):
        await line.do(call_commands.CallMute(call_id="call-1"))
        await line.wait(0.5, probability=0.9)
        await line.do(call_commands.CallUnmute(call_id="call-1"))
        await speaks(line, 0.4)
        await line.wait(1.0)
        assert without(line.page.names)[1:6] == [
            "call.muted", "call.unmuted", "speech.started", "speech.ended", "user.message",
        ]  # fmt: skip


async def test_a_silent_caller_is_warned_and_let_go_and_a_long_call_ends() -> None:
    limits = {"idle_timeout_seconds": 4, "idle_warning_seconds": 2, "idle_grace_seconds": 1}
    async with calling(Script(), greeting="Hello.", session_limits=limits) as (line, _):
        await line.until("bot.finished")
        await line.wait(1.8)
        assert "session.idle_warning" not in line.page.names
        await line.wait(3.5)
        assert [warning.remaining_seconds for warning in line.page.named(speech_events.IdleWarning)] == [2, 1]
    assert line.page.reason == "idle_timeout"
    async with calling(Script(), session_limits={"max_duration_seconds": 1}) as (line, _):
        await line.wait(1.2)
        assert line.page.named(speech_events.SessionTimeout)[0].reason == "max_duration"
    assert line.page.reason == "max_duration"


async def test_a_runner_and_a_page_speak_and_type_and_show() -> None:
    script = Script(says("Two shoes."), says("Bye."))
    async with calling(script, prompt="Be kind, {{name}}. It is {{time}}.", vars={"name": "Ada"}) as (line, _):
        said = commands.BotReply(
            call_id="call-1", message_id="m1", text="By the way.", in_reply_to="", add_to_history=True
        )
        await line.do(said)
        await line.until("bot.finished")
        line.call.act({"action": "set_context", "key": "cart", "value": "two shoes"})
        line.call.act({"action": "inject_text", "text": "what have I got?"})
        await line.wait(2.0)
        assert line.history == [
            ("assistant", "By the way."), ("user", "what have I got?"), ("assistant", "Two shoes."),
        ]  # fmt: skip
        assert script.items()[:2] == [("assistant", "By the way."), ("user", "what have I got?")]
        told = script.asked[0]["session"]["instructions"]
        assert "two shoes" in told
        assert "Be kind, Ada." in told
        await line.do(
            commands.HistorySet(call_id="call-1", request_id="r", messages=[{"role": "user", "content": "x"}])
        )
        line.now += 3600
        line.call.act({"action": "inject_text", "text": "bye"})
        await line.wait(0.4)
        assert script.items() == [("user", "x"), ("user", "bye")]
        assert script.asked[1]["session"]["instructions"] == told, "its time is that of the beginning"


async def test_what_changes_in_a_call_is_for_the_model_too_and_the_model_stays() -> None:
    script = Script(says("Si."))
    async with calling(script, ["ciao"]) as (line, _):
        await line.do(commands.SessionConfigure(session_id="call-1", language="it", prompt="Sii gentile."))
        assert line.page.named(speech_events.CallUpdated)[0].language == "it"
        await line.do(commands.SessionConfigure(session_id="call-1", llm="openai/gpt-4.1-mini"))
        assert "keeps its realtime model" in line.owner.last(events.LlmError).error
        await speaks(line)
        await line.wait(1.5)
        session = script.asked[0]["session"]
        assert session["instructions"] == "Sii gentile."
        assert session["audio"]["input"]["transcription"]["language"] == "it"


async def test_where_callers_may_not_interrupt_they_are_answered_afterwards() -> None:
    script = Script(says(LONG), says("Two."))
    async with calling(script, ["count", "and two?"], interruption=False) as (line, _):
        await speaks(line)
        await line.until("bot.speaking")
        await speaks(line, 0.3)
        await line.wait(4.0)
        assert line.page.named(speech_events.BotInterrupted) == []
        assert line.history[1] == ("assistant", LONG)
        assert line.history[-1] == ("assistant", "Two.")


async def test_what_means_nothing_to_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with calling(Script(), voice="elevenlabs:x", stt="deepgram") as (line, _):
        await line.wait(0.1)
    assert "stt, voice mean nothing to a realtime model" in caplog.text


def test_the_first_model_says_what_kind_of_call_it_is() -> None:
    environ: Mapping[str, str] = {"OPENAI_API_KEY": "k"}
    assert open_duplexes({"llm": "gpt-4.1-mini"}, environ) == []
    assert open_duplexes({"llm": ["gpt-4.1-mini", "gpt-realtime"]}, environ) == []
    assert [one.name for one in open_duplexes({"llm": ["gpt-realtime", "gpt-4.1-mini"]}, environ)] == ["gpt-realtime"]
    assert open_duplexes({"llm": [{"model": "gpt-realtime", "speed": 9}, "gpt-4.1-mini"]}, environ) == []


async def test_trouble_of_a_moment_is_not_told_to_the_caller() -> None:
    async with calling(Script(says("Yes.")), ["hello"]) as (line, server):
        server.trouble = Trouble("error", after=0.2, times=1)
        await speaks(line)
        await line.wait(1.5)
        assert line.history == [("user", "hello"), ("assistant", "Yes.")]


async def test_a_human_takes_over_and_hands_back_to_a_model_that_knows_what_was_said() -> None:
    script = Script(says("I am back, and I know."))
    async with calling(script, ("I want a human", "are you there?"), media={"live": True}) as (line, _):
        boss = Supervisor(line)
        assert boss.wants("take_over") == ""
        await speaks(line)
        await line.wait(0.5)
        assert line.history == [("user", "I want a human")]
        assert not script.asked
        assert boss.wants("say", text="Here I am.") == ""
        await line.until("bot.finished")
        await boss.speaks(0.5, pause=0)
        assert boss.wants("whisper", text="be brief") == ""
        assert boss.wants("hand_back") == ""
        await line.wait(0.5)
        assert not script.asked, "the human answered"
        await speaks(line)
        await line.until("bot.finished")
        assert line.history == [
            ("user", "I want a human"), ("assistant", "Here I am."), ("assistant", UNHEARD),
            ("user", "are you there?"), ("assistant", "I am back, and I know."),
        ]  # fmt: skip
        assert "be brief" in str(script.asked[0])
        assert [text for _, text in script.items()][1:3] == ["Here I am.", UNHEARD]

"""A spoken call from its greeting to its end, as its runner, its caller and its caller's page have it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.voice._fakes import Model, settle, tool
from tests.voice._line import FakeEar, FakeJudges, FakeVoice, Line, native

from pinecall_run.providers.contracts import ProviderError, SpeechSpec, Transcript
from pinecall_run.wire import call_commands, commands, events, speech_events

TOOLS = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}]
COUNT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def reply(text: str, to: str = "", id: str = "m1") -> commands.BotReply:
    return commands.BotReply(call_id="call-1", message_id=id, text=text, in_reply_to=to)


async def answer(line: Line, *values: Any) -> None:
    asked = line.owner.last(events.LlmToolCall)
    results = [commands.ToolResult(tool_call_id=c.id, result=v) for c, v in zip(asked.tool_calls, values, strict=True)]
    await line.do(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=results))


# an ordinary conversation


async def test_a_call_is_greeted_heard_and_answered() -> None:
    async with Line(Model(["It is shipped. ", "It comes on Tuesday."]), {"greeting": "Acme, hello."}) as line:
        await line.wait(1.0)
        words = [event.word for event in line.owner.named(speech_events.BotWord)]
        assert words == ["Acme,", "hello."]
        assert line.owner.names == [
            "call.started", "bot.speaking", "bot.word", "bot.word", "message.confirmed", "bot.finished",
        ]  # fmt: skip
        assert line.owner.named(events.BotSpeaking)[0].text == "Acme, hello."
        line.owner.told.clear()
        await line.says("where is my order?")
        await line.wait(4.0)
        names = [name for name in line.owner.names if name != "bot.word"]
        assert names == [
            "speech.started", "user.message", "eager.turn", "speech.ended", "turn.end",
            "bot.speaking", "turn.metrics", "message.confirmed", "bot.finished",
        ]  # fmt: skip
        assert line.owner.last(events.BotSpeaking).text == "", "a model's reply is told word by word"
        assert line.owner.last(speech_events.MessageConfirmed).text == "It is shipped. It comes on Tuesday."
        assert line.history == [
            ("assistant", "Acme, hello."),
            ("user", "where is my order?"),
            ("assistant", "It is shipped. It comes on Tuesday."),
        ]
    assert line.owner.last(events.CallEnded).reason == "disconnected"
    assert line.page.reason == "disconnected"
    assert not line.detector.is_open


async def test_each_turn_is_a_message_of_its_own() -> None:
    async with Line(Model(["Shipped."], ["On Tuesday."])) as line:
        await line.says("where is it?")
        await line.wait(2.0)
        await line.says("and when?")
        await line.wait(2.0)
        assert line.history == [
            ("user", "where is it?"), ("assistant", "Shipped."), ("user", "and when?"), ("assistant", "On Tuesday."),
        ]  # fmt: skip


async def test_the_latency_of_a_turn_is_told_stage_by_stage() -> None:
    async with Line(Model(["Yes."])) as line:
        await line.says("is it here?")
        told: Any = await line.until("turn.metrics")
        stages = [told.transcript_ms, told.first_token_ms, told.first_audio_ms, told.heard_ms]
        assert stages == sorted(stages)
        assert told.transcript_ms <= told.decided_ms <= told.heard_ms < 500


async def test_the_latency_of_a_turn_that_went_on_counts_from_its_end() -> None:
    async with Line(Model(["Half."], ["Whole."])) as line:
        await line.says("where is my order.", 0.6)
        await line.until("eager.turn")
        await line.says("number seven.", 1.5)
        told: Any = await line.until("turn.metrics")
        assert 0 < told.transcript_ms <= told.first_token_ms <= told.heard_ms < 500


async def test_what_is_said_unasked_answers_no_turn() -> None:
    async with Line(Model([])) as line:
        await line.says("thanks.")
        await line.wait(3.0)
        await line.do(reply("Is there anything else?"))
        await line.wait(2.0)
        assert "bot.finished" in line.owner.names
        assert "turn.metrics" not in line.owner.names


async def test_the_page_is_told_what_the_runner_is_but_not_what_is_between_the_two() -> None:
    async with Line(Model([tool("look")], ["Here."]), {"tools": TOOLS, "preparing": True}) as line:
        await line.says("look.")
        await line.until("llm.before")
        await line.do(commands.LlmReady(call_id="call-1", turn=1))
        await line.wait(1.0)
        await answer(line, {"where": "here"})
        await line.wait(2.0)
        shown = set(line.page.names)
        assert {"call.started", "user.message", "turn.end", "llm.tool_call", "llm.tool_result", "bot.word"} <= shown
        assert "llm.before" not in shown
        assert "llm.tool_result" not in line.owner.names, "the runner gave it"
    assert not isinstance(line.page.named(events.CallEnded)[0].messages, list), "they hold tools' results"
    assert isinstance(line.owner.last(events.CallEnded).messages, list)


# interruption


async def test_a_caller_who_interrupts_is_heard_and_the_history_keeps_what_they_heard() -> None:
    async with Line(Model([COUNT], ["All right."])) as line:
        await line.says("count.")
        await line.until("bot.speaking")
        await line.wait(2.4)
        await line.says("stop that now.")
        cut: Any = line.owner.last(speech_events.BotInterrupted)
        assert cut.reason == "user_spoke"
        heard = " ".join(COUNT.split()[: cut.words_spoken])
        assert line.owner.last(speech_events.MessageConfirmed).text == heard
        await line.wait(3.0)
        assert line.history == [
            ("user", "count."), ("assistant", heard), ("user", "stop that now."), ("assistant", "All right."),
        ]  # fmt: skip


async def test_sound_stops_within_a_chunk_of_the_interruption() -> None:
    async with Line(Model([COUNT])) as line:
        await line.says("count.")
        await line.until("bot.speaking")
        await line.wait(2.4)
        started = line.now
        while "bot.interrupted" not in line.owner.names:
            assert line.now < started + 1.0
            await line.wait(0.02, probability=0.95)
        assert line.now - started <= 0.3 + 0.04 + 0.032, "the gate, a window, and a chunk or two"
        loud = [chunk for chunk in line.played[-1:] if chunk is not None]
        assert all(np.abs(chunk[80:]).max() == 0 for chunk in loud), "at most a fade of 5 ms"
        await line.wait(0.04, probability=0.95)
        assert line.is_silent


async def test_a_caller_who_goes_on_is_answered_once_for_all_they_said() -> None:
    async with Line(Model([COUNT], ["From ten on."])) as line:
        await line.says("count please.")
        await line.until("bot.speaking")
        first = line.owner.named(events.TurnEnd) or None
        await line.wait(0.4)
        await line.says("from ten on.")
        await line.wait(3.0)
        assert line.owner.last(speech_events.BotInterrupted).reason == "continuation"
        assert "message.aborted" in line.owner.names
        assert "turn.continued" in line.owner.names
        assert first is None or line.owner.last(events.TurnEnd).message_id != first[0].message_id
        assert line.history == [("user", "count please. from ten on."), ("assistant", "From ten on.")]


async def test_tools_that_run_when_the_caller_goes_on_run_once_and_are_known() -> None:
    async with Line(Model([tool("look")], ["Seven, as I found."]), {"tools": TOOLS}) as line:
        await line.says("look for it.")
        await line.until("llm.tool_call")
        asked = line.page.named(events.LlmToolCall)[0]
        await line.says("the blue one.")
        await line.wait(0.4)
        results = [commands.ToolResult(tool_call_id=asked.tool_calls[0].id, result=7)]
        await line.do(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=results))
        await line.wait(3.0)
        assert line.page.names.count("llm.tool_call") == 1
        assert line.history == [
            ("user", "look for it. the blue one."), ("assistant", ["look"]), ("tool", "7"),
            ("assistant", "Seven, as I found."),
        ]  # fmt: skip


async def test_an_early_answer_to_half_a_sentence_is_never_heard_of() -> None:
    model = Model(["Half."], ["Whole."])
    async with Line(model) as line:
        await line.says("where is my order.", 0.6)
        await line.until("eager.turn")
        await line.says("number seven.", 0.6)
        await line.wait(3.0)
        assert len(model.requests) == 2
        assert [each.text for each in line.owner.named(speech_events.MessageConfirmed)] == ["Whole."]
        assert line.history == [("user", "where is my order. number seven."), ("assistant", "Whole.")]


# vendors that fail


async def test_an_ear_that_dies_in_a_sentence_costs_nothing() -> None:
    ear = FakeEar()
    async with Line(Model(["Here."]), ears=[ear]) as line:
        await line.wait(0.6, probability=0.95)
        ear.stream.give(ProviderError("the socket broke"))
        await line.wait(0.2, probability=0.95)
        await line.says("where is it?", 0.4)
        await line.wait(2.0)
        failed: Any = line.owner.last(speech_events.ProviderFailed)
        assert (failed.stage, failed.provider, failed.error, failed.next) == ("stt", "ear1", "the socket broke", "")
        assert line.history == [("user", "where is it?"), ("assistant", "Here.")]


async def test_when_no_voice_is_left_nothing_is_kept_of_what_was_not_said() -> None:
    voice = FakeVoice()
    voice.fails = [ProviderError("no credit")]
    async with Line(Model(["It is here."]), voices=[voice]) as line:
        await line.says("where?")
        await line.wait(2.0)
        assert line.owner.last(speech_events.ProviderFailed).next == ""
        assert line.history == [("user", "where?")]
        line.owner.told.clear()
        await line.says("hello?")
        await line.wait(1.0)
        assert "turn.end" in line.owner.names, "it is still heard"


async def test_a_last_voice_that_fails_once_apologises_once() -> None:
    voice = FakeVoice()
    voice.fails = [ProviderError("hiccup")]
    configuration = {"config": {"apology": "Sorry, say that again."}}
    async with Line(Model(["It is here."], ["There."]), configuration, voices=[voice]) as line:
        await line.says("where?")
        await line.wait(2.0)
        assert [each.text for each in line.owner.named(speech_events.MessageConfirmed)] == ["Sorry, say that again."]
        await line.says("where?")
        await line.wait(2.0)
        assert line.owner.last(speech_events.MessageConfirmed).text == "There."
        assert line.history[-1] == ("assistant", "There.")


async def test_a_model_that_fails_is_apologised_for_once_in_the_words_of_the_project() -> None:
    model = Model([ProviderError("overloaded")], [ProviderError("overloaded")])
    configuration = {"config": {"apology": {"en": "Sorry, try later."}}, "language": "en"}
    async with Line(model, configuration) as line:
        await line.says("where?")
        await line.wait(2.0)
        assert [each.text for each in line.owner.named(events.BotSpeaking)] == ["Sorry, try later."]
        await line.says("where now?")
        await line.wait(2.0)
        assert len(line.owner.named(events.LlmError)) == 2
        assert len(line.owner.named(events.BotSpeaking)) == 1


# what the runner does


async def test_a_runner_speaks_and_hears_that_it_was_heard() -> None:
    async with Line(Model()) as line:
        await line.do(reply("One moment."))
        await line.wait(1.0)
        assert [name for name in line.owner.names if name.startswith(("bot", "mess"))] == [
            "bot.speaking", "bot.word", "bot.word", "message.confirmed", "bot.finished",
        ]  # fmt: skip
        assert line.owner.last(events.BotFinished).message_id == "m1"
        assert line.history == [], "unless it is asked for"


async def test_a_runner_that_answers_by_itself_streams_its_replies() -> None:
    async with Line(None) as line:
        await line.says("where is it?")
        ended: Any = await line.until("turn.end")
        for action, token in (("start", ""), ("chunk", "It is "), ("chunk", "here."), ("end", "")):
            await line.do(
                commands.BotReplyStream(
                    call_id="call-1", message_id="m9", action=action, token=token, in_reply_to=ended.message_id
                )  # type: ignore[arg-type]
            )
        await line.wait(2.0)
        assert line.owner.last(speech_events.MessageConfirmed).text == "It is here."
        await line.do(reply("Too late.", to="another"))
        assert line.owner.last(events.ReplyRejected).expected_reply_to == ended.message_id
        assert line.history == [("user", "where is it?"), ("assistant", "It is here.")]


async def test_a_runner_takes_back_what_it_wanted_said() -> None:
    async with Line(Model()) as line:
        await line.do(reply(COUNT, id="m1"))
        await line.do(reply("And this.", id="m2"))
        await line.wait(0.6)
        await line.do(commands.BotCancel(call_id="call-1", message_id="m1"))
        assert line.owner.last(speech_events.BotInterrupted).reason == "cancelled"
        await line.wait(1.0)
        assert line.owner.last(events.BotFinished).message_id == "m2"
        await line.do(reply(COUNT, id="m3"))
        await line.wait(0.2)
        await line.do(commands.BotClear(call_id="call-1"))
        await line.wait(0.1)
        assert line.is_silent
        assert line.owner.last(speech_events.BotInterrupted).message_id == "m3"


async def test_a_caller_on_hold_hears_nothing_said_and_is_not_heard() -> None:
    async with Line(Model(["Back."])) as line:
        await line.do(call_commands.CallHold(call_id="call-1"))
        await line.says("hello?")
        await line.wait(2.0)
        assert "speech.started" not in line.owner.names
        await line.do(reply("I am back."))
        assert line.owner.names[-1] == "call.unheld", "a reply takes them off hold"
        await line.wait(1.0)
        assert line.owner.last(events.BotFinished).message_id == "m1"


async def test_what_is_said_while_muted_is_told_afterwards() -> None:
    async with Line(Model()) as line:
        await line.do(call_commands.CallMute(call_id="call-1"))
        line.ears[0].stream.give(Transcript("my card is 42", is_final=True))
        await line.wait(0.5, probability=0.95)
        assert line.owner.names[-1] == "call.muted"
        await line.do(call_commands.CallUnmute(call_id="call-1"))
        assert line.owner.last(speech_events.CallUnmuted).muted_transcript == "my card is 42"


async def test_a_change_of_voice_and_language_is_for_the_next_sentence() -> None:
    async with Line(Model()) as line:
        await line.do(commands.SessionConfigure(session_id="call-1", language="es"))
        assert line.owner.names[-2:] == ["session.configured", "call.updated"]
        assert line.ears[0].opened == 2, "the ear is asked for the other language"


async def test_other_options_of_the_same_ear_do_not_interrupt_it() -> None:
    ear = FakeEar(is_pliant=True)
    spec = SpeechSpec("ear1", options={"pace": 1})
    async with Line(Model(), ears=[ear], specs=[spec]) as line:
        line.specs = [replace(spec, options={"pace": 2})]
        await line.do(commands.SessionConfigure(session_id="call-1", stt={"provider": "ear1", "pace": 2}))
        assert (ear.opened, ear.stream.options) == (1, {"pace": 2})
        line.specs = [replace(spec, name="other")]
        await line.do(commands.SessionConfigure(session_id="call-1", stt="ear1:other"))
        assert ear.opened == 2


async def test_a_runner_that_returns_is_told_of_the_call_and_of_its_open_tools() -> None:
    async with Line(Model([tool("look")], ["Found."]), {"tools": TOOLS}, metadata={"page": "home"}) as line:
        await line.says("look.")
        asked = await line.until("llm.tool_call")
        line.owner.told.clear()
        line.call.owner_returned()
        started: Any = line.owner.told[0]
        assert isinstance(started, events.CallStarted)
        assert (started.metadata, started.transport) == ({"page": "home"}, "audio")
        assert line.owner.told[1] == asked


async def test_commands_that_mean_nothing_here_say_so_and_a_hang_up_ends() -> None:
    line = Line(Model())
    async with line:
        assert not await line.do(call_commands.CallForward(call_id="call-1", to="+15550001"))
        await line.do(commands.CallHangup(call_id="call-1"))
    assert line.owner.last(events.CallEnded).reason == "client_hangup"
    assert line.call.take() is None


# what the page does


async def test_a_page_types_mutes_and_shows() -> None:
    async with Line(Model(["Typed."])) as line:
        line.call.act({"action": "set_context", "key": "cart", "value": "two shoes"})
        line.call.act({"action": "inject_text", "text": "hello"})
        await line.wait(2.0)
        assert line.history == [("user", "hello"), ("assistant", "Typed.")]
        assert "two shoes" in str(line.call._core.conversation.request(line.call._core._now()))
        line.call.act({"action": "mute"})
        assert line.owner.names[-1] == "call.muted"


# limits and endings


async def test_a_caller_who_says_nothing_is_warned_twice_and_let_go() -> None:
    limits = {"idle_timeout_seconds": 4, "idle_warning_seconds": 1, "idle_grace_seconds": 1}
    async with Line(Model(), {"session_limits": limits}) as line:
        await line.wait(6.0)
        told = [name for name in line.owner.names if name.startswith("session")]
        assert told == ["session.idle_warning", "session.idle_warning", "session.timeout"]
        await settle()
        assert line.task.done()
    assert line.owner.last(events.CallEnded).reason == "idle_timeout"


async def test_a_native_ear_decides_about_turns() -> None:
    ear = FakeEar(has_turns=True)
    async with Line(Model(["Here."]), ears=[ear]) as line:
        await line.wait(0.5, probability=0.95)
        ear.stream.give(native("started"))
        ear.stream.give(native("ended", "where is it?"))
        await line.wait(0.1)
        assert line.owner.last(events.TurnEnd).text == "where is it?"
        await line.wait(1.0)
        assert line.history[-1] == ("assistant", "Here.")


MODEL = {"mode": "smart_turn", "smart_turn_model": "/models/turns.onnx"}


def judged(**more: Any) -> dict[str, Any]:
    return {"config": {"turn_detection": {**MODEL, **more}}}


async def test_a_model_hears_that_a_pause_is_none_and_that_the_next_one_is() -> None:
    judges = FakeJudges(0.1, 0.9)
    line = Line(Model(["Found."]), judged(), judges=judges)
    async with line:
        await line.says("my order number is")
        paused: Any = await line.until("turn.pause")
        assert paused.probability == 0.1
        await line.wait(1.2)
        assert "turn.end" not in line.owner.names, "a text that ends so would wait as long without a model: no longer"
        await line.says("seven.")
        await line.until("turn.resumed")
        ended: Any = await line.until("turn.end", 0.6)
        assert (ended.text, ended.probability) == ("my order number is seven.", 0.9)
        await line.wait(2.0)
        assert line.history == [("user", "my order number is seven."), ("assistant", "Found.")]
        assert (judges.files, judges.open_judges, judges.asked, judges.turns) == (["/models/turns.onnx"], 1, 2, 1)
        assert judges.heard_chunks > 100
    assert judges.open_judges == 0


async def test_a_threshold_is_the_project_s() -> None:
    async with Line(Model(["Yes?"]), judged(smart_turn_threshold=0.05), judges=FakeJudges(0.1)) as line:
        await line.says("my order number is")
        ended: Any = await line.until("turn.end", 0.6)
        assert ended.probability == 0.1


async def test_a_model_that_gives_no_answer_is_not_waited_for_long() -> None:
    async with Line(Model(["Found."]), judged(), judges=FakeJudges()) as line:
        await line.says("where is my order?")
        started = line.now
        await line.until("turn.end")
        assert 0.6 < line.now - started < 0.9


async def test_without_the_model_turns_end_by_silence() -> None:
    judges = FakeJudges()
    judges.is_missing = True
    async with Line(Model(["Found."]), judged(), judges=judges) as line:
        await line.says("where is my order?")
        await line.until("eager.turn")
        started = line.now
        await line.until("turn.end", 0.4)
        assert line.now - started < 0.4
        assert (judges.files, judges.asked) == (["/models/turns.onnx"], 0)


async def test_a_model_is_loaded_only_where_it_is_to_decide() -> None:
    for configuration, ear in ((judged(mode="silence"), FakeEar()), (judged(mode=None), FakeEar(has_turns=True))):
        async with Line(Model(), configuration, ears=[ear]) as line:
            assert line.judges.files == []
    camel = {"config": {"turnDetection": {"smartTurnModel": "/models/turns.onnx"}}}
    for configuration in (judged(mode=None), camel, judged(smart_turn_model=7) | {"turn_detection": MODEL}):
        async with Line(Model(), configuration) as line:
            assert line.judges.files == ["/models/turns.onnx"]
    async with Line(Model(), judged(smart_turn_model=7)) as line:
        assert line.judges.files == []


async def test_another_model_takes_over_when_the_runner_says_so() -> None:
    async with Line(Model(), judged(), judges=FakeJudges()) as line:
        change = judged(smart_turn_model="/models/other.onnx")
        await line.do(commands.SessionConfigure(session_id="call-1", **change))
        assert (line.judges.files, line.judges.open_judges) == (["/models/turns.onnx", "/models/other.onnx"], 1)
        await line.do(commands.SessionConfigure(session_id="call-1", **judged(mode="silence")))
        assert line.judges.open_judges == 0


async def test_what_breaks_ends_the_call_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(Model())

    async def fail() -> None:
        raise ValueError("what the caller said")

    line.call._agent.speaker.run = fail  # type: ignore[method-assign]
    async with line:
        await line.task
    assert line.owner.last(events.CallEnded).reason == "error"
    assert "what the caller said" not in caplog.text


async def test_a_call_that_ends_in_the_middle_keeps_what_was_heard() -> None:
    line = Line(Model([COUNT]))
    async with line:
        await line.says("count.")
        await line.until("bot.speaking")
        await line.wait(1.0)
    messages = line.owner.last(events.CallEnded).messages
    assert COUNT.startswith(messages[-1]["content"])
    assert len(messages[-1]["content"].split()) in (4, 5)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert tasks == []

"""Supervisors listen to a call, take it over, speak, and hand it back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.voice._fakes import Model, settle, tool
from tests.voice._line import LOUD, Line
from tests.voice._supervisor import LIVE, Supervisor

from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.voice.live_side import GONE_SECONDS, MAX_TEXT, MOST, NOT_TAKEN, OVER, TAKEN
from pinecall_run.wire import commands, events, live_events, speech_events

TOOLS = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}]
COUNT = "one two three four five six seven eight nine ten eleven twelve."


# listening


async def test_a_listener_hears_both_sides() -> None:
    async with Line(Model(["Yes."]), {**LIVE, "greeting": "Hello there friend."}) as line:
        ear = Supervisor(line)
        await line.wait(0.5)
        assert np.abs(ear.heard).max() == 5_000, "the agent's voice alone"
        await line.wait(0.3, probability=0.9)
        assert np.abs(ear.heard.astype(int)).max() > 12_000 + 4_000, "the caller over it"
        await line.wait(2.0)
        assert {len(piece) for piece in ear.pieces} == {1_600}
        assert "bot.word" in ear.names
        silent = len(ear.pieces)
        await line.wait(3.0)
        assert len(ear.pieces) - silent <= 20, "silence is not sent for ever"
    assert ear.is_over


async def test_nobody_listens_at_no_cost_and_no_more_than_are_bearable_do() -> None:
    async with Line(Model()) as line:
        assert line.call.live._blend is None
        ears = [Supervisor(line) for _ in range(MOST)]
        with pytest.raises(NotAdmittedError, match="10 listen"):
            Supervisor(line)
        for ear in ears:
            ear.leaves()
        assert line.call.live._blend is None
        assert line.call.live.listeners == 0
    with pytest.raises(NotAdmittedError, match="over"):
        Supervisor(line)


async def test_a_project_lets_people_listen_or_does_not() -> None:
    for configuration in ({}, {"media": 7}, {"media": {"recording": True}}, {"media": {"live": "yes"}}):
        async with Line(Model(), configuration) as line:
            assert not line.call.live.is_allowed
    async with Line(Model(), LIVE) as line:
        assert line.call.live.is_allowed


# taking over


async def test_who_takes_over_silences_the_agent_and_is_heard_in_its_place() -> None:
    async with Line(Model([COUNT], ["Never."]), LIVE) as line:
        boss = Supervisor(line)
        await line.says("count.")
        await line.until("bot.speaking")
        await line.wait(0.6)
        assert boss.wants("take_over") == ""
        await line.wait(0.1)
        assert line.is_silent
        cut = line.owner.last(speech_events.BotInterrupted)
        assert (cut.reason, cut.words_spoken) == ("cancelled", 2)
        assert line.history[-1] == ("assistant", "one two"), "what was heard"
        assert "handoff.active" in line.owner.names
        await boss.speaks(0.5, pause=0)
        assert not line.is_silent
        assert np.array_equal(line.played[-1], LOUD)
        await line.wait(1.0)
        await line.says("who is this?")
        await line.wait(2.0)
        assert line.history[-1] == ("user", "who is this?")
        assert line.is_silent, "the agent says nothing"
        assert "handoff.active" in boss.names


async def test_who_speaks_hears_everybody_but_themselves() -> None:
    async with Line(Model(), LIVE) as line:
        boss, other = Supervisor(line), Supervisor(line)
        boss.wants("take_over")
        await boss.speaks(0.5, pause=0)
        assert np.abs(other.heard.astype(int)).max() == np.abs(LOUD.astype(int)).max()
        assert not boss.heard.any()
        boss.wants("say", text="Hello there.")
        await line.wait(0.3)
        assert np.abs(boss.heard.astype(int)).max() == 5_000, "the agent's voice"
        await line.wait(0.3, probability=0.9)
        assert np.abs(boss.heard.astype(int)).max() > 12_000, "the caller"
        boss.wants("hand_back")
        boss.pieces.clear()
        await line.wait(0.3, probability=0.9)
        assert boss.pieces, "they listen again as all do"


async def test_what_tools_answered_when_a_human_took_over_is_told_when_they_hand_back() -> None:
    async with Line(Model([tool("look")], ["It is here."]), {**LIVE, "tools": TOOLS}) as line:
        boss = Supervisor(line)
        await line.says("where is it?")
        asked: Any = await line.until("llm.tool_call")
        boss.wants("take_over")
        result = commands.ToolResult(tool_call_id=asked.tool_calls[0].id, result="here")
        await line.do(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=[result]))
        await line.wait(1.0)
        assert [role for role, _ in line.history] == ["user", "assistant", "tool"]
        boss.wants("hand_back")
        await line.wait(2.0)
        assert line.history[-1] == ("assistant", "It is here.")


async def test_another_runner_is_told_who_has_the_call() -> None:
    async with Line(Model(), LIVE) as line:
        Supervisor(line).wants("take_over")
        line.owner.told.clear()
        line.call.owner_returned()
        assert line.owner.names == ["call.started", "handoff.active"]


async def test_a_call_that_is_over_is_taken_over_by_nobody() -> None:
    async with Line(Model(), LIVE) as line:
        boss = Supervisor(line)
    assert boss.wants("take_over") == OVER
    assert not line.owner.named(live_events.HandoffActive)


async def test_what_the_caller_says_to_a_human_are_turns_of_their_own() -> None:
    async with Line(Model(), LIVE) as line:
        assert Supervisor(line).wants("take_over") == ""
        for text in ("first.", "second."):
            await line.says(text)
            await line.wait(2.0)
        assert line.history == [("user", "first."), ("user", "second.")]
        assert [event.text for event in line.owner.named(events.TurnEnd)] == ["first.", "second."]


async def test_a_human_writes_what_the_agents_voice_says() -> None:
    async with Line(Model(), {**LIVE, "greeting": "Hello."}) as line:
        boss = Supervisor(line)
        await line.wait(1.0)
        assert boss.wants("say", text="Too early.") == NOT_TAKEN
        boss.wants("take_over")
        assert boss.wants("say", text="This is Ann.") == ""
        await line.wait(2.0)
        said = line.owner.last(live_events.SupervisorSaid)
        confirmed = line.owner.last(speech_events.MessageConfirmed)
        assert (said.text, said.message_id) == ("This is Ann.", confirmed.message_id)
        assert line.history == [("assistant", "Hello."), ("assistant", "This is Ann.")]
        assert line.voices[0].spoken == ["Hello.", "This is Ann."]
        for text in (None, 7, " ", "x" * (MAX_TEXT + 1)):
            assert "needs a text" in boss.wants("say", text=text)


async def test_a_whisper_reaches_the_model_and_nobody_else() -> None:
    model = Model(["You get it back."])
    async with Line(model, {**LIVE, "prompt": "Be kind."}) as line:
        boss = Supervisor(line)
        assert boss.wants("whisper", text="offer the money back") == ""
        await line.wait(0.5)
        assert line.is_silent
        await line.says("it is broken.")
        await line.wait(2.0)
        system = model.requests[0].messages[0]
        assert system["role"] == "system"
        assert "offer the money back" in system["content"]
        assert line.owner.last(live_events.SupervisorWhispered).text == "offer the money back"
        assert not line.page.named(live_events.SupervisorWhispered)


async def test_the_agent_goes_on_with_the_whole_history_and_does_not_greet_again() -> None:
    model = Model(["As Ann said."])
    async with Line(model, {**LIVE, "greeting": "Hello."}) as line:
        boss = Supervisor(line)
        await line.wait(1.0)
        boss.wants("take_over")
        await line.says("I want a human.")
        await line.wait(1.0)
        line.ears[0].says.append("Here I am.")
        await boss.speaks(0.8)
        assert boss.wants("hand_back") == ""
        await line.wait(1.0)
        assert line.owner.last(live_events.HandoffReleased).reason == "handed_back"
        assert not model.requests, "the human answered"
        await line.says("thank you.")
        await line.wait(2.0)
        assert line.history == [
            ("assistant", "Hello."), ("user", "I want a human."), ("assistant", "Here I am."),
            ("user", "thank you."), ("assistant", "As Ann said."),
        ]  # fmt: skip
        assert model.messages()[:-1] == line.history[:3]
        assert line.voices[0].spoken == ["Hello.", "As Ann said."]


async def test_what_nobody_answered_the_agent_answers_when_it_is_handed_back() -> None:
    async with Line(Model(["I can."]), LIVE) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        await line.says("can anybody help?")
        await line.wait(2.0)
        boss.wants("hand_back")
        await line.wait(2.0)
        assert line.history == [("user", "can anybody help?"), ("assistant", "I can.")]


async def test_a_runner_that_answers_is_refused_meanwhile_and_asked_again_afterwards() -> None:
    async with Line(None, LIVE) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        await line.says("can anybody help?")
        await line.wait(1.0)
        asked = line.owner.last(events.TurnEnd)
        reply = commands.BotReply(call_id="call-1", message_id="m", text="I can.", in_reply_to=asked.message_id)
        await line.do(reply)
        assert line.owner.last(events.ReplyRejected).reason == "taken_over"
        await line.do(commands.BotReplyStream(call_id="call-1", message_id="s", action="start"))
        assert line.owner.last(events.ReplyRejected).message_id == "s"
        await line.wait(1.0)
        line.owner.told.clear()
        boss.wants("hand_back")
        assert line.owner.names == ["handoff.released", "user.message", "turn.end"]
        await line.do(reply)
        await line.wait(2.0)
        assert line.history == [("user", "can anybody help?"), ("assistant", "I can.")]


async def test_only_one_supervisor_has_a_call() -> None:
    async with Line(Model(), LIVE) as line:
        one, other = Supervisor(line), Supervisor(line)
        assert other.wants("hand_back") == NOT_TAKEN
        assert one.wants("take_over") == one.wants("take_over") == ""
        assert other.wants("take_over") == TAKEN
        assert other.wants("say", text="me too") == NOT_TAKEN
        assert other.wants("hang_up") != ""
        assert not line.call.live.speak(other, bytes(640))
        assert len(line.owner.named(live_events.HandoffActive)) == 1
        one.wants("hand_back")
        assert other.wants("take_over") == ""


async def test_a_supervisor_whose_socket_breaks_may_come_back_for_a_while() -> None:
    async with Line(Model(), LIVE) as line:
        one = Supervisor(line)
        one.wants("take_over")
        one.leaves()
        await line.wait(GONE_SECONDS - 1)
        assert line.call._core.is_taken_over
        again = Supervisor(line)
        assert again.wants("take_over") == ""
        await line.wait(GONE_SECONDS + 1)
        assert line.call._core.is_taken_over
        again.leaves()
        await line.wait(GONE_SECONDS + 0.1)
        assert not line.call._core.is_taken_over
        assert line.owner.last(live_events.HandoffReleased).reason == "lost"
        assert len(line.owner.named(live_events.HandoffActive)) == 1


async def test_a_caller_who_listens_to_a_human_is_not_hung_up_on() -> None:
    limits = {"session_limits": {"idle_timeout_seconds": 5, "idle_grace_seconds": 1}}
    async with Line(Model(), {**LIVE, **limits}) as line:
        boss = Supervisor(line)
        boss.wants("take_over")
        await line.wait(10.0)
        assert not line.task.done()
        boss.wants("hand_back")
        await line.wait(7.0)
        await settle()
        assert line.task.done()


async def test_who_has_a_call_can_end_it() -> None:
    async with Line(Model(), LIVE) as line:
        boss = Supervisor(line)
        assert boss.wants("hangup") == NOT_TAKEN
        boss.wants("take_over")
        assert boss.wants("hangup") == ""
        await line.task
    assert line.owner.last(events.CallEnded).reason == "hangup"


@pytest.mark.parametrize("action", [None, 7, "", "mute", "take over"])
async def test_what_means_nothing_is_said_to(action: object) -> None:
    async with Line(Model(), LIVE) as line:
        assert "means nothing" in line.call.live.act(Supervisor(line), {"action": action})

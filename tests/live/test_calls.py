"""A call keeps what it began with, and is forgotten when it is over or nobody speaks of it any more."""

from __future__ import annotations

from pinecall_run.config.model import Agent, PromptSource
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.calls import ANSWERS, PAST, Calls, LiveCall
from pinecall_run.live.driver import Wire
from pinecall_run.wire.commands import BotReply, CallHangup, Command, LlmToolResult


def deployed(prompt: str = "p") -> DeployedAgent:
    return DeployedAgent(Agent("desk", PromptSource(text=prompt)), prompt)


def begin(calls: Calls, call_id: str, prompt: str = "p") -> tuple[LiveCall, bool]:
    return calls.begin(call_id, deployed(prompt), "r1", channel="chat", metadata={"userId": "7"})


def answer(msg_id: str) -> LlmToolResult:
    return LlmToolResult(call_id="1", msg_id=msg_id, results=[])


def test_a_call_that_is_announced_again_keeps_what_it_began_with() -> None:
    calls = Calls(Wire(lambda command: True))
    first, is_new = begin(calls, "1", "old")
    again, is_new_again = begin(calls, "1", "new")
    assert (is_new, is_new_again) == (True, False)
    assert again is first
    assert first.agent.prompt == "old"
    assert (first.call.metadata, first.call.revision, first.call.channel) == ({"userId": "7"}, "r1", "chat")
    assert (len(calls), calls.get("1"), calls.get("2")) == (1, first, None)
    assert calls.end("1", "hangup") is first
    assert calls.end("1", "hangup") is None
    assert len(calls) == 0


def test_a_call_that_a_tool_call_told_of_first_learns_the_rest() -> None:
    calls = Calls(Wire(lambda command: True))
    live, _ = calls.begin("1", deployed(), "r1", channel="unknown", started_at=1.0)
    calls.begin("1", deployed(), "r1", channel="unknown", started_at=1.5)
    assert live.call.started_at == 1.0, "another tool call tells nothing new"
    calls.begin("1", deployed(), "r2", channel="phone", from_="+1555", started_at=2.0)
    assert (live.call.channel, live.call.from_, live.call.started_at, live.call.revision) == (
        "phone",
        "+1555",
        2.0,
        "r1",
    )
    calls.begin("1", deployed(), "r2", channel="chat")
    assert live.call.channel == "phone"


def test_what_a_tool_asks_of_its_call_is_sent() -> None:
    sent: list[Command] = []
    calls = Calls(Wire(lambda command: not sent.append(command)))
    live, _ = begin(calls, "1")
    live.call.say("One moment.")
    live.call.hangup()
    reply, hangup = sent
    assert isinstance(reply, BotReply)
    assert (reply.call_id, reply.text, reply.in_reply_to) == ("1", "One moment.", "")
    assert isinstance(hangup, CallHangup)


def test_answers_of_a_long_call_are_not_kept_for_ever_but_what_runs_is() -> None:
    live, _ = begin(Calls(Wire(lambda command: True)), "1")
    live.answered["running"] = None
    for number in range(ANSWERS + 10):
        live.answered[str(number)] = None
        live.answer(answer(str(number)))
    assert live.answered["running"] is None
    assert live.answered["9"] is None  # not to be run again all the same
    assert sum(kept is not None for kept in live.answered.values()) == ANSWERS
    assert live.answered["10"] == answer("10")


def test_calls_that_a_whole_connection_was_silent_of_are_forgotten() -> None:
    calls = Calls(Wire(lambda command: True))
    begin(calls, "goes on")
    begin(calls, "lost")
    begin(calls, "over")
    calls.end("over", "hangup")
    assert calls.disconnected(was_steady=True) == []  # the server may be about to speak of them again
    begin(calls, "goes on")
    begin(calls, "new")
    assert calls.disconnected(was_steady=False) == []  # it may have had no time to
    assert [live.call.id for live in calls.disconnected(was_steady=True)] == ["lost"]
    assert len(calls) == 2
    assert {live.call.id for live in calls.disconnected(was_steady=True)} == {"goes on", "new"}


def test_a_call_that_begins_again_knows_what_was_run_in_it() -> None:
    calls = Calls(Wire(lambda command: True))
    first, _ = begin(calls, "1")
    first.answered["m"] = None
    calls.end("1", "hangup")
    first.answer(answer("m"))  # its tool ended after it
    again, is_new = begin(calls, "1")
    assert (is_new, again.answered) == (True, {"m": answer("m")})
    for number in range(PAST + 1):
        begin(calls, f"c{number}")[0].answered["m"] = None
        calls.end(f"c{number}", "hangup")
    assert begin(calls, "c0")[0].answered == {}
    assert begin(calls, "c1")[0].answered == {"m": None}

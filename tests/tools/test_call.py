"""The call as tools and hooks see it: what it sends for what is asked of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from tests.tools._driver import Recorder

from pinecall_run.tools.call import Call
from pinecall_run.wire import call_commands as cc
from pinecall_run.wire import commands as c


def made(driver: Recorder) -> Call:
    call = Call(driver, id="call_1", agent="desk", channel="phone", revision="r1", vars={"company": "Acme"})
    call.latest_message = "user_1"
    return call


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        (
            lambda call: call.say("One moment."),
            c.BotReply(call_id="call_1", message_id="msg_1", text="One moment.", in_reply_to="", add_to_history=True),
        ),
        (
            lambda call: call.say("Psst.", add_to_history=False),
            c.BotReply(call_id="call_1", message_id="msg_1", text="Psst.", in_reply_to=""),
        ),
        (
            lambda call: call.reply("Yes."),
            c.BotReply(call_id="call_1", message_id="msg_1", text="Yes.", in_reply_to="user_1"),
        ),
        (lambda call: call.cancel(), c.BotCancel(call_id="call_1")),
        (lambda call: call.cancel("msg_7"), c.BotCancel(call_id="call_1", message_id="msg_7")),
        (lambda call: call.clear(), c.BotClear(call_id="call_1")),
        (lambda call: call.hangup(), c.CallHangup(call_id="call_1")),
        (
            lambda call: call.forward("+15551234567", message="Bye."),
            cc.CallForward(call_id="call_1", to="+15551234567", message="Bye.", announce=False),
        ),
        (
            lambda call: call.forward("+1555", summary=True),
            cc.CallForward(call_id="call_1", to="+1555", summary=True),
        ),
        (
            lambda call: call.forward("+1555", summary="A lamp."),
            cc.CallForward(call_id="call_1", to="+1555", summary="A lamp."),
        ),
        (lambda call: call.dtmf("1w#"), cc.CallDtmf(call_id="call_1", digits="1w#")),
        (lambda call: call.hold(), cc.CallHold(call_id="call_1")),
        (lambda call: call.unhold(), cc.CallUnhold(call_id="call_1")),
        (lambda call: call.mute(), cc.CallMute(call_id="call_1")),
        (lambda call: call.unmute(), cc.CallUnmute(call_id="call_1")),
        (lambda call: call.update(language="es"), c.SessionConfigure(session_id="call_1", language="es")),
        (lambda call: call.set_prompt("p"), c.HistorySetInstructions(call_id="call_1", prompt="p")),
        (lambda call: call.set_vars(n=3), c.HistorySetVars(call_id="call_1", vars={"n": "3"})),
        (lambda call: call.add_context("t"), c.HistoryAddContext(call_id="call_1", text="t")),
        (lambda call: call.history.get(), c.HistoryGet(call_id="call_1")),
        (lambda call: call.history.add({"role": "user"}), c.HistoryAdd(call_id="call_1", messages=[{"role": "user"}])),
        (lambda call: call.history.set([]), c.HistorySet(call_id="call_1", messages=[])),
        (lambda call: call.history.clear(), c.HistoryClear(call_id="call_1")),
    ],
)
def test_what_is_asked_of_a_call_is_sent(do: Any, expected: c.Command) -> None:
    driver = Recorder()
    do(made(driver))
    assert driver.sent == [expected]


def test_variables_that_are_set_are_known_at_once() -> None:
    call = made(Recorder())
    call.set_vars(company="Zed", customer=7)
    assert call.vars == {"company": "Zed", "customer": 7}


def test_another_call_is_placed_by_the_calls_own_agent_unless_one_is_named() -> None:
    driver = Recorder()
    made(driver).dial("+15551230000", metadata={"lead": 7})
    made(driver).dial("+15551230000", agent="sales", from_="+1555", greeting="Hello.", detect_turn_end=True)
    assert driver.dialled == [
        (made(driver).agent, "+15551230000", {"metadata": {"lead": 7}, "detect_turn_end": False}),
        ("sales", "+15551230000", {"from_": "+1555", "greeting": "Hello.", "detect_turn_end": True}),
    ]


def stream_frames(driver: Recorder) -> list[tuple[str, str, str]]:
    frames = [frame for frame in driver.sent if isinstance(frame, c.BotReplyStream)]
    return [(frame.action, frame.token, frame.in_reply_to) for frame in frames]


def test_a_streamed_reply_begins_with_its_first_piece() -> None:
    driver = Recorder()
    with made(driver).stream() as reply:
        assert driver.sent == []
        assert reply.write("Su")
        assert reply.write("re.")
    assert stream_frames(driver) == [
        ("start", "", "user_1"),
        ("chunk", "Su", ""),
        ("chunk", "re.", ""),
        ("end", "", ""),
    ]
    assert not reply.write("late")
    reply.end()
    assert len(driver.sent) == 4


def test_a_streamed_reply_without_a_word_has_a_beginning_and_an_end() -> None:
    driver = Recorder()
    made(driver).stream().end()
    assert [action for action, _, _ in stream_frames(driver)] == ["start", "end"]


def test_a_streamed_reply_that_is_given_up_ends_if_it_has_begun() -> None:
    driver = Recorder()
    call = made(driver)
    call.stream().abort()
    assert driver.sent == []
    reply = call.stream()
    reply.write("a")
    reply.abort()
    assert [action for action, _, _ in stream_frames(driver)] == ["start", "chunk", "end"]
    driver.sent.clear()

    def failing() -> Generator[None, None, None]:
        with call.stream() as reply:
            reply.write("a")
            raise ValueError("the model failed")
        yield

    with pytest.raises(ValueError, match="the model failed"):
        next(failing())
    assert [action for action, _, _ in stream_frames(driver)] == ["start", "chunk", "end"]


def test_what_is_shown_of_a_call_holds_nothing_that_was_said() -> None:
    assert repr(made(Recorder())) == "Call('call_1', agent='desk', channel='phone')"

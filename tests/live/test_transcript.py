"""A transcript has what was said, once, in order, and of an interrupted utterance what was heard."""

from __future__ import annotations

from typing import Any

from tests.tools._driver import some_call

from pinecall_run.live.transcript import Transcript
from pinecall_run.tools.call import Call
from pinecall_run.wire import events as e
from pinecall_run.wire import live_events as live
from pinecall_run.wire import speech_events as s


def play(*frames: tuple[type[e.CallEvent], dict[str, Any]]) -> Call:
    call = some_call()
    transcript = Transcript(call)
    for number, (kind, fields) in enumerate(frames):
        transcript.handle(kind(agent_id="desk", call_id="call_1", **fields), float(number))
    return call


def said(call: Call) -> list[tuple[str, str, float]]:
    return [(entry.who, entry.text, entry.at) for entry in call.transcript]


def test_a_typed_conversation() -> None:
    call = play(
        (e.ChatMessage, {"text": "Hi", "message_id": "u1"}),
        (e.ChatResponse, {"text": "Hello.", "message_id": "m1"}),
        (e.BotSpeaking, {"message_id": "m2", "text": "One moment."}),
        (e.BotFinished, {"message_id": "m2"}),
    )
    assert said(call) == [("user", "Hi", 0.0), ("agent", "Hello.", 1.0), ("agent", "One moment.", 3.0)]
    assert call.latest_message == "u1"


def test_a_conversation_that_goes_on_from_another_connection() -> None:
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user"}, {}]
    call = play(
        (e.ChatStarted, {"messages": before}),
        (e.ChatStarted, {"messages": before}),
        (e.ChatMessage, {"text": "Hi again", "message_id": "u1"}),
    )
    assert said(call) == [("user", "Hi", 0.0), ("agent", "Hello.", 0.0), ("user", "Hi again", 2.0)]


def test_a_spoken_conversation_whose_messages_are_told_twice() -> None:
    call = play(
        (e.UserMessage, {"message_id": "u1", "text": "where is"}),
        (s.SpeechEnded, {}),
        (e.UserMessage, {"message_id": "u1", "text": "Where is it?"}),
        (e.TurnEnd, {"message_id": "u1"}),
        (e.BotSpeaking, {"message_id": "m1", "text": ""}),
        (s.MessageConfirmed, {"message_id": "m1", "text": "On its way."}),
        (e.BotFinished, {"message_id": "m1"}),
        (e.UserMessage, {"message_id": "u2", "text": "Thanks."}),
        (s.MessageConfirmed, {"message_id": "m1", "text": "On its way."}),
    )
    assert said(call) == [("user", "Where is it?", 0.0), ("agent", "On its way.", 5.0), ("user", "Thanks.", 7.0)]
    assert call.latest_message == "u2"


def test_of_what_was_interrupted_the_words_that_were_heard() -> None:
    call = play(
        (e.BotSpeaking, {"message_id": "m1", "text": "Your order will arrive"}),
        (s.BotInterrupted, {"message_id": "m1", "words_spoken": 2, "reason": "user_spoke"}),
        (e.BotSpeaking, {"message_id": "m2", "text": "Never heard"}),
        (s.BotInterrupted, {"message_id": "m2", "reason": "cancelled"}),
    )
    assert said(call) == [("agent", "Your order", 1.0)]


def test_a_probable_turn_is_what_a_reply_answers() -> None:
    assert play((s.EagerTurn, {"message_id": "u9", "text": "hm"})).latest_message == "u9"


def test_what_a_supervisor_says_is_the_agents_once() -> None:
    call = play(
        (live.SupervisorSaid, {"text": "Here is Ann."}),
        (live.SupervisorSaid, {"text": "One moment, please.", "message_id": "m1"}),
        (s.MessageConfirmed, {"message_id": "m1", "text": "One moment,"}),
        (live.SupervisorWhispered, {"text": "be brief"}),
    )
    assert said(call) == [("agent", "Here is Ann.", 0.0), ("agent", "One moment,", 2.0)]

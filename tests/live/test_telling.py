"""Events as notices; how they come and in which order is in tests/live/test_runner.py."""

from pinecall_run.live import notices
from pinecall_run.live.telling import Around, notice_of
from pinecall_run.wire import events, speech_events

CALL = {"agent_id": "desk", "call_id": "c1"}


def test_what_is_said_is_told_once_whether_typed_or_spoken() -> None:
    spoken = events.UserMessage(**CALL, message_id="u1", text="hi")
    assert notice_of(spoken, Around("r1", "webrtc")) == notices.Said("desk", "c1", "person", "hi", "r1")
    assert notice_of(spoken, Around("r1", "chat")) is None, "chat.message told it"
    assert notice_of(speech_events.MessageConfirmed(**CALL, text=""), Around("r1", "webrtc")) is None


def test_only_the_stages_that_were_reached_are_told() -> None:
    metrics = speech_events.TurnMetrics(**CALL, decided_ms=300.0, heard_ms=0.0)
    told = notice_of(metrics, Around("r1", "webrtc"))
    assert isinstance(told, notices.TurnAnswered)
    assert told.stages == {"decided": 300.0, "heard": 0.0}


def test_what_did_not_reach_a_person_is_trouble() -> None:
    failed = speech_events.WhatsappStatus(agent_id="desk", status="failed", session_id="wa-1", error="too late")
    assert notice_of(failed, Around()) == notices.Trouble("too late", "desk", "wa-1")
    bare = speech_events.WhatsappStatus(agent_id="desk", status="failed")
    assert notice_of(bare, Around()) == notices.Trouble("a message was not delivered", "desk")
    assert notice_of(speech_events.WhatsappStatus(agent_id="desk", status="read"), Around()) is None


def test_most_events_tell_nothing_by_themselves() -> None:
    assert notice_of(events.CallStarted(**CALL), Around()) is None

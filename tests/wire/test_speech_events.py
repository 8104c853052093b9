"""Events of a call that is heard are read and written as the protocol shows them."""

import msgspec
import pytest
from tests.wire._golden import check_golden

from pinecall_run.wire import speech_events as e
from pinecall_run.wire.codec import EVENT_DECODER
from pinecall_run.wire.events import LlmToolCall, ToolCall

CALL = '"agent_id":"a","call_id":"CA_1"'
CONTACT = '"contact_phone":"+1555","contact_name":"Ana"'


def written(text: str) -> str:
    """A frame with what all of its kind have in place of a word."""
    return text.replace("@call", CALL).replace("@contact", CONTACT)


FRAMES = [
    (e.CallRinging, '{"event":"call.ringing",@call,"from":"+1555","to":"+1666"}'),
    (e.CallRejected, '{"event":"call.rejected",@call,"reason":"busy"}'),
    (e.CallDialing, '{"event":"call.dialing",@call,"to":"+1555","from":"+1666"}'),
    (e.CallError, '{"event":"call.error","agent_id":"a","error":"no trunk","code":"NO_TRUNK"}'),
    (e.CallUpdated, '{"event":"call.updated",@call,"language":"es"}'),
    (e.CallForwarded, '{"event":"call.forwarded",@call,"to":"+1555"}'),
    (e.CallDtmfSent, '{"event":"call.dtmf_sent",@call,"digits":"12"}'),
    (e.CallDtmfReceived, '{"event":"call.dtmf_received",@call,"digit":"2","digits":"12"}'),
    (e.CallHeld, '{"event":"call.held",@call}'),
    (e.CallUnheld, '{"event":"call.unheld",@call}'),
    (e.CallMuted, '{"event":"call.muted",@call}'),
    (e.CallUnmuted, '{"event":"call.unmuted",@call,"muted_transcript":"hm"}'),
    (e.SpeechStarted, '{"event":"speech.started",@call,"turn_id":1,"confidence":0.9,"timestamp":1.5}'),
    (e.SpeechEnded, '{"event":"speech.ended",@call,"turn_id":1,"duration_ms":900.0,"timestamp":2.5}'),
    (
        e.UserSpeaking,
        """{"event":"user.speaking",@call,"text":"where","confidence":0.5,"turn_id":1,"message_id":"m",
            "confirmed_text":"wh"}""",
    ),
    (
        e.EagerTurn,
        """{"event":"eager.turn",@call,"turn_id":1,"probability":0.6,"latency_ms":160.0,"text":"hi","message_id":"m"}""",
    ),
    (e.TurnPause, '{"event":"turn.pause",@call,"turn_id":1,"probability":0.1,"latency_ms":2.0}'),
    (e.TurnResumed, '{"event":"turn.resumed",@call,"turn_id":1,"timestamp":2.5}'),
    (e.TurnContinued, '{"event":"turn.continued",@call,"turn_id":1,"timestamp":2.5}'),
    (e.BotWord, '{"event":"bot.word",@call,"message_id":"m","word":"Hello","word_index":3,"start_time":0.5}'),
    (
        e.BotInterrupted,
        """{"event":"bot.interrupted",@call,"message_id":"m","played_ms":900.0,"words_spoken":3,"last_word":"a",
            "reason":"user_spoke"}""",
    ),
    (e.MessageConfirmed, '{"event":"message.confirmed",@call,"message_id":"m","text":"Hello"}'),
    (e.MessageAborted, '{"event":"message.aborted",@call,"message_id":"m","reason":"cancelled"}'),
    (
        e.AudioMetrics,
        """{"event":"audio.metrics",@call,"source":"user","energy_db":-30.5,"rms":0.1,"peak":0.2,"is_speech":true,
            "vad_prob":0.9,"timestamp":1.5}""",
    ),
    (e.IdleWarning, '{"event":"session.idle_warning",@call,"remaining_seconds":15.0,"idle_timeout_seconds":60.0}'),
    (e.SessionTimeout, '{"event":"session.timeout",@call,"reason":"idle_timeout"}'),
    (
        e.TurnMetrics,
        """{"event":"turn.metrics",@call,"turn_id":2,"message_id":"m","transcript_ms":90.0,"decided_ms":310.5,
            "first_token_ms":250.0,"first_audio_ms":400.0,"heard_ms":420.0}""",
    ),
    (
        e.ToolsAnswered,
        """{"event":"llm.tool_result",@call,"results":[{"tool_call_id":"tc_1","name":"look","result":{"ok":true}}],
            "msg_id":"m1"}""",
    ),
    (e.ProviderFailed, '{"event":"provider.failed",@call,"stage":"stt","provider":"a","error":"busy","next":"local"}'),
    (e.SessionPaused, '{"event":"session.paused","agent_id":"a","session_id":"wa-1"}'),
    (e.SessionResumed, '{"event":"session.resumed","agent_id":"a","contact":"+1555"}'),
    (e.SessionSent, '{"event":"session.sent","agent_id":"a"}'),
    (e.WhatsappStarted, '{"event":"whatsapp.session_started","agent_id":"a","session_id":"wa-1",@contact}'),
    (
        e.WhatsappMessage,
        """{"event":"whatsapp.message","agent_id":"a","session_id":"wa-1","from":"+1555","name":"Ana","type":"audio",
            "text":"hi","message_id":"m","paused":true}""",
    ),
    (
        e.WhatsappResponse,
        """{"event":"whatsapp.response","agent_id":"a","session_id":"wa-1","to":"+1555","text":"hi","source":"human"}""",
    ),
    (
        e.WhatsappStatus,
        '{"event":"whatsapp.status","agent_id":"a","status":"read","recipient":"+1555","message_id":"m"}',
    ),
    (
        e.WhatsappEnded,
        """{"event":"whatsapp.session_ended","agent_id":"a","session_id":"wa-1",@contact,"transcript":[],"messages":[],
            "duration":1.5,"started_at":1.0,"ended_at":2.5,"reason":"idle_timeout","message_count":2}""",
    ),
]


@pytest.mark.parametrize(("kind", "text"), FRAMES)
def test_an_event_is_what_the_protocol_shows(kind: type[msgspec.Struct], text: str) -> None:
    check_golden(EVENT_DECODER, kind, written(text))


def test_every_event_is_in_the_table() -> None:
    assert {kind for kind, _ in FRAMES} == set(e.EVENTS)


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"llm.tool_call",@call,"message_id":"m1","tool_calls":[{"id":"t","name":"look","arguments":"{}"}]}',
        """{"event":"llm.tool_call",@call,"msg_id":"m1","tool_calls":
            [{"id":"t","type":"function","function":{"name":"look","arguments":"{}"}}]}""",
        """{"event":"llm.tool_call",@call,"session_id":null,"msg_id":"m1",
            "tool_calls":[{"id":"t","name":"look","arguments":"{}"}]}""",
    ],
)
def test_tool_calls_have_other_forms_too(text: str) -> None:
    call = ToolCall(id="t", name="look", arguments="{}")
    assert EVENT_DECODER.decode(written(text)) == LlmToolCall(
        agent_id="a", call_id="CA_1", msg_id="m1", tool_calls=[call]
    )

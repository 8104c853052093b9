"""Every event is read and written as the protocol shows it."""

import json

import msgspec
import pytest
from tests.wire._golden import check_golden

from pinecall_run.wire import events as e
from pinecall_run.wire.codec import EVENT_DECODER

CALL = '"agent_id":"front-desk","call_id":"CA_1","session_id":"CA_1"'
CHAT = '"agent_id":"front-desk","call_id":"chat-1"'
CALLS = '"tool_calls":[{"id":"tc_1","name":"lookupOrder","arguments":"{\\"orderId\\":\\"42\\"}"}]'
ENDED = """"duration_seconds":83.0,"started_at":1000.0,"ended_at":1083.0,
           "messages":[{"role":"user","content":"Where is order 42?"}]"""

FRAMES = [
    (e.Connected, '{"event":"connected"}'),
    (e.Connected, '{"event":"connected","org_id":"org_1","connection_id":"c1","protocol_version":"2"}'),
    (e.ServerPing, '{"event":"ping"}'),
    (e.ServerPong, '{"event":"pong","timestamp":1.5}'),
    (
        e.Error,
        """{"event":"error","code":"AGENT_CONFLICT","agent_id":"front-desk","error":"already registered",
            "retry_after_s":5,"holder_alive":false}""",
    ),
    (e.Error, '{"event":"error","code":"PHONE_IN_USE","message":"x","agent_id":"a","phone":"+1 (555) 123-4567"}'),
    (e.AgentCreated, '{"event":"agent.created","agent_id":"front-desk"}'),
    (e.AgentResumed, '{"event":"agent.resumed","agent_id":"a"}'),
    (e.AgentConfigured, '{"event":"agent.configured","agent_id":"a"}'),
    (e.AgentRemoved, '{"event":"agent.removed","agent_id":"a"}'),
    (e.AgentDisplaced, '{"event":"agent.displaced","agent_id":"a","reason":"kicked"}'),
    (e.ChannelAdded, '{"event":"channel.added","agent_id":"front-desk","type":"phone","ref":"+15551234567"}'),
    (e.ChannelAdded, '{"event":"channel.added","agent_id":"a","type":"webrtc","served":false}'),
    (e.ChannelConfigured, '{"event":"channel.configured","agent_id":"a","ref":"chat"}'),
    (e.ChannelRemoved, '{"event":"channel.removed","agent_id":"a","ref":"webrtc"}'),
    (
        e.CallStarted,
        '{"event":"call.started",'
        + CALL
        + ""","from":"+15551230001","to":"+15551234567","direction":"outbound",
            "transport":"phone","language":"en","metadata":{"k":1}}""",
    ),
    (e.CallEnded, '{"event":"call.ended",' + CALL + ',"reason":"idle_timeout",' + ENDED + "}"),
    (e.SessionConfigured, '{"event":"session.configured",' + CALL + "}"),
    (
        e.UserMessage,
        '{"event":"user.message",' + CALL + ',"turn_id":1,"message_id":"u1","text":"Where?","confidence":0.97}',
    ),
    (
        e.TurnEnd,
        '{"event":"turn.end",'
        + CALL
        + ""","turn_id":1,"message_id":"u1","text":"Where?","probability":0.98,
            "latency_ms":150}""",
    ),
    (e.BotSpeaking, '{"event":"bot.speaking",' + CALL + ',"message_id":"msg_g","text":"Front desk, hello."}'),
    (e.BotFinished, '{"event":"bot.finished",' + CALL + ',"message_id":"msg_g","duration_ms":1300}'),
    (
        e.ReplyRejected,
        '{"event":"reply.rejected",'
        + CALL
        + ""","message_id":"m","in_reply_to":"u1","expected_reply_to":"u2",
            "reason":"message_obsolete"}""",
    ),
    (e.LlmBefore, '{"event":"llm.before",' + CALL + ',"turn":1}'),
    (
        e.LlmPreparingTimeout,
        '{"event":"llm.preparing_timeout",' + CALL + ',"turn":1,"waited_ms":1501,"budget_ms":1500}',
    ),
    (e.LlmToolCall, '{"event":"llm.tool_call",' + CALL + ',"msg_id":"m1",' + CALLS + "}"),
    (e.LlmError, '{"event":"llm.error",' + CALL + ',"error":"no"}'),
    (e.ChatStarted, '{"event":"llm.chat.started",' + CHAT + ',"metadata":{"userId":"u"},"language":"en","model":"m"}'),
    (e.ChatMessage, '{"event":"chat.message",' + CHAT + ',"text":"Hi","message_id":"u1"}'),
    (e.ChatResponse, '{"event":"chat.response",' + CHAT + ',"text":"Hello"}'),
    (e.ChatEnded, '{"event":"llm.chat.ended",' + CHAT + ',"reason":"idle_timeout",' + ENDED + "}"),
    (e.ChatError, '{"event":"llm.chat.error",' + CHAT + ',"error":"no"}'),
    (e.TerminalToken, '{"event":"llm.chat.token",' + CHAT + ',"token":"He","text":"He"}'),
    (e.TerminalDone, '{"event":"llm.chat.done",' + CHAT + ',"text":"Hello","model":"m"}'),
    (e.TerminalToolCall, '{"event":"llm.chat.tool_call",' + CHAT + "," + CALLS + "}"),
    (e.TerminalToolResult, '{"event":"llm.chat.tool_result",' + CHAT + ',"result":[1],"tool_call_id":"t","name":"n"}'),
    (
        e.HistoryData,
        '{"event":"history.data",' + CALL + ',"request_id":"rq_1","messages":[{"role":"user","content":"x"}]}',
    ),
    (e.HistoryUpdated, '{"event":"history.updated",' + CALL + ',"request_id":"rq_1","count":3}'),
    (e.HistoryUpdated, '{"event":"history.updated",' + CALL + ',"error":"no server llm"}'),
]
each_frame = pytest.mark.parametrize(("kind", "text"), FRAMES)


@each_frame
def test_an_event_is_what_the_protocol_shows(kind: type[msgspec.Struct], text: str) -> None:
    check_golden(EVENT_DECODER, kind, text)


def test_every_event_is_in_the_table() -> None:
    assert {kind for kind, _ in FRAMES} == set(e.EVENTS)


@each_frame
def test_the_stamps_of_a_server_and_keys_of_its_own_do_not_matter(kind: type[msgspec.Struct], text: str) -> None:
    stamped = {**json.loads(text), "session_id": "CA_1", "seq": 178, "ts": 1790.25, "phone_number": "session:5cc5f7ae"}
    assert type(EVENT_DECODER.decode(json.dumps(stamped))) is kind


@each_frame
def test_null_says_no_more_than_a_missing_key(kind: type[msgspec.Struct], text: str) -> None:
    """A server in a language without ``undefined`` writes ``null`` for what it does not know."""
    documented = json.loads(text)
    for key in documented.keys() - {"result", "ref", "org_id", "connection_id", "protocol_version"}:  # may hold it
        absent = EVENT_DECODER.decode(json.dumps({k: v for k, v in documented.items() if k != key}))
        null = EVENT_DECODER.decode(json.dumps({**documented, key: None}))
        assert type(null) is type(absent)
        assert null == absent or type(absent) is not kind


def test_nothing_inside_connected_spoils_it() -> None:
    assert isinstance(EVENT_DECODER.decode('{"event":"connected","org_id":7,"protocol_version":2}'), e.Connected)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (e.Error(error="one", message="two", code="C"), "one"),
        (e.Error(message="two", code="C"), "two"),
        (e.Error(error="", code="C"), "C"),
        (e.Error(), "the server gave no reason"),
    ],
)
def test_an_error_has_a_sentence_wherever_the_server_put_it(error: e.Error, sentence: str) -> None:
    assert error.sentence == sentence

"""Every command is read and written as the protocol shows it: these keys, and no others."""

import json

import msgspec
import pytest
from tests.wire._golden import check_golden

from pinecall_run.wire import commands as c
from pinecall_run.wire.codec import COMMAND_DECODER, encode

CONFIGURATION = """
    "voice":"elevenlabs/sarah","language":"en","flash":true,
    "stt":{"provider":"deepgram","model":"nova-3","language":"en"},"interruption":{"min_words":2},
    "llm":"openai/gpt-4.1-mini","prompt":"You are the front desk.","vars":{"company":"Acme"},
    "greeting":"Front desk, hello.","greetingInChat":true,"memory":{"contactKey":"phone"},"timezone":"Europe/Madrid",
    "preparing":{"timeout_ms":1500},"raw_prompt":false,
    "tools":[{"type":"function","function":{"name":"lookupOrder","description":"Look an order up",
      "parameters":{"type":"object","properties":{"orderId":{"type":"string"}},"required":["orderId"]}}}],
    "skills":[],"session_limits":{"idle_timeout_seconds":60,"idle_warning_seconds":15},
    "config":{"vad":{"threshold":0.5}},"knowledge_base":["kb"],"mode":"x","media":{"live":true},
    "allowed_origins":["http://localhost:*"]
"""

FRAMES = [
    (c.Connect, '{"event":"connect","api_key":"pk_test"}'),
    (c.Ping, '{"event":"ping"}'),
    (c.Pong, '{"event":"pong"}'),
    (c.AgentCreate, '{"event":"agent.create","agent_id":"front-desk"}'),
    (c.AgentCreate, '{"event":"agent.create","agent_id":"org:Mesa de ayuda ñ",' + CONFIGURATION + "}"),
    (c.AgentConfigure, '{"event":"agent.configure","agent_id":"a",' + CONFIGURATION + "}"),
    (c.AgentConfigure, '{"event":"agent.configure","agent_id":"a","greeting":null,"interruption":false}'),
    (c.AgentRemove, '{"event":"agent.remove","agent_id":"a"}'),
    (c.ChannelAdd, '{"event":"channel.add","agent_id":"a","type":"phone","ref":"+1 (555) 123-4567","ringing":true}'),
    (c.ChannelAdd, '{"event":"channel.add","agent_id":"a","type":"webrtc","voice":"v"}'),
    (
        c.ChannelAdd,
        """{"event":"channel.add","agent_id":"a","type":"whatsapp","ref":"106","accessToken":"t","verifyToken":"v",
            "appSecret":"s","phone":"+1555"}""",
    ),
    (c.ChannelConfigure, '{"event":"channel.configure","agent_id":"a","ref":"chat","language":null}'),
    (c.ChannelRemove, '{"event":"channel.remove","agent_id":"a","ref":"webrtc"}'),
    (c.ChannelRemove, '{"event":"channel.remove","agent_id":"a","ref":"+15551234567","type":"phone"}'),
    (c.SessionConfigure, '{"event":"session.configure","session_id":"CA_1","voice":"x","stt":"deepgram:nova-3:es"}'),
    (c.SessionConfigure, '{"event":"session.configure","session_id":"CA_1","agent_id":"a","prompt":"p"}'),
    (c.BotReply, '{"event":"bot.reply","call_id":"CA_1","message_id":"m","text":"Sure","in_reply_to":""}'),
    (
        c.BotReply,
        """{"event":"bot.reply","call_id":"CA_1","message_id":"msg_abc123def456","text":"Hello","in_reply_to":"",
            "add_to_history":true}""",
    ),
    (
        c.BotReplyStream,
        '{"event":"bot.reply.stream","call_id":"CA_1","message_id":"m","action":"start","in_reply_to":"u1"}',
    ),
    (c.BotReplyStream, '{"event":"bot.reply.stream","call_id":"CA_1","message_id":"m","action":"chunk","token":"Su"}'),
    (c.BotReplyStream, '{"event":"bot.reply.stream","call_id":"CA_1","message_id":"m","action":"end"}'),
    (c.BotCancel, '{"event":"bot.cancel","call_id":"CA_1"}'),
    (c.BotCancel, '{"event":"bot.cancel","call_id":"CA_1","message_id":"m"}'),
    (c.BotClear, '{"event":"bot.clear","call_id":"CA_1"}'),
    (
        c.LlmToolResult,
        """{"event":"llm.tool_result","call_id":"CA_1","msg_id":"msg_t1",
            "results":[{"tool_call_id":"tc_1","result":{"ok":true},"ephemeral":true,"no_followup":true},
                       {"tool_call_id":"tc_2","result":null},{"tool_call_id":"tc_3"}]}""",
    ),
    (c.LlmReady, '{"event":"llm.ready","call_id":"CA_1","agent_id":"front-desk","turn":1}'),
    (
        c.LlmChat,
        """{"event":"llm.chat","agent_id":"front-desk","session_id":"chat-run-a1b2c3","text":"Hi",
            "metadata":{"console":true}}""",
    ),
    (c.HistoryGet, '{"event":"history.get","call_id":"CA_1"}'),
    (c.HistoryAdd, '{"event":"history.add","call_id":"CA_1","messages":[{"role":"user","content":"x"}]}'),
    (c.HistorySet, '{"event":"history.set","call_id":"CA_1","messages":[]}'),
    (c.HistoryClear, '{"event":"history.clear","call_id":"CA_1","request_id":"rq_1"}'),
    (c.HistorySetInstructions, '{"event":"history.set_instructions","call_id":"CA_1","prompt":"p"}'),
    (
        c.HistorySetVars,
        '{"event":"history.set_vars","call_id":"CA_1","request_id":"rq_6_d5zw2l","vars":{"name":"Ana"}}',
    ),
    (c.HistoryAddContext, '{"event":"history.add_context","call_id":"CA_1","text":"t"}'),
    (c.CallHangup, '{"event":"call.hangup","call_id":"CA_1"}'),
    (c.CallHangup, '{"event":"call.hangup","call_id":"CA_1","reason":"done"}'),
]


@pytest.mark.parametrize(("kind", "text"), FRAMES)
def test_a_command_is_what_the_protocol_shows(kind: type[msgspec.Struct], text: str) -> None:
    check_golden(COMMAND_DECODER, kind, text)


def test_every_command_is_in_the_table() -> None:
    assert {kind for kind, _ in FRAMES} == set(c.COMMANDS)


def test_keys_that_we_do_not_know_do_not_matter() -> None:
    text = '{"event":"agent.create","agent_id":"a","history_save":true,"turnDetection":"native","seq":4}'
    assert COMMAND_DECODER.decode(text) == c.AgentCreate(agent_id="a")


def test_a_new_command_has_no_key_that_was_not_set() -> None:
    assert json.loads(encode(c.BotReply(call_id="c", message_id="m", text="", in_reply_to=""))) == {
        "event": "bot.reply",
        "call_id": "c",
        "message_id": "m",
        "text": "",
        "in_reply_to": "",
    }


def test_configuration_tells_absent_from_null_and_uses_python_names() -> None:
    command = COMMAND_DECODER.decode('{"event":"agent.configure","agent_id":"a","voice":null,"greetingInChat":false}')
    assert isinstance(command, c.AgentConfigure)
    assert command.configuration() == {"voice": None, "greeting_in_chat": False}
    raw = '{"event":"session.configure","session_id":"CA_1","turnDetection":"native","vad":{"threshold":0.4},'
    raw += '"sessionLimits":{"maxDurationSeconds":9},"promptVars":{"name":"Ana"},"voice":"x"}'
    command = COMMAND_DECODER.decode(raw)
    assert isinstance(command, c.SessionConfigure)
    assert command.configuration() == {
        "voice": "x",
        "turn_detection": "native",
        "vad": {"threshold": 0.4},
        "session_limits": {"maxDurationSeconds": 9},
        "vars": {"name": "Ana"},
    }
    channel = c.ChannelAdd(agent_id="a", type="phone", ref="+1", ringing=True, voice="v")
    assert channel.configuration() == {"voice": "v"}

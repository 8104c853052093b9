"""Commands that steer a call are read and written as the protocol shows them."""

import msgspec
import pytest
from tests.wire._golden import check_golden

from pinecall_run.wire import call_commands as c
from pinecall_run.wire.codec import COMMAND_DECODER

FRAMES = [
    (c.CallForward, '{"event":"call.forward","call_id":"CA_1","to":"+15551234567","message":"","announce":false}'),
    (c.CallForward, '{"event":"call.forward","call_id":"C","to":"+1","message":"","announce":true,"summary":true}'),
    (
        c.CallForward,
        '{"event":"call.forward","call_id":"C","to":"+1","message":"","announce":true,"summary":"A lamp."}',
    ),
    (c.CallDtmf, '{"event":"call.dtmf","call_id":"CA_1","digits":"1w#"}'),
    (c.CallHold, '{"event":"call.hold","call_id":"CA_1"}'),
    (c.CallUnhold, '{"event":"call.unhold","call_id":"CA_1"}'),
    (c.CallMute, '{"event":"call.mute","call_id":"CA_1"}'),
    (c.CallUnmute, '{"event":"call.unmute","call_id":"CA_1"}'),
    (c.CallAccept, '{"event":"call.accept","agent_id":"a","call_id":"CA_1"}'),
    (c.CallReject, '{"event":"call.reject","agent_id":"a","call_id":"CA_1","reason":"busy"}'),
    (
        c.CallDial,
        """{"event":"call.dial","agent_id":"a","to":"+15559990000","from":"+15551234567","greeting":"Hi",
            "metadata":{"k":1},"config":{"voice":"v"},"detect_turn_end":true}""",
    ),
    (c.CallBridge, '{"event":"call.bridge","agent_id":"judge","target":"front-desk","detect_turn_end":true}'),
    (c.SetContext, '{"event":"set_context","call_id":"CA_1","key":"cart","value":null}'),
    (c.SessionPause, '{"event":"session.pause","agent_id":"a"}'),
    (c.SessionResume, '{"event":"session.resume","agent_id":"a","contact":"+1555"}'),
    (c.SessionSend, '{"event":"session.send","agent_id":"a","session_id":"wa-1","text":"Hello, Ana here."}'),
    (c.DevConfig, '{"event":"dev.config","callers":[]}'),
]


@pytest.mark.parametrize(("kind", "text"), FRAMES)
def test_a_command_is_what_the_protocol_shows(kind: type[msgspec.Struct], text: str) -> None:
    check_golden(COMMAND_DECODER, kind, text)


def test_every_command_is_in_the_table() -> None:
    assert {kind for kind, _ in FRAMES} == set(c.COMMANDS)

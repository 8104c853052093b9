"""What arrives finds its place: datagrams, streams, and what is no SIP at all."""

from __future__ import annotations

import pytest
from tests.sip._script import AUDIO, PEER, Line, after, up

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import Answered, Close, Ended, Ignored, IncomingCall, Refused, Send
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.registration import Registrar
from pinecall_run.sip.uri import NameAddr, read_uri

TCP = Peer("tcp", "198.51.100.7", 40_000)


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0\0\0\0", b" \r\n"])
def test_what_keeps_a_way_open_is_no_event(data: bytes) -> None:
    assert Line() >> data


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x80\x60\x01\x02", b"\xff" * 2000])
def test_what_is_no_sip_is_ignored(data: bytes) -> None:
    assert Line() >> data << Ignored


def test_a_request_that_is_wrong_is_told_so() -> None:
    line = Line()
    assert line >> line.invite().replace("Max-Forwards: 70", "Max-Forwards: 300") << 400 << Refused(PEER, "INVITE", 400)


def test_a_call_over_a_stream_in_pieces() -> None:
    line = Line(TCP)
    data = line.invite().encode()
    line >> data[:50]
    assert line >> data[50:] + b"\r\n\r\n" << 100 << IncomingCall << Send(b"\r\n", TCP)
    line >> line.answer << 200 << Answered
    assert line >> (line.ack() + line.request("BYE")).encode() << 200 << Ended


def test_a_stream_that_cannot_be_understood_is_closed_and_begins_anew() -> None:
    line = Line(TCP)
    assert line >> b"GET / HTTP/1.1\r\n\r\n" << Ignored << Close(TCP)
    bad = line.invite().replace("Content-Length", "X-Length")
    assert line >> bad << 400 << Refused << Close(TCP)
    assert line >> line.invite(is_inside=False) << 100 << IncomingCall


def test_a_closed_stream_forgets_half_a_message() -> None:
    line = Line(TCP)
    line >> line.invite().encode()[:50] >> line.lost
    assert line >> line.invite() << 100 << IncomingCall
    assert line.agent._readers.keys() == {TCP}


def test_two_streams_do_not_mix() -> None:
    line = Line(TCP)
    data = line.invite().encode()
    line >> data[:50]
    line.agent.receive(data[50:60], Peer("tcp", "198.51.100.7", 40_001), line.now)
    assert line >> data[50:] << 100 << IncomingCall


def test_answers_to_nothing_are_ignored() -> None:
    line = up()
    assert line >> line.response(200) << Ignored


def test_there_must_be_a_way() -> None:
    line = Line()
    tel = read_uri("tel:+1555")
    with pytest.raises(GrammarError):
        line.agent.dial(Dial(tel, NameAddr(tel), None), 0.0)  # type: ignore[arg-type]
    with pytest.raises(GrammarError):
        line.agent.register(Registrar(tel), 0.0)
    assert line.agent.drain() == []
    assert (line.agent.deadline(), len(line.agent)) == (None, 0)


def test_nothing_can_be_smuggled_into_a_message() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall
    for given in ({"fields": [("X", "a\r\nY: b")]}, {"status": 200}, {"status": 700}):
        with pytest.raises(ValueError, match=r"a (refusal|header field) has"):
            line.agent.reject(line.call, line.now, **given)  # type: ignore[arg-type]
    uri = read_uri("sip:ana@h")
    with pytest.raises(ValueError, match="a header field has"):
        Dial(uri, NameAddr(uri, "Ana\r\nX: y"), AUDIO)
    assert line >> (lambda line: line.agent.reject(line.call, line.now, fields=[("X-Y", "y")])) << 486 << Ended
    assert line.sent.headers.get("X-Y") == "y"


def test_nothing_is_left_of_a_call_after_its_time() -> None:
    line = up()
    line >> line.request("BYE") << 200 << Ended
    assert line >> after(100)
    core = line.agent._core
    assert (len(line.agent), len(core.transactions), core.dialogs, line.agent.deadline()) == (0, 0, {}, None)

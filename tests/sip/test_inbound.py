"""Calls that come to us: taken, refused, sent elsewhere, given up, and everything that gets lost meanwhile."""

from __future__ import annotations

import pytest
from tests.sip._script import AUDIO, OFFER, PEER, Line, after, up

from pinecall_run.sip.media import PCMA, PCMU, LocalAudio
from pinecall_run.sip.outputs import Answered, Ended, EndReason, Ignored, IncomingCall, Refused
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.uri import read_uri


def test_a_call_is_rung_answered_and_ended_by_the_caller() -> None:
    line = Line()
    assert (
        line
        >> line.invite()
        << 100
        << IncomingCall
        >> line.ring
        << 180
        >> line.answer
        << 200
        << Answered
        >> line.ack()
        >> line.request("BYE")
        << 200
        << Ended(line.call, EndReason.HANGUP)
    )
    assert len(line.agent) == 0


def test_the_call_says_who_wants_whom() -> None:
    line = Line()
    (
        line
        >> line.invite("X-Order: 7", uri="sip:%2B1555@192.0.2.1;x=1").replace("From: <", 'From: "Ana, \\"A\\"" <')
        << 100
    )
    found = line.seen.pop()
    assert (found.uri.name, found.from_.display, found.from_.uri.name) == ("+1555", 'Ana, "A"', "ana")
    assert found.headers.get("X-Order") == "7"
    assert (found.peer, found.call_id, found.username) == (PEER, line.call_id, "")


def test_the_answer_is_the_golden_message() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall
    line.answer(line)
    sent = line.agent.drain()[0].data.decode()
    head, _, body = sent.partition("\r\n\r\n")
    assert head.splitlines() == [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKb1",
        "From: <sip:ana@198.51.100.7>;tag=theirs",
        f"To: <sip:desk@192.0.2.1>;tag={line.agent._core.calls[line.call].dialog.local.tag}",
        "Call-ID: c1@198.51.100.7",
        "CSeq: 1 INVITE",
        "Contact: <sip:192.0.2.1:5060>",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY",
        "Supported: timer",
        "User-Agent: pinecall-run",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    assert body.splitlines()[3:] == [
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 40000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]


def test_a_2xx_is_repeated_until_it_is_acknowledged() -> None:
    line = Line()
    assert (
        line
        >> line.invite()
        << 100
        << IncomingCall
        >> line.answer
        << 200
        << Answered
        >> after(0.5)
        << 200
        >> after(1.0)
        << 200
        >> line.ack()
        >> after(5.0)
    )


def test_a_call_that_nobody_acknowledges_is_lost_and_ended() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall >> line.answer << 200 << Answered
    for _ in range(10):
        line >> after(line.agent.deadline() - line.now) << 200
    assert line >> after(32) << Ended(line.call, EndReason.LOST) << "BYE" >> line.response(200)
    assert len(line.agent) == 0


def test_a_repeated_invite_is_answered_as_before_and_is_no_second_call() -> None:
    line = Line()
    invite = line.invite()
    assert line >> invite << 100 << IncomingCall >> invite << 100 >> line.ring << 180 >> invite << 180
    assert line >> line.answer << 200 << Answered >> invite  # RFC 6026: absorbed, for the 2xx is repeated anyway


def test_an_invite_that_came_by_two_ways_is_taken_once() -> None:
    line = Line()
    line >> line.invite(number=1, branch="one") << 100 << IncomingCall
    assert line >> line.invite(number=1, branch="two", is_inside=False) << 482 << Refused(PEER, "INVITE", 482)


def test_the_caller_gives_up() -> None:
    line = Line()
    line >> line.invite(branch="x") << 100 << IncomingCall >> line.ring << 180
    assert (
        line
        >> line.request("CANCEL", branch="x", number=1, is_inside=False)
        << 200
        << 487
        << Ended(line.call, EndReason.CANCELED, 487)
    )
    assert line >> after(0.5) << 487 >> line.ack(branch="x", number=1) >> after(4)
    assert line >> line.answer
    assert len(line.agent) == 0


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    line = Line()
    line >> line.invite(branch="x") << 100 << IncomingCall >> line.answer << 200 << Answered
    line >> line.request("CANCEL", branch="x", number=1, is_inside=False) << 200
    assert line >> line.ack(number=1) >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP)


def test_a_cancel_of_nothing() -> None:
    line = Line()
    assert line >> line.request("CANCEL") << 481 << Refused(PEER, "CANCEL", 481)


@pytest.mark.parametrize("status", [404, 480, 486, 603])
def test_a_refusal_is_repeated_until_it_is_acknowledged(status: int) -> None:
    line = Line()
    line >> line.invite(branch="x") << 100 << IncomingCall
    line >> (lambda line: line.agent.reject(line.call, line.now, status=status)) << status
    line << Ended(line.call, EndReason.REJECTED, status)
    assert line >> after(0.5) << status >> after(1) << status >> line.ack(branch="x", number=1) >> after(10)


def test_a_refusal_that_nobody_acknowledges_is_given_up() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall
    line >> (lambda line: line.agent.reject(line.call, line.now)) << 486 << Ended
    for _ in range(10):
        line >> after(line.agent.deadline() - line.now) << 486
    line.agent.tick(line.now + 32)
    assert line.agent.deadline() is None


def test_a_call_is_sent_elsewhere_before_it_is_taken() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall
    line >> (lambda line: line.agent.redirect(line.call, read_uri("sip:sales@192.0.2.9"), line.now)) << 302
    assert line << Ended(line.call, EndReason.FORWARDED, 302)
    assert line.sent.headers.all("Contact") == ["<sip:sales@192.0.2.9>"]


def test_without_an_offer_we_make_one_and_wait_for_the_answer() -> None:
    line = Line()
    line >> line.invite(body="") << 100 << IncomingCall >> line.answer << 200
    assert b"m=audio 40000 RTP/AVP 0 8 101" in line.sent.body
    line >> line.ack(OFFER)
    answered = line.seen.pop()
    assert isinstance(answered, Answered)
    assert (answered.media.host, answered.media.port, answered.media.codec) == ("198.51.100.7", 30_000, PCMA)


@pytest.mark.parametrize("answer", ["", OFFER.replace("audio 30000", "audio 0"), "nonsense"])
def test_an_ack_without_an_answer_to_our_offer_ends_the_call(answer: str) -> None:
    line = Line()
    line >> line.invite(body="") << 100 << IncomingCall >> line.answer << 200
    assert line >> line.ack(answer) << Ended(line.call, EndReason.FAILED, 488) << "BYE"


def test_no_codec_in_common() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall
    (
        line
        >> (lambda line: line.agent.answer(line.call, LocalAudio("192.0.2.1", 1, (PCMU,)), line.now))
        << 200
        << Answered
    )
    line = Line()
    line >> line.invite(body=OFFER.replace("8 0 101", "18 101")) << 100 << IncomingCall
    assert line >> line.answer << 488 << Ended(line.call, EndReason.FAILED, 488)


def test_hanging_up_waits_for_the_ack() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall >> line.answer << 200 << Answered
    line >> line.hang_up << Ended(line.call, EndReason.ENDED)
    assert line >> line.ack() << "BYE" >> line.response(200)
    assert len(line.agent) == 0


def test_a_bye_instead_of_the_ack() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall >> line.answer << 200 << Answered
    assert line >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP) >> after(40)


def test_hanging_up_before_answering_refuses() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall
    assert line >> line.hang_up << 480 << Ended(line.call, EndReason.ENDED, 480)


def test_a_bye_before_the_answer() -> None:
    line = Line()
    line >> line.invite() << 100 << IncomingCall >> line.ring << 180
    assert line >> line.request("BYE") << 200 << 487 << Ended(line.call, EndReason.CANCELED, 487)


def test_over_tcp_only_the_2xx_is_repeated() -> None:
    line = Line(Peer("tcp", "198.51.100.7", 34_567))
    line >> line.invite() << 100 << IncomingCall
    assert line >> (lambda line: line.agent.reject(line.call, line.now)) << 486 << Ended >> after(3)
    line = Line(Peer("tcp", "198.51.100.7", 34_567))
    line >> line.invite() << 100 << IncomingCall
    assert line >> line.answer << 200 << Answered >> after(0.5) << 200 >> line.ack() >> after(3)
    assert line >> line.hang_up << Ended << "BYE"
    assert line.sent_to == line.peer  # not to port 5060, where nobody may listen


def test_behind_a_translator_of_addresses_requests_go_back_to_where_the_call_came_from() -> None:
    line = up()
    assert line >> line.hang_up << Ended << "BYE"
    assert line.sent_to == Peer("udp", "198.51.100.7", 5060)
    line = Line(Peer("udp", "203.0.113.5", 777))
    line >> line.invite().replace("203.0.113.5:777;", "10.0.0.1:5060;rport;") << 100
    assert line.sent_to == line.peer
    assert line.sent.via.parameters["received"] == "203.0.113.5"
    line << IncomingCall >> line.answer << 200 << Answered >> line.ack()
    assert line >> line.hang_up << Ended << "BYE"
    assert line.sent_to == line.peer


def test_calls_beyond_the_most_are_turned_away() -> None:
    line = Line(most_calls=1)
    line >> line.invite() << 100 << IncomingCall
    line.call_id = "another"
    assert line >> line.invite(is_inside=False) << 503 << Refused(PEER, "INVITE", 503)
    assert line.sent.headers.get("Retry-After")


def test_acks_of_nothing_are_ignored() -> None:
    line = Line()
    assert line >> line.ack(number=1) << Ignored
    line = up()
    assert line >> line.ack() >> line.ack()


def test_answering_twice_or_what_is_gone_does_nothing() -> None:
    line = up()
    assert line >> line.answer >> line.ring >> (lambda line: line.agent.reject(line.call, line.now))
    line.agent.answer("nobody", AUDIO, line.now)
    line.agent.hang_up("nobody", line.now)
    assert line.agent.drain() == []

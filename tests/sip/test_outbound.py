"""Calls that we place: taken, not taken and why, taken back, asked for a password, answered by two."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sip._script import AUDIO, OFFER, Line, after

from pinecall_run.sip.digest import Account
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import Answered, Ended, EndReason, Ignored, Refused, Ringing
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.uri import NameAddr, read_uri

CHALLENGE = 'Digest realm="r", nonce="n1", qop="auth", algorithm=MD5'


def dial(**given: Any) -> Any:
    def place(line: Line) -> None:
        to = read_uri(given.pop("to", "sip:ana@198.51.100.7"))
        line.call = line.agent.dial(Dial(to, NameAddr(read_uri("sip:desk@192.0.2.1")), AUDIO, **given), line.now)

    return place


def test_a_call_rings_is_taken_and_ended_by_us() -> None:
    line = Line()
    assert (
        line
        >> dial()
        << "INVITE"
        >> line.response(100, tag="")
        >> line.response(180)
        << Ringing(line.call, 180, None)
        >> line.taken()
        << "ACK"
        << Answered
        >> line.hang_up
        << Ended(line.call, EndReason.ENDED)
        << "BYE"
        >> line.response(200)
    )
    assert len(line.agent) == 0


def test_the_invite_is_the_golden_message() -> None:
    line = Line()
    line >> dial(fields=(("X-Which", "a"),)) << "INVITE"
    head, _, body = bytes(line.sent).decode().partition("\r\n\r\n")
    assert head.splitlines() == [
        "INVITE sip:ana@198.51.100.7 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={line.sent.via.branch};rport",
        f"From: <sip:desk@192.0.2.1>;tag={line.our_tag}",
        "To: <sip:ana@198.51.100.7>",
        f"Call-ID: {line.call_id}",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        "Contact: <sip:192.0.2.1:5060>",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY",
        "Supported: timer",
        "User-Agent: pinecall-run",
        "Session-Expires: 1800",
        "Min-SE: 90",
        "X-Which: a",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]


def test_the_ack_and_the_bye_go_to_the_contact_by_the_recorded_route() -> None:
    line = Line()
    routes = ["Record-Route: <sip:p2.example.com;lr>", "Record-Route: <sip:p1.example.com:5070;lr>"]
    line >> dial() << "INVITE" >> line.taken(*routes) << "ACK"
    assert line.sent_to == Peer("udp", "p1.example.com", 5070)
    assert line.sent.uri == "sip:ana@198.51.100.7:5060"
    assert line.sent.headers.all("Route") == ["<sip:p1.example.com:5070;lr>", "<sip:p2.example.com;lr>"]
    assert line << Answered >> line.hang_up << Ended << "BYE"
    assert line.sent.headers.all("Route") == ["<sip:p1.example.com:5070;lr>", "<sip:p2.example.com;lr>"]


def test_a_strict_router_is_the_target_itself() -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.taken("Record-Route: <sip:p1.example.com>") << "ACK"
    assert line.sent.uri == "sip:p1.example.com"
    assert line.sent.headers.all("Route") == ["<sip:ana@198.51.100.7:5060>"]


def test_a_lost_ack_is_sent_again_the_same() -> None:
    line = Line()
    line >> dial() << "INVITE"
    taken = line.taken()
    line >> taken << "ACK"
    first = bytes(line.sent)
    assert line << Answered >> taken << "ACK"
    assert bytes(line.sent) == first


def test_an_invite_is_repeated_at_growing_intervals_until_nobody_is_there() -> None:
    line = Line()
    line >> dial(ring_seconds=60) << "INVITE"
    for pause in (0.5, 1, 2, 4, 8, 16):
        line >> after(pause) << "INVITE"
    assert line >> after(0.5) << Ended(line.call, EndReason.FAILED, 408)
    assert len(line.agent) == 0


def test_after_a_sign_of_life_nothing_is_repeated() -> None:
    line = Line()
    assert line >> dial() << "INVITE" >> line.response(100, tag="") >> after(20)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, EndReason.BUSY),
        (600, EndReason.BUSY),
        (603, EndReason.BUSY),
        (408, EndReason.NO_ANSWER),
        (480, EndReason.NO_ANSWER),
        (487, EndReason.CANCELED),
        (404, EndReason.FAILED),
        (302, EndReason.FAILED),
        (503, EndReason.FAILED),
    ],
)
def test_why_nobody_took_it(status: int, reason: EndReason) -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.response(180) << Ringing
    answer = line.response(status)
    assert line >> answer << "ACK" << Ended(line.call, reason, status) >> answer << "ACK"
    assert line.sent.via.branch == read_branch(answer)
    assert len(line.agent) == 0


def read_branch(message: str) -> str:
    return message.partition("branch=")[2].partition(";")[0].partition("\r")[0]


def test_taken_back_while_it_rings() -> None:
    line = Line()
    line >> dial() << "INVITE"
    invite = line.sent
    line >> line.response(180) << Ringing >> line.hang_up << Ended(line.call, EndReason.CANCELED) << "CANCEL"
    assert line.sent.via.branch == invite.via.branch
    assert line >> line.response(200) >> line.response(487, request=invite) << "ACK"
    assert len(line.agent) == 0


def test_before_any_sign_of_life_nothing_can_be_cancelled() -> None:
    line = Line()
    line >> dial() << "INVITE"
    invite = line.sent
    line >> line.hang_up << Ended(line.call, EndReason.CANCELED)
    line >> line.response(100, tag="", request=invite) << "CANCEL"
    assert line >> line.response(180, request=invite)
    assert line >> line.response(487, request=invite) << "ACK"


def test_a_cancel_that_nobody_answers_is_given_up() -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.response(180) << Ringing >> line.hang_up << Ended << "CANCEL"
    while (deadline := line.agent.deadline()) is not None:
        line.agent.tick(deadline)
    assert (len(line.agent), len(line.agent._core.transactions)) == (0, 0)


def test_taken_in_the_moment_of_taking_it_back() -> None:
    line = Line()
    line >> dial() << "INVITE"
    invite = line.sent
    line >> line.response(180) << Ringing >> line.hang_up << Ended(line.call, EndReason.CANCELED) << "CANCEL"
    assert line >> line.taken(request=invite) << "ACK" << "BYE" >> line.response(200)
    assert len(line.agent) == 0


def test_it_rings_too_long() -> None:
    line = Line()
    line >> dial(ring_seconds=20) << "INVITE" >> line.response(180) << Ringing
    assert line >> after(20) << Ended(line.call, EndReason.NO_ANSWER) << "CANCEL"


def test_nobody_is_heard_of_in_all_that_time() -> None:
    line = Line()
    assert line >> dial(ring_seconds=0.4) << "INVITE" >> after(0.4) << Ended(line.call, EndReason.FAILED)


def test_after_a_password_the_new_request_needs_a_sign_of_life_of_its_own() -> None:
    line = Line()
    line >> dial(account=Account("ana", "secret")) << "INVITE" >> line.response(100, tag="")
    line >> line.response(401, f"WWW-Authenticate: {CHALLENGE}") << "ACK" << "INVITE"
    invite = line.sent
    line >> line.hang_up << Ended
    assert line >> line.response(180, request=invite) << "CANCEL"
    assert line.sent.cseq == (2, "CANCEL")


def test_sound_before_the_answer() -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.response(183, body=OFFER)
    early = line.seen.pop()
    assert early.status == 183
    assert early.media.port == 30_000
    line >> line.taken(body="") << "ACK"
    answered = line.seen.pop()
    assert answered == Answered(line.call, early.media)


@pytest.mark.parametrize(
    "body", ["", "nonsense", OFFER.replace("audio 30000", "audio 0"), OFFER.replace("8 0 101", "18")]
)
def test_an_answer_that_is_none(body: str) -> None:
    line = Line()
    assert (
        line >> dial() << "INVITE" >> line.taken(body=body) << "ACK" << Ended(line.call, EndReason.FAILED, 488) << "BYE"
    )


@pytest.mark.parametrize(
    ("status", "asked", "answered"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_a_password_is_given_when_it_is_asked_for(status: int, asked: str, answered: str) -> None:
    line = Line()
    line >> dial(account=Account("ana", "secret")) << "INVITE"
    line >> line.response(status, f"{asked}: {CHALLENGE}") << "ACK" << "INVITE"
    assert line.sent.cseq == (2, "INVITE")
    proof = line.sent.headers.get(answered)
    assert 'username="ana"' in proof
    assert "nc=00000001" in proof
    line >> line.taken() << "ACK"
    assert line.sent.headers.get(answered) == proof  # RFC 3261, 22.1: the ACK has the INVITE's
    assert line << Answered >> line.hang_up << Ended << "BYE"
    assert "nc=00000002" in line.sent.headers.get(answered)


def test_a_password_that_is_wrong_is_not_given_twice() -> None:
    line = Line()
    line >> dial(account=Account("ana", "secret")) << "INVITE"
    line >> line.response(401, f"WWW-Authenticate: {CHALLENGE}") << "ACK" << "INVITE"
    other = CHALLENGE.replace("n1", "n2")
    assert line >> line.response(401, f"WWW-Authenticate: {other}") << "ACK" << Ended(line.call, EndReason.FAILED, 401)


def test_a_nonce_that_is_too_old_is_not_a_wrong_password() -> None:
    line = Line()
    line >> dial(account=Account("ana", "secret")) << "INVITE"
    line >> line.response(401, f"WWW-Authenticate: {CHALLENGE}") << "ACK" << "INVITE"
    stale = CHALLENGE.replace("n1", "n2") + ", stale=true"
    line >> line.response(401, f"WWW-Authenticate: {stale}") << "ACK" << "INVITE"
    assert 'nonce="n2"' in line.sent.headers.get("Authorization")
    assert line >> line.response(401, f"WWW-Authenticate: {stale}") << "ACK" << Ended(line.call, EndReason.FAILED, 401)


def test_without_an_account_a_challenge_is_a_failure() -> None:
    line = Line()
    line >> dial() << "INVITE"
    assert line >> line.response(401, f"WWW-Authenticate: {CHALLENGE}") << "ACK" << Ended


def test_of_two_that_answer_the_first_has_the_call() -> None:
    line = Line()
    line >> dial() << "INVITE"
    invite = line.sent
    line >> line.response(180, tag="one") << Ringing >> line.response(180, tag="two") << Ringing
    line >> line.taken(tag="two", request=invite) << "ACK" << Answered
    assert line >> line.taken(tag="one", request=invite) << "ACK" << "BYE"
    assert line.sent.to.tag == "one"
    assert line >> line.response(200)
    assert line >> line.hang_up << Ended << "BYE"
    assert line.sent.to.tag == "two"


def test_one_that_another_was_preferred_to_cannot_end_the_call() -> None:
    line = Line()
    line >> dial() << "INVITE"
    invite = line.sent
    line >> line.response(180, tag="one") << Ringing >> line.taken(tag="two", request=invite) << "ACK" << Answered
    line.their_tag = "one"
    assert line >> line.request("BYE") << 481 << Refused
    line.their_tag = "two"
    assert line >> line.request("BYE") << 200 << Ended


def test_taken_back_before_the_password_was_asked_for() -> None:
    line = Line()
    line >> dial(account=Account("ana", "secret")) << "INVITE"
    invite = line.sent
    line >> line.hang_up << Ended(line.call, EndReason.CANCELED)
    assert line >> line.response(401, f"WWW-Authenticate: {CHALLENGE}", request=invite) << "ACK"
    assert len(line.agent) == 0


def test_sound_before_the_answer_that_cannot_be_had() -> None:
    line = Line()
    assert line >> dial() << "INVITE" >> line.response(183, body="nonsense") << Ringing(line.call, 183, None)


def test_longer_between_signs_of_life_if_the_other_side_wants() -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.response(422, "Min-SE: 3600") << "ACK" << "INVITE"
    assert line.sent.headers.get("Session-Expires") == "3600"
    line = Line()
    assert line >> dial() << "INVITE" >> line.response(422, "Min-SE: 90") << "ACK" << Ended


def test_a_transport_that_cannot_be_had() -> None:
    line = Line(Peer("tcp", "198.51.100.7", 5060))
    line >> dial(to="sip:ana@198.51.100.7;transport=tcp") << "INVITE"
    assert "transport=tcp" in line.sent.headers.get("Contact")
    assert line >> line.lost << Ended(line.call, EndReason.FAILED, 503)


def test_a_trunk_is_asked_first() -> None:
    line = Line()
    trunk = Peer("udp", "203.0.113.9", 5080)
    line >> dial(peer=trunk, to="sip:+1555@elsewhere.example") << "INVITE"
    assert line.sent_to == trunk
    assert line.sent.uri == "sip:+1555@elsewhere.example"


def test_requests_before_the_answer_are_told_to_wait() -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.response(183) << Ringing
    assert line >> line.request("UPDATE", body=OFFER) << 500
    assert line >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP)


def test_the_other_side_may_hang_up() -> None:
    line = Line()
    line >> dial() << "INVITE" >> line.taken() << "ACK" << Answered
    assert line >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP)
    assert line >> line.response(200, request=line.sent) << Ignored

"""Changes of calls that are up: held, moved, both at once, refused, and signs of life."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.sip._script import AUDIO, OFFER, Line, after, up

from pinecall_run.sip.digest import Account
from pinecall_run.sip.media import PCMU, Encryption
from pinecall_run.sip.outputs import Answered, ChangeRefused, Ended, EndReason, IncomingCall, MediaChanged
from pinecall_run.sip.sdes import SUITES
from pinecall_run.sip.sdp import Direction

HELD = OFFER.replace("sendrecv", "sendonly")
SILENT = OFFER.replace("sendrecv", "inactive")
TO_US = OFFER.replace("sendrecv", "recvonly")
SECURE = OFFER.replace("/AVP", "/SAVP") + f"a=crypto:1 {SUITES[0]} inline:{'A' * 40}\r\n"
WELCOMING = replace(AUDIO, encryption=Encryption.WELCOME)


def turn(wish: Direction) -> Any:
    return lambda line: line.agent.turn(line.call, wish, line.now)


@pytest.mark.parametrize(
    ("body", "direction"),
    [
        (HELD, Direction.RECVONLY),
        (SILENT, Direction.INACTIVE),
        (OFFER.replace("IP4 198.51.100.7\r\nt", "IP4 0.0.0.0\r\nt"), Direction.RECVONLY),
    ],
)
def test_the_other_side_holds_and_takes_back(body: str, direction: Direction) -> None:
    line = up()
    line >> line.invite(body=body) << 200
    changed = line.seen.pop()
    assert (changed.media.direction, changed.media.is_held) == (direction, True)
    assert f"a={direction}".encode() in line.sent.body
    line >> line.ack() >> line.invite() << 200
    changed = line.seen.pop()
    assert changed.media.direction is Direction.SENDRECV
    assert line >> line.ack()


def test_another_codec_at_another_address() -> None:
    line = up()
    line >> line.invite(body=OFFER.replace("8 0 101", "0").replace("30000", "30010")) << 200
    changed = line.seen.pop()
    assert (changed.media.codec, changed.media.port, changed.media.dtmf_sends) == (PCMU, 30_010, None)


def test_the_same_again_is_no_change() -> None:
    line = up()
    assert line >> line.invite() << 200 >> line.ack()
    assert line >> line.request("UPDATE", body=OFFER) << 200


def test_update_changes_too_and_may_hold_no_offer() -> None:
    line = up()
    assert line >> line.request("UPDATE", body=HELD) << 200 << MediaChanged
    assert b"a=recvonly" in line.sent.body
    assert line >> line.request("UPDATE") << 200
    assert line.sent.body == b""


def test_what_cannot_be_done_leaves_all_as_it_was() -> None:
    line = up()
    assert line >> line.invite(body=OFFER.replace("8 0 101", "18")) << 488
    assert line >> line.invite(body="x", kind="text/plain") << 415
    assert line >> line.invite() << 200 >> line.ack()


def test_an_encrypted_call_stays_encrypted() -> None:
    line = Line()
    line >> line.invite(body=SECURE) << 100 << IncomingCall
    line >> (lambda it: it.agent.answer(it.call, WELCOMING, it.now)) << 200
    answered = line.seen.pop()
    assert answered.media.is_encrypted
    assert line >> line.ack() >> line.invite() << 488
    line >> line.invite(body=SECURE.replace("8 0 101", "0")) << 200
    changed = line.seen.pop()
    assert changed.media.codec is PCMU
    assert changed.media.send_key == answered.media.send_key, "a new one would cost a silence"


def test_a_re_invite_without_an_offer_asks_for_ours() -> None:
    line = up()
    line >> line.invite(body="") << 200
    assert b"m=audio 40000 RTP/AVP 8 0 101" in line.sent.body  # what is spoken comes first
    assert line >> line.request("UPDATE", body=OFFER, number=50) << 491  # our offer is open
    line.number = 2
    assert line >> line.ack(HELD) << MediaChanged


def test_a_re_invite_that_nobody_acknowledges_ends_the_call() -> None:
    line = up()
    line >> line.invite() << 200
    for _ in range(10):
        line >> after(line.agent.deadline() - line.now) << 200
    assert line >> after(32) << Ended(line.call, EndReason.LOST) << "BYE"


def test_requests_older_than_the_last_are_refused() -> None:
    line = up()
    line >> line.invite(number=7) << 200 >> line.ack(number=7)
    assert line >> line.request("BYE", number=6) << 500
    assert line >> line.request("BYE", number=8) << 200 << Ended


def test_we_hold_and_take_back() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    assert b"a=sendonly" in line.sent.body
    line >> line.taken(body=TO_US) << "ACK"
    changed = line.seen.pop()
    assert changed.media.direction is Direction.SENDONLY
    assert line >> turn(Direction.SENDRECV) << "INVITE" >> line.taken() << "ACK" << MediaChanged


def test_while_we_hold_an_offer_of_theirs_does_not_take_it_back() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE" >> line.taken(body=TO_US) << "ACK" << MediaChanged
    assert line >> line.invite() << 200 << MediaChanged >> line.ack()
    assert b"a=sendonly" in line.sent.body


def test_a_hold_that_is_refused() -> None:
    line = up()
    line >> turn(Direction.INACTIVE) << "INVITE"
    assert line >> line.response(488) << "ACK" << ChangeRefused(line.call, 488)
    line >> line.invite() << 200
    assert b"a=sendrecv" in line.sent.body


def test_both_at_once() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    ours = line.sent
    assert line >> line.invite(branch="x") << 491 >> line.ack(branch="x")
    assert line >> line.response(491, request=ours) << "ACK" >> after(2.0) << "INVITE"
    assert line.sent.cseq[0] == ours.cseq[0] + 1
    assert line >> line.taken(body=TO_US) << "ACK" << MediaChanged


def test_hung_up_before_the_password_for_a_change_was_asked_for() -> None:
    from tests.sip.test_outbound import CHALLENGE, dial

    line = Line()
    line >> dial(account=Account("ana", "secret")) << "INVITE" >> line.taken() << "ACK" << Answered
    line >> turn(Direction.SENDONLY) << "INVITE"
    change = line.sent
    line >> line.hang_up << Ended << "BYE"
    assert line >> line.response(401, f"WWW-Authenticate: {CHALLENGE}", request=change) << "ACK"


def test_hung_up_while_it_waits_to_try_again() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE" >> line.response(491) << "ACK"
    assert line >> line.hang_up << Ended << "BYE" >> line.response(200) >> after(40)


def test_whoever_placed_the_call_waits_longer() -> None:
    from tests.sip.test_outbound import dial

    line = Line()
    line >> dial() << "INVITE" >> line.taken() << "ACK" << Answered >> turn(Direction.SENDONLY) << "INVITE"
    assert line >> line.response(491) << "ACK" >> after(2.0) >> after(2.0) << "INVITE"


def test_a_second_change_waits_for_the_first() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    assert line >> turn(Direction.SENDRECV)
    line >> line.taken(body=TO_US) << "ACK" << MediaChanged << "INVITE"
    assert b"a=sendrecv" in line.sent.body


def test_a_change_waits_for_the_answer_to_an_open_offer() -> None:
    line = up()
    line >> line.invite(body="") << 200
    assert line >> turn(Direction.SENDONLY)
    line >> line.ack(OFFER.replace("30000", "30010")) << MediaChanged << "INVITE"
    assert b"a=sendonly" in line.sent.body


@pytest.mark.parametrize("status", [408, 481])
def test_a_change_that_finds_nobody_ends_the_call(status: int) -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    assert line >> line.response(status) << "ACK" << Ended(line.call, EndReason.LOST, status) << "BYE"


def test_a_change_that_is_answered_with_nonsense_ends_the_call() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    assert line >> line.taken(body="") << "ACK" << Ended(line.call, EndReason.FAILED, 488) << "BYE"


def test_a_repeated_answer_is_acknowledged_again() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    taken = line.taken(body=TO_US)
    assert line >> taken << "ACK" << MediaChanged >> taken << "ACK" >> line.hang_up << Ended << "BYE"
    assert line >> taken << "ACK"


def test_hung_up_while_a_change_is_under_way() -> None:
    line = up()
    line >> turn(Direction.SENDONLY) << "INVITE"
    ours = line.sent
    line >> line.hang_up << Ended << "BYE"
    bye = line.sent
    assert line >> line.taken(body=TO_US, request=ours) << "ACK" >> line.response(200, request=bye)
    assert len(line.agent) == 0


# signs of life


def timed(*fields: str) -> Line:
    line = Line()
    line >> line.invite(*fields) << 100 << IncomingCall >> line.answer << 200 << Answered >> line.ack()
    return line


def test_the_caller_gives_signs_of_life_or_the_call_is_given_up() -> None:
    line = timed("Supported: timer", "Session-Expires: 120;refresher=uac", "Allow: UPDATE")
    assert line.sent.headers.get("Session-Expires") == "120;refresher=uac"
    assert line.sent.headers.get("Require") == "timer"
    assert line >> after(80) >> line.request("UPDATE", "Supported: timer", "Session-Expires: 120;refresher=uac") << 200
    assert line.sent.headers.get("Session-Expires") == "120;refresher=uac"
    assert line >> after(87.9) >> after(0.2) << Ended(line.call, EndReason.LOST) << "BYE"


def test_we_give_signs_of_life_by_update_where_it_is_understood() -> None:
    line = timed("Supported: timer", "Session-Expires: 120;refresher=uas", "Allow: INVITE, UPDATE")
    line >> after(60) << "UPDATE"
    assert line.sent.headers.get("Session-Expires") == "120;refresher=uac"
    assert line >> line.response(200, "Session-Expires: 120;refresher=uac") >> after(60) << "UPDATE"
    assert line >> line.response(481) << Ended(line.call, EndReason.LOST, 481) << "BYE"


def test_we_give_signs_of_life_by_re_invite_where_update_is_not_understood() -> None:
    line = timed("Supported: timer", "Session-Expires: 120;refresher=uas", "Allow: INVITE")
    line >> after(60) << "INVITE"
    assert line >> line.taken("Session-Expires: 120;refresher=uac") << "ACK" << MediaChanged
    assert line >> after(60) << "INVITE"


def test_a_sign_of_life_that_is_refused_is_tried_in_the_other_way() -> None:
    line = timed("Supported: timer", "Session-Expires: 120;refresher=uas", "Allow: INVITE, UPDATE")
    line >> after(60) << "UPDATE" >> line.response(500) >> after(10) << "INVITE"
    assert line >> line.response(500) << "ACK" << ChangeRefused(line.call, 500) >> after(10) << "INVITE"
    assert line >> line.taken("Session-Expires: 120;refresher=uac", "Allow: UPDATE") << "ACK" << MediaChanged
    assert line >> after(60) << "UPDATE"


def test_whoever_knows_timers_is_asked_for_signs_of_life() -> None:
    line = timed("Supported: timer")
    assert line.sent.headers.get("Session-Expires") == "1800;refresher=uac"
    assert line >> after(1767) >> after(1.1) << Ended << "BYE"


def test_whoever_does_not_is_left_alone() -> None:
    line = timed()
    assert line.sent.headers.get("Session-Expires") == ""
    assert line.agent.deadline() is None or line >> after(100_000)


def test_too_often_is_refused() -> None:
    line = Line()
    line >> line.invite("Supported: timer", "Session-Expires: 30") << 422
    assert line.sent.headers.get("Min-SE") == "90"
    line = up()
    assert line >> line.request("UPDATE", "Session-Expires: 30") << 422

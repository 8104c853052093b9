"""Requests from outside: what is answered, and that nothing is kept of it."""

from __future__ import annotations

import pytest
from tests.sip._script import OFFER, PEER, Line

from pinecall_run.sip.digest import Account, answer, read_challenge
from pinecall_run.sip.message import Response
from pinecall_run.sip.outputs import IncomingCall, Refused
from pinecall_run.sip.peer import Peer


def test_strangers_are_refused_whatever_they_ask() -> None:
    line = Line(is_trusted=False)
    for method in ("INVITE", "OPTIONS", "REGISTER", "BYE", "MESSAGE", "X"):
        line >> line.request(method, is_inside=False) << 403
        assert line << Refused(PEER, method, 403)
    assert len(line.agent._core.transactions) == 0
    assert line.agent.deadline() is None


def test_a_refusal_is_the_same_each_time() -> None:
    line = Line(is_trusted=False)
    invite = line.invite()
    line >> invite << 403
    tag = line.our_tag
    line << Refused >> invite << 403 << Refused
    assert line.our_tag == tag != ""


def test_the_acknowledgement_of_a_refusal_is_nothing() -> None:
    line = Line(is_trusted=False)
    line >> line.invite(branch="x") << 403 << Refused
    assert line >> line.ack(branch="x")


def prove(line: Line, password: str, at: int = 0) -> str:
    """A second INVITE with what the first was asked for."""
    challenge = read_challenge(line.sent.headers.all("WWW-Authenticate")[at])
    assert challenge is not None
    value = answer(challenge, Account("ana", password), "INVITE", "sip:desk@192.0.2.1", count=1, cnonce="c")
    return line.invite(f"Authorization: {value}", is_inside=False)


@pytest.mark.parametrize("at", [0, 1])
def test_who_knows_a_password_may_call(at: int) -> None:
    line = Line(is_trusted=False, users={"ana": "secret"})
    line >> line.invite() << 401 << Refused(PEER, "INVITE", 401)
    assert len(line.agent._core.transactions) == 0
    proof = prove(line, "secret", at)
    line >> proof << 100
    assert line.seen.pop().username == "ana"
    assert line >> proof << 100  # a repetition is none of an attack
    line.agent.hang_up(line.call, line.now)
    line.agent.drain()
    line.branch, line.call_id = 100, "another"
    assert line >> proof.replace("z9hG4bKb2", "z9hG4bKother").replace("c1@", "c2@") << 401 << Refused
    assert "stale=true" in line.sent.headers.get("WWW-Authenticate")


def test_who_knows_a_wrong_one_may_not() -> None:
    line = Line(is_trusted=False, users={"ana": "secret"})
    line >> line.invite() << 401 << Refused
    assert line >> prove(line, "wrong") << 401 << Refused
    assert "stale" not in line.sent.headers.get("WWW-Authenticate")


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("BYE", 481),
        ("INFO", 481),
        ("NOTIFY", 481),
        ("REGISTER", 405),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("WHAT", 501),
    ],
)
def test_methods_from_outside(method: str, status: int) -> None:
    line = Line()
    assert line >> line.request(method) << status << Refused(PEER, method, status)


def test_a_question_is_answered() -> None:
    line = Line()
    assert line >> line.request("OPTIONS") << 200
    assert line.sent.headers.get("Accept") == "application/sdp"
    assert "INVITE" in line.sent.headers.get("Allow")


@pytest.mark.parametrize(
    ("invite", "status", "field"),
    [
        (Line().invite("Require: 100rel, timer, x"), 420, ("Unsupported", "100rel, x")),
        (Line().invite(body="x", kind="text/plain"), 415, ("Accept", "application/sdp")),
        (Line().invite("Content-Encoding: gzip"), 415, ("Accept-Encoding", "identity")),
        (Line().invite("Accept: text/plain"), 406, ("Server", "pinecall-run")),
        (Line().invite("Session-Expires: 20"), 422, ("Min-SE", "90")),
        (Line().invite(uri="tel:+1555"), 416, ("Server", "pinecall-run")),
        (Line().invite(uri="sip:desk@h?x=y"), 400, ("Server", "pinecall-run")),
    ],
)
def test_calls_that_cannot_be_had(invite: str, status: int, field: tuple[str, str]) -> None:
    line = Line()
    assert line >> invite << status << Refused(PEER, "INVITE", status)
    assert field in line.sent.headers.items
    assert isinstance(line.sent, Response)
    assert len(line.agent) == 0


@pytest.mark.parametrize(
    "field", ["Require: timer", "Accept: */*;q=0.1, text/x", "Content-Encoding: identity", "Accept:"]
)
def test_calls_that_can(field: str) -> None:
    line = Line()
    assert line >> line.invite(field, body=OFFER) << 100 << IncomingCall


def test_an_answer_goes_to_where_the_question_came_from() -> None:
    line = Line(Peer("udp", "203.0.113.5", 777), is_trusted=False)
    line >> line.invite().replace("203.0.113.5:777;", "9.9.9.9:53;maddr=8.8.8.8;") << 403
    assert line.sent_to == Peer("udp", "203.0.113.5", 53)

"""Accounts are registered, renewed in time, tried again, and given back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sip._script import Line, after

from pinecall_run.sip.digest import Account
from pinecall_run.sip.outputs import Registered, RegistrationFailed, Unregistered
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.registration import Registrar
from pinecall_run.sip.uri import read_uri

CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth"'


def register(**given: Any) -> Any:
    def begin(line: Line) -> None:
        registrar = Registrar(read_uri("sip:ana@198.51.100.7"), Account("ana", "secret"), **given)
        line.call = line.agent.register(registrar, line.now)

    return begin


def leave(line: Line) -> None:
    line.agent.unregister(line.call, line.now)


def test_registered_renewed_and_given_back() -> None:
    line = Line()
    line >> register() << "REGISTER"
    assert (line.sent.uri, line.sent.headers.get("To")) == ("sip:198.51.100.7", "<sip:ana@198.51.100.7>")
    assert line.sent.headers.get("Contact") == "<sip:ana@192.0.2.1:5060>"
    call_id = line.sent.call_id
    line >> line.response(401, CHALLENGE) << "REGISTER"
    assert line.sent.cseq == (2, "REGISTER")
    line >> line.response(200, "Expires: 600") << Registered(line.call, 600)
    line >> after(569) >> after(1) << "REGISTER"
    assert (line.sent.call_id, line.sent.cseq[0]) == (call_id, 3)
    assert "nc=00000002" in line.sent.headers.get("Authorization")
    line >> line.response(200, "Contact: <sip:x@h>;expires=9, <sip:ana@192.0.2.1:5060>;expires=20", "Expires: 600")
    line << Registered(line.call, 20) >> after(10) << "REGISTER"
    line >> line.response(200) << Registered(line.call, 3600) >> leave << "REGISTER"
    assert line.sent.headers.get("Expires") == "0"
    assert line >> line.response(200) << Unregistered(line.call) >> after(100_000)
    assert line.agent.deadline() is None


def test_given_back_while_it_is_asked_for() -> None:
    line = Line()
    line >> register() << "REGISTER"
    assert line >> leave >> line.response(200, "Expires: 600") << "REGISTER"
    assert line.sent.headers.get("Expires") == "0"
    assert line >> line.response(200) << Unregistered


def test_a_registrar_that_wants_longer() -> None:
    line = Line()
    line >> register(seconds=60) << "REGISTER" >> line.response(423, "Min-Expires: 300") << "REGISTER"
    assert line.sent.headers.get("Expires") == "300"


def test_a_registrar_that_wants_what_it_has_is_not_asked_at_once_again() -> None:
    line = Line()
    assert line >> register(seconds=60) << "REGISTER" >> line.response(423, "Min-Expires: 60") << RegistrationFailed


def test_a_failure_is_told_and_tried_again_later_and_later() -> None:
    line = Line()
    line >> register() << "REGISTER"
    pauses = []
    for _ in range(8):
        line >> line.response(403)
        failed = line.seen.pop()
        assert isinstance(failed, RegistrationFailed)
        assert failed.status == 403
        pauses.append(failed.retry_seconds)
        line >> after(failed.retry_seconds) << "REGISTER"
    assert 15 <= pauses[0] <= 30
    assert 300 <= pauses[-1] <= 600
    assert line >> line.response(200) << Registered
    line >> after(3570) << "REGISTER" >> line.response(403)
    assert line.seen.pop().retry_seconds <= 30


def test_a_registrar_says_when_to_come_again() -> None:
    line = Line()
    line >> register() << "REGISTER" >> line.response(503, "Retry-After: 1000 (maintenance)")
    assert line.seen.pop().retry_seconds == 1000


def test_no_answer_and_no_transport_are_failures() -> None:
    line = Line()
    line >> register() << "REGISTER"
    for pause in (0.5, 1, 2, 4, 4, 4, 4, 4, 4, 4):
        line >> after(pause) << "REGISTER"
    line >> after(0.5)
    assert line.seen.pop().status == 408
    line = Line(Peer("tcp", "203.0.113.1", 5060))
    line >> register(peer=line.peer) << "REGISTER" >> line.lost
    assert line.seen.pop().status == 503


@pytest.mark.parametrize("field", ["Expires: x", "Contact: <sip:ana@192.0.2.1:5060>;expires=x", "Expires: 99999999"])
def test_a_grant_that_makes_no_sense_is_what_we_asked_for(field: str) -> None:
    line = Line()
    assert line >> register() << "REGISTER" >> line.response(200, field) << Registered(line.call, 3600)

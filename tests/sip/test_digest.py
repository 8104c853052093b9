"""Passwords that are never sent: the examples of the RFCs, and answers that are good once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sip._script import Dice

from pinecall_run.sip.digest import (
    NONCE_SECONDS,
    Account,
    Answers,
    Challenge,
    Gatekeeper,
    Verdict,
    answer,
    read_challenge,
)

MUFASA = Account("Mufasa", "Circle of Life")
NONCE, OPAQUE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = Challenge("http-auth@example.org", NONCE, algorithm, True, OPAQUE)
    assert answer(challenge, MUFASA, "GET", "/dir/index.html", count=1, cnonce=CNONCE) == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        f'nonce="{NONCE}", uri="/dir/index.html", algorithm={algorithm}, qop=auth, nc=00000001, cnonce="{CNONCE}", '
        f'response="{response}", opaque="{OPAQUE}"'
    )


def test_a_challenge_without_a_quality_of_protection() -> None:
    challenge = read_challenge('Digest realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    assert challenge == Challenge("biloxi.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "MD5", False)
    value = answer(challenge, Account("bob", "zanzibar"), "INVITE", "sip:bob@biloxi.com", count=1, cnonce="x")
    # The challenge of RFC 3261, 20.44, answered as RFC 2069, 2.4 has it, by three calls of md5sum.
    assert 'response="bf57e4e0d0bffc0fbaedce64d59add5e"' in value
    assert "nc=" not in value


def test_challenges_are_read() -> None:
    text = 'digest Realm="a, b", nonce="n\\"1",stale=TRUE, algorithm=sha-256 , qop="auth-int, auth", opaque=""'
    assert read_challenge(text) == Challenge("a, b", 'n"1', "SHA-256", True, "", True)


@pytest.mark.parametrize(
    "text",
    ['Basic realm="x"', 'Digest realm="x"', 'Digest nonce="x"', 'Digest realm="x", nonce="y", algorithm=SHA-1',
     'Digest realm="x", nonce="y", qop="auth-int"', 'Digest realm="x', "", "Digest"],
)  # fmt: skip
def test_challenges_that_cannot_be_answered(text: str) -> None:
    assert read_challenge(text) is None


def test_the_first_challenge_that_we_know_is_answered_and_counted() -> None:
    answers = Answers(Account("ana", "secret"), Dice())
    assert answers.fields("INVITE", "sip:x") == []
    assert answers.hear("Authorization", ["NoOneKnows x=y"]) is None
    values = ['Digest realm="r", nonce="a", algorithm=SHA-256', 'Digest realm="r", nonce="b"']
    assert answers.hear("Authorization", values).algorithm == "SHA-256"
    answers.hear("Proxy-Authorization", ['Digest realm="p", nonce="c", qop=auth'])
    for count in ("00000001", "00000002"):
        (first, _), (second, value) = answers.fields("INVITE", "sip:x")
        assert (first, second) == ("Authorization", "Proxy-Authorization")
        assert f"nc={count}" in value


class Desk:
    """A gatekeeper, and somebody at it."""

    def __init__(self, password: str = "secret", name: str = "ana") -> None:
        self.gatekeeper = Gatekeeper("pinecall", {"ana": "secret"}, Dice("desk"))
        self.account = Account(name, password)

    def challenge(self, now: float, at: int = 0) -> Challenge:
        challenge = read_challenge(self.gatekeeper.challenges(now)[at])
        assert challenge is not None
        return challenge

    def answer(self, challenge: Challenge, now: float, count: int = 1, method: str = "INVITE") -> Verdict:
        value = answer(challenge, self.account, "INVITE", "sip:desk@192.0.2.1", count=count, cnonce="c")
        return self.gatekeeper.check(value, method, now)[0]


@pytest.mark.parametrize("at", [0, 1])
def test_the_right_password_is_good_once_for_each_count(at: int) -> None:
    desk = Desk()
    challenge = desk.challenge(100.0, at)
    assert desk.answer(challenge, 101.0) is Verdict.GOOD
    assert desk.answer(challenge, 101.0) is Verdict.STALE
    assert desk.answer(challenge, 102.0, count=2) is Verdict.GOOD
    assert desk.answer(challenge, 103.0, count=1) is Verdict.STALE


def test_a_nonce_grows_old() -> None:
    desk = Desk()
    challenge = desk.challenge(100.0)
    assert desk.answer(challenge, 100.0 + NONCE_SECONDS) is Verdict.GOOD
    assert desk.answer(challenge, 100.1 + NONCE_SECONDS, count=2) is Verdict.STALE
    assert "stale=true" in desk.gatekeeper.challenges(0.0, is_stale=True)[0]
    assert len(desk.gatekeeper._counts) == 0
    for now in (500.0, 600.0):
        assert desk.answer(desk.challenge(now), now) is Verdict.GOOD
    assert len(desk.gatekeeper._counts) == 1


def test_a_nonce_of_somebody_else_is_none() -> None:
    desk, other = Desk(), Gatekeeper("pinecall", {"ana": "secret"}, Dice("other"))
    challenge = read_challenge(other.challenges(100.0)[0])
    assert challenge is not None
    assert desk.answer(challenge, 100.0) is Verdict.STALE


@pytest.mark.parametrize("desk", [Desk(password="wrong"), Desk(name="nobody")])
def test_the_wrong_password_or_name(desk: Desk) -> None:
    challenge = desk.challenge(100.0)
    assert desk.answer(challenge, 100.0) is Verdict.BAD
    desk.account = Account("ana", "secret")
    assert desk.answer(challenge, 100.0, method="BYE") is Verdict.BAD
    assert desk.answer(challenge, 100.0) is Verdict.GOOD  # and a wrong answer has not used the nonce up


def test_without_a_quality_of_protection_a_nonce_is_good_once() -> None:
    desk = Desk()
    challenge = Challenge("pinecall", desk.challenge(100.0).nonce, "MD5", False)
    assert desk.answer(challenge, 100.0) is Verdict.GOOD
    assert desk.answer(challenge, 100.0) is Verdict.STALE


def test_an_algorithm_that_was_not_offered_is_not_taken() -> None:
    gatekeeper = Gatekeeper("pinecall", {"ana": "secret"}, Dice(), ["SHA-256"])
    (text,) = gatekeeper.challenges(0.0)
    nonce = read_challenge(text).nonce
    value = answer(Challenge("pinecall", nonce), Account("ana", "secret"), "INVITE", "sip:x", count=1, cnonce="c")
    assert gatekeeper.check(value, "INVITE", 0.0)[0] is Verdict.BAD


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    gatekeeper = Gatekeeper("pinecall", {"ana": "secret"}, Dice())
    for value in (text, f"Digest {text}", f'Digest username="ana", realm="pinecall", {text}'):
        assert gatekeeper.check(value, "INVITE", 0.0)[0] is not Verdict.GOOD
        read_challenge(value)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Account("ana", "secret"))

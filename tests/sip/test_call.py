"""What comes in a call that is up: keys, questions, requests that are not for us, and its end."""

from __future__ import annotations

import pytest
from tests.sip._script import Line, after, up

from pinecall_run.sip.outputs import Dtmf, Ended, EndReason


@pytest.mark.parametrize(
    ("kind", "body", "digit", "milliseconds"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 160),
        ("application/dtmf-relay", "Signal= *\r\nDuration= 100", "*", 100),
        ("application/dtmf-relay; x=1", "Signal=a", "A", 0),
        ("application/dtmf", "#\r\n", "#", 0),
    ],
)
def test_a_key_by_info(kind: str, body: str, digit: str, milliseconds: int) -> None:
    line = up()
    assert line >> line.request("INFO", body=body, kind=kind) << 200 << Dtmf(line.call, digit, milliseconds)


def test_a_repeated_info_is_one_key() -> None:
    line = up()
    info = line.request("INFO", body="Signal=5", kind="application/dtmf-relay")
    assert line >> info << 200 << Dtmf >> info << 200


def test_an_info_about_something_else() -> None:
    line = up()
    assert line >> line.request("INFO", body="<x/>", kind="application/media_control+xml") << 415
    assert line >> line.request("INFO", body="Signal=55", kind="application/dtmf-relay") << 415
    assert line >> line.request("INFO") << 200


def test_a_key_of_ours() -> None:
    line = up()
    line >> (lambda line: line.agent.press(line.call, "5", line.now)) << "INFO"
    assert line.sent.body == b"Signal=5\r\nDuration=160\r\n"
    assert line >> line.response(415)
    with pytest.raises(ValueError, match="a key is one of"):
        line.agent.press(line.call, "5\r\nx", line.now)


def test_questions_and_what_is_not_for_us() -> None:
    line = up()
    assert line >> line.request("OPTIONS") << 200
    assert "UPDATE" in line.sent.headers.get("Allow")
    assert line >> line.request("REFER", "Refer-To: <sip:x@y>") << 603
    assert line >> line.request("MESSAGE", body="hi", kind="text/plain") << 405
    assert line >> line.request("SUBSCRIBE") << 405


def test_after_its_end_there_is_only_the_bye() -> None:
    line = up()
    line >> line.hang_up << Ended(line.call, EndReason.ENDED) << "BYE"
    bye = line.sent
    assert line >> line.invite() << 481
    assert line >> line.request("BYE") << 200 >> line.response(200, request=bye)
    assert len(line.agent) == 0


def test_a_bye_is_repeated_until_it_is_answered_or_nobody_is_there() -> None:
    line = up()
    line >> line.hang_up << Ended << "BYE"
    for pause in (0.5, 1, 2, 4, 4, 4, 4, 4, 4, 4):
        line >> after(pause) << "BYE"
    assert line >> after(0.5)
    assert len(line.agent) == 0


def test_a_repeated_bye_is_answered_again() -> None:
    line = up()
    bye = line.request("BYE")
    assert line >> bye << 200 << Ended >> bye << 200


def test_requests_of_strangers_do_not_belong_to_the_call() -> None:
    line = up()
    for theirs, ours in (("other", line.our_tag), ("theirs", "other")):
        stranger = Line()
        stranger.agent, stranger.our_tag, stranger.their_tag, stranger.number = line.agent, ours, theirs, 10
        stranger.branch = 77
        stranger >> stranger.request("BYE") << 481
    assert len(line.agent) == 1

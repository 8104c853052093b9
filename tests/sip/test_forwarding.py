"""The other side is sent to somebody else: it goes, it does not, or it goes without a word."""

from __future__ import annotations

import pytest
from tests.sip._script import Line, after, up

from pinecall_run.sip.outputs import Ended, EndReason, Forwarded, ForwardFailed, ForwardProgress
from pinecall_run.sip.uri import read_uri


def forward(line: Line) -> None:
    line.agent.forward(line.call, read_uri("sip:sales@192.0.2.9"), line.now)


def notify(line: Line, status: str, *, state: str = "active") -> str:
    fields = ["Event: refer", f"Subscription-State: {state}"]
    return line.request("NOTIFY", *fields, body=f"SIP/2.0 {status}\r\n", kind="message/sipfrag;version=2.0")


def test_it_is_told_how_it_went() -> None:
    line = up()
    line >> forward << "REFER"
    assert line.sent.headers.get("Refer-To") == "<sip:sales@192.0.2.9>"
    assert line.sent.headers.get("Referred-By") == "<sip:desk@192.0.2.1>"
    assert line.sent.headers.get("Contact")
    line >> line.response(202) >> notify(line, "100 Trying") << 200 << ForwardProgress(line.call, 100)
    line >> notify(line, "180 Ringing") << 200 << ForwardProgress(line.call, 180)
    line >> notify(line, "200 OK", state="terminated") << 200 << Forwarded(line.call)
    assert line << Ended(line.call, EndReason.FORWARDED) << "BYE" >> line.response(200)
    assert len(line.agent) == 0


def test_a_word_may_come_before_the_answer() -> None:
    line = up()
    line >> forward << "REFER"
    refer = line.sent
    line >> notify(line, "100 Trying") << 200 << ForwardProgress
    assert (
        line
        >> line.response(202, request=refer)
        >> line.request("BYE")
        << 200
        << Forwarded
        << Ended(line.call, EndReason.FORWARDED)
    )


@pytest.mark.parametrize("status", [403, 405, 603])
def test_the_other_side_does_not_want_to(status: int) -> None:
    line = up()
    line >> forward << "REFER"
    assert line >> line.response(status) << ForwardFailed(line.call, status)
    assert line >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP)


def test_nobody_is_there() -> None:
    line = up()
    line >> forward << "REFER" >> line.response(202)
    assert line >> notify(line, "486 Busy", state="terminated") << 200 << ForwardFailed(line.call, 486)
    assert line >> notify(line, "486 Busy") << 481
    assert line >> forward << "REFER"  # another try


def test_it_ends_without_saying_how() -> None:
    line = up()
    line >> forward << "REFER" >> line.response(202)
    assert line >> notify(line, "100 Trying", state="terminated;reason=noresource") << 200 << ForwardFailed


def test_it_goes_without_a_word() -> None:
    line = up()
    line >> forward << "REFER" >> line.response(202)
    assert line >> line.request("BYE") << 200 << Forwarded(line.call) << Ended(line.call, EndReason.FORWARDED)


def test_a_bye_before_it_said_yes_is_only_that() -> None:
    line = up()
    line >> forward << "REFER"
    assert line >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP)


def test_an_answer_after_the_end_is_nothing() -> None:
    line = up()
    line >> forward << "REFER"
    refer = line.sent
    assert line >> line.hang_up << Ended << "BYE" >> line.response(603, request=refer)


def test_nothing_is_heard() -> None:
    line = up()
    line >> forward << "REFER" >> line.response(202)
    assert line >> after(59) >> after(1) << ForwardFailed(line.call, 408) >> line.hang_up << Ended << "BYE"


def test_a_word_of_progress_begins_the_wait_anew() -> None:
    line = up()
    line >> forward << "REFER" >> line.response(202) >> after(50)
    line >> notify(line, "180 Ringing") << 200 << ForwardProgress
    assert line >> after(50) >> after(10) << ForwardFailed(line.call, 408)


def test_once_at_a_time_and_only_while_it_is_up() -> None:
    line = up()
    assert line >> forward << "REFER" >> forward
    line >> line.hang_up << Ended << "BYE"
    assert line >> forward


def test_a_word_about_something_else() -> None:
    line = up()
    line >> forward << "REFER" >> line.response(202)
    assert line >> line.request("NOTIFY", "Event: message-summary") << 481

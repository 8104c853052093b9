"""Signs of life: who gives them, and when they are due."""

from __future__ import annotations

import pytest

from pinecall_run.sip.agenda import Agenda
from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.message import Headers, Request, Response
from pinecall_run.sip.session_timer import Interval, SessionTimer, is_too_small, read_interval


class Bench:
    def __init__(self) -> None:
        self.agenda = Agenda()
        self.done: list[tuple[str, float]] = []
        self.timer = SessionTimer(
            self.agenda,
            seconds=1800,
            refresh=lambda now: self.done.append(("refresh", now)),
            expire=lambda now: self.done.append(("expire", now)),
        )


def request(*fields: tuple[str, str]) -> Request:
    return Request(Headers(fields), b"", "INVITE", "sip:x")


KNOWS = ("Supported", "100rel, timer")


def test_intervals() -> None:
    assert read_interval(request(("Session-Expires", "120 ; Refresher=UAC"))) == Interval(120, "uac")
    assert read_interval(request(("Session-Expires", "120;refresher=x"))) == Interval(120)
    assert read_interval(request()) is None
    assert [is_too_small(request(("Session-Expires", text))) for text in ("89", "90", "x")] == [True, False, False]
    with pytest.raises(GrammarError):
        read_interval(request(("Session-Expires", "x")))


@pytest.mark.parametrize(
    ("fields", "answer", "done"),
    [
        ((("Session-Expires", "300;refresher=uac"), KNOWS), "300;refresher=uac", ("expire", 268.0)),
        ((("Session-Expires", "300;refresher=uas"), KNOWS), "300;refresher=uas", ("refresh", 150.0)),
        ((("Session-Expires", "300"), KNOWS), "300;refresher=uac", ("expire", 268.0)),
        ((("Session-Expires", "300"),), "300;refresher=uas", ("refresh", 150.0)),
        ((("Session-Expires", "90;refresher=uac"), KNOWS), "90;refresher=uac", ("expire", 60.0)),
        ((KNOWS,), "1800;refresher=uac", ("expire", 1768.0)),
    ],
)
def test_what_is_answered_and_what_comes_of_it(
    fields: tuple[tuple[str, str], ...], answer: str, done: tuple[str, float]
) -> None:
    bench = Bench()
    given = dict(bench.timer.answer(request(*fields), 0.0))
    assert given["Session-Expires"] == answer
    assert ("Require" in given) is answer.endswith("uac")
    bench.agenda.tick(done[1] - 0.1)
    assert bench.done == []
    bench.agenda.tick(done[1])
    assert bench.done == [done]


@pytest.mark.parametrize("fields", [(), (("Session-Expires", "x"),)])
def test_whoever_does_not_know_timers_is_left_alone(fields: tuple[tuple[str, str], ...]) -> None:
    bench = Bench()
    bench.timer.answer(request(KNOWS), 0.0)
    assert bench.timer.answer(request(*fields), 0.0) == []
    assert bench.agenda.deadline() is None


@pytest.mark.parametrize(
    ("value", "deadline"),
    [
        ("300;refresher=uac", 150.0),
        ("300;refresher=uas", 268.0),
        ("300", 150.0),
        ("10;refresher=uac", 45.0),
        ("x", None),
        ("", None),
    ],
)
def test_what_the_other_side_agrees_to(value: str, deadline: float | None) -> None:
    bench = Bench()
    bench.timer.agree(Response(Headers((("Session-Expires", value),)), b"", 200), 0.0)
    assert bench.agenda.deadline() == deadline


def test_after_a_refusal_there_is_another_try() -> None:
    bench = Bench()
    bench.timer.retry(0.0)
    assert bench.agenda.deadline() is None
    bench.timer.agree(Response(Headers((("Session-Expires", "300;refresher=uac"),)), b"", 200), 0.0)
    bench.timer.retry(150.0)
    assert bench.agenda.deadline() == 160.0
    bench.timer.agree(Response(Headers((("Session-Expires", "300;refresher=uas"),)), b"", 200), 0.0)
    bench.timer.retry(150.0)
    assert bench.agenda.deadline() == 268.0


def test_what_we_ask_for_goes_on_as_agreed() -> None:
    bench = Bench()
    assert bench.timer.asked()[0] == ("Session-Expires", "1800")
    bench.timer.raise_to(3600)
    assert bench.timer.asked()[0] == ("Session-Expires", "3600")
    bench.timer.agree(Response(Headers((("Session-Expires", "300;refresher=uas"),)), b"", 200), 0.0)
    assert bench.timer.asked()[0] == ("Session-Expires", "300;refresher=uas")
    bench.timer.stop()
    assert bench.agenda.deadline() is None

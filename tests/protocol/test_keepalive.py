"""Silence is noticed in time, noise is not mistaken for it, and who was asleep does not judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.protocol.keepalive import PACE, Keepalive, Pace, Verdict


def run_until_gone(keepalive: Keepalive, now: float, step: float = 0.0) -> tuple[float, int]:
    """Tick at each deadline, ``step`` late; when the other side was given up, and how often it was asked."""
    asked = 0
    for _ in range(1000):
        now = keepalive.deadline() + step
        match keepalive.tick(now):
            case Verdict.ASK:
                asked += 1
            case Verdict.GONE:
                return now, asked
    raise AssertionError("never given up")


@pytest.mark.parametrize("last_word", [0.0, 3.0, 9.99, 10.0])
def test_silence_is_noticed_within_25_seconds_after_two_questions(last_word: float) -> None:
    keepalive = Keepalive.since(0.0, PACE)
    keepalive.heard(last_word)
    gone, asked = run_until_gone(keepalive, last_word)
    assert gone == last_word + PACE.silence <= last_word + 25
    assert asked >= 2


@given(
    gaps=st.lists(st.floats(0.0, 11.9), max_size=30),
    pace=st.builds(Pace, ping=st.floats(0.1, 10), silence=st.floats(22, 30)),
)
def test_who_speaks_often_enough_is_never_given_up(gaps: list[float], pace: Pace) -> None:
    now, keepalive = 0.0, Keepalive.since(0.0, pace)
    for gap in gaps:
        end = now + gap
        while keepalive.deadline() < end:
            now = keepalive.deadline()
            assert keepalive.tick(now) is Verdict.ASK
        now = end
        keepalive.heard(now)
        assert keepalive.deadline() > now - 1e-6


@pytest.mark.parametrize("late", [1.1, 30.0, 1e6])
def test_a_late_look_grants_another_interval(late: float) -> None:
    keepalive = Keepalive.since(0.0, PACE)
    now = PACE.silence + late
    assert keepalive.tick(now) is Verdict.ASK
    gone, _ = run_until_gone(keepalive, now)
    assert gone == pytest.approx(now + PACE.ping)


def test_nothing_is_due_before_its_time() -> None:
    keepalive = Keepalive.since(0.0, PACE)
    assert keepalive.tick(9.99) is None
    assert keepalive.tick(10.0) is Verdict.ASK
    assert keepalive.tick(10.0) is None

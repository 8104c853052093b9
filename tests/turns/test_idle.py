"""Warnings come when they should, once, and only while the caller is waited for (protocol 6.6)."""

from __future__ import annotations

from math import inf

import pytest

from pinecall_run.turns.actions import IdleWarning, LimitReached
from pinecall_run.turns.idle import IdleWatch, steps
from pinecall_run.turns.rules import TurnRules

END = LimitReached("idle_timeout")


def limits(timeout: float, warning: float, grace: float) -> TurnRules:
    return TurnRules(idle_timeout_seconds=timeout, idle_warning_seconds=warning, idle_grace_seconds=grace)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (limits(60, 15, 10), [(45, IdleWarning(15, 60)), (60, IdleWarning(10, 60)), (70, END)]),
        (limits(60, 0, 10), [(60, IdleWarning(10, 60)), (70, END)]),
        (limits(60, 15, 0), [(45, IdleWarning(15, 60)), (60, END)]),
        (limits(60, 0, 0), [(60, END)]),
        (limits(60, 60, 10), [(60, IdleWarning(10, 60)), (70, END)]),
        (limits(60, 90, 10), [(60, IdleWarning(10, 60)), (70, END)]),
        (limits(0, 15, 10), []),
    ],
)
def test_steps(rules: TurnRules, expected: list[object]) -> None:
    assert list(steps(rules)) == expected


def test_the_clock_stands_and_runs_on() -> None:
    watch = IdleWatch(limits(60, 15, 10), 0.0)
    watch.run(False, 40.0)
    assert watch.due == inf
    watch.run(True, 100.0)
    assert watch.due == 105.0
    assert watch.take() == IdleWarning(15, 60)
    assert watch.due == 120.0


def test_a_reset_begins_with_the_first_step() -> None:
    watch = IdleWatch(limits(60, 15, 10), 0.0)
    watch.take()
    watch.reset(50.0)
    assert watch.due == 95.0
    watch.run(False, 60.0)
    watch.reset(70.0)
    assert watch.due == inf
    watch.run(True, 80.0)
    assert watch.due == 125.0


def test_after_the_last_step_nothing_is_due() -> None:
    watch = IdleWatch(limits(60, 0, 0), 0.0)
    assert watch.take() == END
    assert watch.due == inf


def test_other_limits_begin_anew_and_the_same_do_not() -> None:
    watch = IdleWatch(limits(60, 15, 10), 0.0)
    watch.change(limits(60, 15, 10), 30.0)
    assert watch.due == 45.0
    watch.change(limits(20, 5, 10), 30.0)
    assert watch.due == 45.0
    watch.change(limits(0, 5, 10), 31.0)
    assert watch.due == inf

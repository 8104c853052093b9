"""A call is warned of its silence, and ends once, by one limit."""

from __future__ import annotations

from tests.voice.test_call_core import core

from pinecall_run.turns.rules import TurnRules
from pinecall_run.voice.call_limits import CallLimits

RULES = TurnRules(idle_timeout_seconds=10, idle_warning_seconds=4, idle_grace_seconds=0, max_duration_seconds=100)


def test_silence_is_warned_of_and_ends_the_call_once() -> None:
    call, owner = core()
    ended: list[str] = []
    limits = CallLimits(call, RULES, 0.0, ended.append)
    limits.pulse(5.9)
    limits.count(False, 5.9)
    limits.pulse(50.0)
    assert owner.names == []
    limits.count(True, 50.0)
    limits.spoke(51.0)
    limits.pulse(56.9)
    assert owner.names == []
    for now in (57.0, 61.0, 100.0):
        limits.pulse(now)
    assert owner.names == ["session.idle_warning", "session.timeout"]
    assert ended == ["idle_timeout"]


def test_a_long_call_ends_whoever_speaks_and_limits_may_change() -> None:
    call, owner = core()
    ended: list[str] = []
    limits = CallLimits(call, RULES, 10.0, ended.append)
    limits.count(False, 10.0)
    limits.pulse(109.0)
    limits.change(TurnRules(max_duration_seconds=0, idle_timeout_seconds=0), 109.0)
    limits.pulse(500.0)
    assert ended == []
    limits.change(RULES, 500.0)
    limits.pulse(500.0)
    assert (ended, owner.names) == (["max_duration"], ["session.timeout"])

"""Ready is who gets new calls; who does not says in one sentence why."""

from __future__ import annotations

import pytest

from pinecall_run.live.notices import AgentRefused, AgentUp, Connected, Disconnected, Draining, Notice
from pinecall_run.telemetry.readiness import Readiness

UP = [Connected(1), AgentUp("desk"), AgentUp("back")]

STORIES: list[tuple[list[Notice], str | None]] = [
    ([], "the voice server is not connected"),
    ([Connected(1)], "not registered: back, desk"),
    ([Connected(1), AgentUp("desk")], "not registered: back"),
    (UP, None),
    ([*UP, Disconnected("gone", 1.0)], "the voice server is not connected"),
    ([*UP, Disconnected("gone", 1.0), Connected(2)], "not registered: back, desk"),
    ([*UP, AgentRefused("desk", "held", 5.0)], "not registered: desk"),
    ([*UP, AgentRefused("desk", "held", 5.0), AgentUp("desk")], None),
    ([*UP, Draining(1, 0, 45.0)], "draining: no new calls are taken"),
    ([*UP, AgentUp("gone since the last reload")], None),
]


@pytest.mark.parametrize(("told", "missing"), STORIES)
def test_what_is_missing_is_one_sentence(told: list[Notice], missing: str | None) -> None:
    readiness = Readiness(lambda: ["desk", "back"])
    for notice in told:
        readiness(notice)
    assert readiness.missing() == missing


def test_a_reload_changes_what_is_wanted() -> None:
    wanted = ["desk", "back"]
    readiness = Readiness(lambda: wanted)
    for notice in UP:
        readiness(notice)
    wanted.append("night")
    assert readiness.missing() == "not registered: night"
    wanted[:] = ["back"]
    assert (readiness.missing(), readiness.count()) == (None, 1)


def test_of_many_a_few_are_named() -> None:
    readiness = Readiness(lambda: [f"a{number}" for number in range(5)])
    readiness(Connected(1))
    assert readiness.missing() == "not registered: a0, a1, a2 and 2 more"

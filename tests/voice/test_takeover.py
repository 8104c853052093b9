"""Levels of takeover: one conversation, one contact, a whole agent."""

from __future__ import annotations

import pytest

from pinecall_run.voice import takeover
from pinecall_run.voice.takeover import Takeover


def paused(made: Takeover, agent: str = "a", session: str = "wa-1", contact: str = "34600") -> bool:
    return made.is_paused(agent, session, contact)


def test_nothing_is_paused_at_first() -> None:
    assert not paused(Takeover())


@pytest.mark.parametrize("scope", [{}, {"session": "wa-1"}, {"contact": "+34 600"}])
def test_each_level_is_paused_and_resumed_by_itself(scope: dict[str, str]) -> None:
    made = Takeover()
    made.pause("a", **scope)
    assert paused(made)
    assert not paused(made, agent="b")
    assert paused(made, session="wa-2", contact="9") == (not scope)
    made.resume("a", **scope)
    assert not paused(made)


def test_a_session_is_named_before_its_contact() -> None:
    made = Takeover()
    made.pause("a", session="wa-1", contact="34600")
    assert not paused(made, session="wa-2")
    made.resume("a", session="wa-1", contact="34600")
    assert not paused(made)


def test_a_level_takes_back_only_its_own_and_the_whole_agent_all() -> None:
    made = Takeover()
    made.pause("a", contact="34600")
    made.pause("a", session="wa-9")
    made.pause("b")
    made.resume("a", session="wa-1")
    assert paused(made)
    made.resume("a")
    assert not paused(made)
    assert not paused(made, session="wa-9")
    assert paused(made, agent="b")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "MOST", 3)
    made = Takeover()
    for number in range(5):
        made.pause("a", session=str(number))
    assert [made.is_paused("a", str(number), "") for number in range(5)] == [False, False, True, True, True]


def test_a_conversation_that_another_goes_on_with_hands_its_human_over() -> None:
    takeover = Takeover()
    takeover.pause("front", "c1")
    assert takeover.move("front", "c1", "c2")
    assert not takeover.move("front", "c1", "c3")
    paused = [call for call in ("c1", "c2", "c3") if takeover.is_paused("front", call, "")]
    assert paused == ["c2"]

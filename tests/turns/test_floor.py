"""Who is taken for interrupting, which turn a voice belongs to, and what is no way of the table."""

from __future__ import annotations

import pytest

from pinecall_run.turns import actions as act
from pinecall_run.turns.floor import Floor
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.transitions import State, Trigger


def floor() -> Floor:
    """The agent answers a first turn."""
    made = Floor(TurnRules(), 0.0, "en")
    made.begin_turn()
    made.go(Trigger.VOICE)
    made.said.final("Where is it?", 1.0)
    made.end_turn(Trigger.FINISHED, 0.9, 0.3)
    made.agent_began(1)
    made.out.clear()
    return made


@pytest.mark.parametrize(
    ("said", "is_one"), [("stop", False), ("stop it", True), ("okay yeah", False), ("okay but wait", True), ("", False)]
)
def test_what_is_worth_the_floor(said: str, is_one: bool) -> None:
    made = floor()
    made.said.final(said, 1.0)
    assert made.is_interruption(2) is is_one


@pytest.mark.parametrize(
    ("played", "reason", "turn", "text"),
    [(1.9, "continuation", 1, "Where is it? Wait a bit."), (2.0, "user_spoke", 2, "Wait a bit.")],
)
def test_two_seconds_make_another_turn(played: float, reason: str, turn: int, text: str) -> None:
    made = floor()
    made.played = played
    made.said.final("Wait a bit.", 1.0)
    assert (made.heard_in, made.heard_text) == (turn, text)
    made.take()
    assert [type(action) for action in made.out] == [act.Interrupt, act.TurnContinued]
    assert made.out[0] == act.Interrupt(reason)  # type: ignore[arg-type]
    assert (made.turn.id, made.said.text) == (turn, text)
    assert made.turn.message > 1


def test_a_way_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(KeyError):
        floor().go(Trigger.QUIET)
    assert floor().state is State.SPEAKING

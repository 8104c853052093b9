"""A verdict is that of its pause, and a turn waits for its answer."""

from __future__ import annotations

from pinecall_run.turns.turn import UNREAD, Speech, Turn


def test_a_verdict_is_that_of_the_pause_in_which_it_was_asked_for() -> None:
    speech = Speech(1.0)
    assert speech.verdict is None
    speech.end_asked, speech.verdict = speech.last, 0.7
    assert speech.verdict == 0.7
    speech.last = 2.0
    assert speech.verdict is None


def test_a_short_echo_is_not_owed_a_text() -> None:
    speech = Speech(0.0)
    speech.unread = UNREAD - 1
    assert speech.is_read
    speech.unread = UNREAD
    assert not speech.is_read


def test_the_life_of_a_turn() -> None:
    turn = Turn(1, 1)
    turn.is_eager = True
    turn.end()
    assert (turn.is_open, turn.is_eager, turn.is_waiting, turn.has_ended) == (False, False, True, True)
    turn.reopen()
    assert (turn.is_open, turn.is_waiting, turn.has_ended) == (True, False, True)
    turn.close()
    assert not turn.is_open

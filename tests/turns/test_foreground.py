"""A voice is the caller's unless it is far below what theirs has been; nobody is unheard for good."""

from __future__ import annotations

import pytest

from pinecall_run.turns.foreground import BEHIND, USUAL, Foreground
from pinecall_run.turns.inputs import WINDOW

SECOND = round(1 / WINDOW)


def heard(foreground: Foreground, volume: float, seconds: float) -> float:
    """The share of its windows that count."""
    windows = round(seconds * SECOND)
    return sum(foreground.has(volume) for _ in range(windows)) / windows


@pytest.mark.parametrize("volume", [USUAL - BEHIND + 0.01, 0.4, USUAL, 0.8, 1.0])
def test_a_caller_soft_or_loud_is_heard_at_once(volume: float) -> None:
    assert heard(Foreground(), volume, 5) == 1


def test_before_the_caller_is_known_a_voice_20_db_below_the_usual_is_not_theirs() -> None:
    assert heard(Foreground(), USUAL - BEHIND - 0.01, 1) == 0


def test_a_voice_behind_the_caller_is_not_theirs_as_long_as_it_stays_there() -> None:
    foreground = Foreground()
    for _ in range(5):
        assert heard(foreground, 0.75, 3) == 1
        assert heard(foreground, 0.75 - BEHIND - 0.05, 5) == 0


def test_endings_of_sentences_are_the_callers() -> None:
    foreground = Foreground()
    assert heard(foreground, 0.75, 3) == 1
    assert heard(foreground, 0.75 - 12 / 60, 1) == 1


def test_a_shout_does_not_make_everything_after_it_faint() -> None:
    foreground = Foreground()
    heard(foreground, USUAL, 2)
    heard(foreground, 0.9, 0.2)
    assert heard(foreground, USUAL, 3) == 1


def test_who_has_become_soft_is_heard_again_in_the_end() -> None:
    foreground = Foreground()
    heard(foreground, 0.75, 3)
    assert heard(foreground, 0.35, 1) == 0
    heard(foreground, 0.35, 15)
    assert heard(foreground, 0.35, 1) == 1

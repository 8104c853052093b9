"""The table is whole, and the page that shows it is up to date."""

from __future__ import annotations

import dataclasses

from tests.docs._turns import PAGE, rewritten

from pinecall_run.turns import actions
from pinecall_run.turns.transitions import TABLE, State, Trigger, as_markdown


def test_every_state_but_the_last_is_left_and_every_one_reached() -> None:
    assert {source for source, _ in TABLE} == set(State) - {State.OVER}
    assert {row.target for row in TABLE.values()} == set(State)
    assert {trigger for _, trigger in TABLE} == set(Trigger)


def test_what_is_told_exists() -> None:
    for row in TABLE.values():
        for frame in row.frames:
            assert dataclasses.is_dataclass(getattr(actions, frame))


def test_a_row_is_a_line_for_people() -> None:
    lines = as_markdown().splitlines()
    assert "| idle | a voice lasts `min_speech_ms` | listening | `SpeechStarted` | a new turn |" in lines
    assert lines[-1] == "| any | a session limit is reached | over | `LimitReached` | hang up |"


def test_the_page_shows_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page, "write it again: python -m tests.write_docs"

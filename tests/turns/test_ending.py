"""A pause ends a turn sooner or later, by what was said and by who decides."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.turns.ending import PATIENCE, end_at, is_settled
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.said import Said
from pinecall_run.turns.turn import UNREAD, Speech


def wait(text: str, *, partial: str = "", unread: int = 0, verdict: float | None = None, **rules: Any) -> float:
    """How long after the voice the turn ends."""
    is_paused = rules.pop("is_paused", False)
    speech, said = Speech(100.0), Said()
    said.final(text, 1.0)
    said.partial(partial, 1.0)
    speech.unread = unread
    if verdict is not None:
        speech.end_asked, speech.verdict = speech.last, verdict
    return round(end_at(TurnRules(**rules), speech, said, language="en", is_paused=is_paused) - 100.0, 3)


@pytest.mark.parametrize(
    ("expected", "text", "state"),
    [
        (0.3, "Where is it?", {}),
        (0.45, "where is it now", {}),
        (1.2, "my number is", {}),
        (1.0, "my number is", {"max_silence_seconds": 1.0}),
        (0.6, "Where is it?", {"silence_seconds": 0.6}),
        (PATIENCE, "Where is it?", {"partial": "now"}),
        (1.2, "Where is it?", {"partial": "the"}),
        (PATIENCE, "Where is it?", {"unread": UNREAD}),
        (0.3, "Where is it?", {"unread": UNREAD - 1}),
        (PATIENCE, "", {"partial": "where is it now"}),
        (0.0, "", {}),
        (3.0, "", {"unread": UNREAD}),
        (3.0, "Where is it?", {"mode": "native"}),
        (0.0, "Where is it?", {"mode": "native", "verdict": 0.8}),
        (PATIENCE, "Where is it?", {"mode": "smart_turn"}),
        (0.0, "my number is", {"mode": "smart_turn", "verdict": 0.8}),
        (PATIENCE, "", {"mode": "smart_turn", "verdict": 0.8, "partial": "the"}),
        (3.0, "Where is it?", {"mode": "smart_turn", "verdict": 0.1, "is_paused": True}),
    ],
)
def test_wait(expected: float, text: str, state: dict[str, Any]) -> None:
    assert wait(text, **state) == expected


def test_a_text_is_settled_when_no_more_is_owed() -> None:
    speech, said = Speech(0.0), Said()
    assert is_settled(speech, said)
    said.partial("the", 1.0)
    assert not is_settled(speech, said)

"""A voice has to last, small gaps allowed for, whenever its windows are seen."""

from __future__ import annotations

import pytest

from pinecall_run.turns.gate import BREAK, Gate
from pinecall_run.turns.inputs import WINDOW


def opens(windows: str, seconds: float = 0.2) -> int | None:
    """After how many windows a gate opens: ``x`` is a voice, ``s`` a soft one, ``?`` in doubt, ``.`` none."""
    gate = Gate(seconds, 0.5, 0.35)
    for at, window in enumerate(windows, start=1):
        if gate.feed({".": 0.1, "?": 0.3}.get(window, 0.5), 0.2 if window == "s" else 0.35, at * WINDOW):
            return at
    return None


@pytest.mark.parametrize(
    ("windows", "at"),
    [
        ("xxxxx", None),
        ("xxxxxx", 6),
        ("..xxxxxx", 8),
        (".?xxxxx", 7),
        ("??xxxxx", 7),
        ("?.xxxxxx", 8),
        ("xxx" + "." * BREAK + "xxx", 6 + BREAK),
        ("xxx" + "." * (BREAK + 1) + "xxx", None),
        ("xxx" + "s" * (BREAK + 1) + "xxx", None),
        ("x.x.x.x.x.x", 11),
        ("ssssssssss", None),
    ],
)
def test_it_opens_when_a_voice_has_lasted(windows: str, at: int | None) -> None:
    assert opens(windows) == at


def test_no_time_at_all_is_one_window() -> None:
    assert opens("x", 0.0) == 1


def test_it_knows_when_the_voice_began_and_how_long_it_may_still_take() -> None:
    gate = Gate(0.2, 0.5, 0.0)
    gate.feed(0.9, 0.0, 10.0)
    gate.feed(0.9, 0.0, 12.0)
    assert gate.began == 10.0 - WINDOW
    assert gate.patience == pytest.approx(gate.began + (6 + BREAK) * WINDOW)
    gate.reset()
    assert gate.run == 0

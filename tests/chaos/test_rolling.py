"""Rolling restarts: nobody who talks while a process is replaced by its successor notices it."""

from pathlib import Path

from tests.chaos._rolling import rolling


async def test_nothing_is_dropped_when_processes_are_replaced_under_live_calls(tmp_path: Path) -> None:
    outcome = await rolling(tmp_path, restarts=2, seconds=30.0, seed=3)
    assert outcome.is_clean, outcome
    assert outcome.restarts == 2
    assert outcome.answered > 20

"""Whenever a runner is killed: no write is run twice, and every ask is answered."""

from pathlib import Path

from tests.chaos._kills import kills


async def test_no_write_is_run_twice_when_the_runner_is_killed_again_and_again(tmp_path: Path) -> None:
    outcome = await kills(tmp_path, count=6, seconds=25.0, seed=7)
    assert (outcome.doubled, outcome.lost, outcome.false, outcome.other) == (0, 0, 0, [])
    assert outcome.kills >= 3
    assert outcome.answered > outcome.kills

"""However often a project is reloaded while people talk, no call is dropped and none is of two revisions."""

from pathlib import Path

from tests.chaos._reloads import reloads


async def test_calls_keep_their_revision_through_reload_after_reload(tmp_path: Path) -> None:
    outcome = await reloads(tmp_path, count=40, seconds=20.0, seed=7)
    assert (outcome.dropped, outcome.mixed) == (0, 0)
    assert outcome.reloads > outcome.refused > 0
    assert outcome.answered > 100
    assert len(outcome.words) > 10

"""Whatever the network does, and whenever: the agent comes back as it should be, no tool call lost or doubled."""

import logging
from pathlib import Path

import pytest
from tests.chaos._cells import STAGES, Stage, row
from tests.chaos._cuts import cuts

SEED = 7


@pytest.mark.parametrize("stage", STAGES)
async def test_every_fault_at_every_stage_is_survived(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await row(stage, tmp_path, SEED)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_no_tool_call_is_lost_or_doubled_when_the_link_is_cut_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await cuts(tmp_path, calls=150, seconds=20.0, seed=SEED)
    assert (outcome.lost, outcome.doubled, outcome.answered) == (0, 0, 150)
    assert outcome.cuts > 5
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []

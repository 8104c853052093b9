"""Spoken calls may be cut at any moment, in any way: nothing of them stays, and nothing is logged."""

import logging

import pytest
from tests.chaos._calls import calls, wrong

SEED = 7


async def test_of_calls_that_were_cut_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    outcome = await calls(count=80, seconds=40.0, seed=SEED)
    assert outcome.calls == 80
    assert wrong(outcome) == []
    assert outcome.ways.keys() >= {"hung up", "closed", "cut"}
    assert outcome.events["call.started"] == outcome.events["call.ended"] == 80
    assert outcome.events["bot.speaking"] > 20
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []

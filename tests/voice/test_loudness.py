"""How loud both sides are."""

from __future__ import annotations

from typing import Any

import pytest
from tests.voice._line import LOUD
from tests.voice.test_call_core import core

from pinecall_run.voice.loudness import Loudness
from pinecall_run.wire.speech_events import AudioMetrics


@pytest.mark.parametrize("config", [None, {}, {"analysis": 1}, {"analysis": {"send_audio_metrics": False}}])
def test_nobody_is_told_who_did_not_ask(config: Any) -> None:
    assert Loudness.asked_for(core(config=config)[0]) is None


def test_each_side_is_told_once_in_an_interval() -> None:
    analysis = {"send_audio_metrics": True, "audio_metrics_interval_ms": 40}
    call, owner = core(config={"analysis": analysis})
    loudness = Loudness.asked_for(call)
    assert loudness is not None
    for _ in range(4):
        loudness.heard(LOUD)
        loudness.played(None)
    told = owner.named(AudioMetrics)
    assert [each.source for each in told] == ["user", "bot", "user", "bot"]
    assert -14 < told[0].energy_db < -10
    assert (told[1].energy_db, told[1].rms, told[1].peak) == (-60.0, 0.0, 0.0)

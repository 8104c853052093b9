"""The recording of a call."""

from __future__ import annotations

from pathlib import Path

from tests.voice._fakes import Model
from tests.voice._line import Line
from tests.voice.test_call_core import core

from pinecall_run.audio.wav import read_wav


async def test_both_sides_of_a_call_are_recorded_where_the_project_asks(tmp_path: Path) -> None:
    configuration = {
        "greeting": "Acme, hello.",
        "media": {"recording": True},
        "config": {"recording_dir": str(tmp_path)},
    }
    async with Line(Model(), configuration) as line:
        await line.wait(2.0)
    [file] = tmp_path.iterdir()
    assert file.name.endswith("-call-1.wav")
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(read_wav(file.read_bytes())) == 32_000


def test_nothing_is_recorded_unless_it_is_asked_for() -> None:
    from pinecall_run.voice.tape import Tape

    for configuration in ({}, {"media": {"recording": True}}, {"config": {"recording_dir": "x"}}, {"media": 7}):
        assert Tape.asked_for(core(**configuration)[0]) is None

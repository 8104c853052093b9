"""What the documents have a newcomer type reaches the root project, offline."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from tests.emulators import try_door
from tests.stories._stage import copy_project
from tests.voice._speech import needs_flite, said

from pinecall_run.audio.wav import read_wav, write_wav


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy_project(tmp_path / "project"))


async def test_lines_are_messages_on_whatsapp(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Where is order ORD-1001?\nAnd ORD-1003?\n"))
    await try_door.whatsapp()
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith("whatsapp> ")]
    assert ["Tuesday" in answers[0], "gooseneck kettle" in answers[1]] == [True, True]


@needs_flite
async def test_a_recording_is_a_call_by_twilio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(try_door, "QUIET_SECONDS", 2.0)
    Path("question.wav").write_bytes(write_wav(said("where is order one thousand and one")))
    await try_door.twilio("+15551234567", "question.wav")
    assert "agent: Order ORD-1001" in capsys.readouterr().out
    assert len(read_wav(Path("heard.wav").read_bytes())) > 5 * 16_000


def test_whoever_knows_no_words_is_told_them() -> None:
    with pytest.raises(SystemExit, match="try_door whatsapp"):
        try_door.main([])

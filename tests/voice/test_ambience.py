"""What sounds under the voice and on hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.wav import write_wav
from pinecall_run.voice.ambience import Ambience


@pytest.fixture
def hum(tmp_path: Path) -> str:
    file = tmp_path / "hum.wav"
    file.write_bytes(write_wav((np.sin(np.arange(16_000) * 0.1) * 8_000).astype(np.int16)))
    return str(file)


def loudness(mixer: Mixer) -> float:
    chunks = [mixer.take()[0] for _ in range(50)]
    return float(np.abs(chunks[-1]).max()) if chunks[-1] is not None else 0.0


async def test_a_background_sounds_from_the_beginning_and_music_only_on_hold(hum: str) -> None:
    mixer = Mixer()
    ambience = Ambience(mixer, {"config": {"background": {"file": hum, "volume": 0.1}, "hold_music": hum}})
    await ambience.run()
    assert 700 < loudness(mixer) < 900
    ambience.hold(is_held=True)
    assert 3_500 < loudness(mixer) < 4_500
    ambience.hold(is_held=False)
    assert 700 < loudness(mixer) < 900


async def test_without_either_there_is_silence() -> None:
    mixer = Mixer()
    ambience = Ambience(mixer, {})
    await ambience.run()
    ambience.hold(is_held=True)
    assert mixer.take() == (None, 0)


async def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "no.wav").write_bytes(b"no sound")
    for file in ("no.wav", "absent.wav"):
        await Ambience(Mixer(), {"config": {"hold_music": str(tmp_path / file)}}).run()
    assert [message.split(" cannot")[0] for message in caplog.messages] == ["no.wav", "absent.wav"]

"""``pinecall-run talk`` with a sound card of Python: a call in real time, and machines that have none."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from tests.cli._phone import phone, run, start
from tests.cli._sounddevice import FAKE


def _path(folder: Path, module: str) -> dict[str, str]:
    """The environment in which ``sounddevice`` is this."""
    (folder / "fakes").mkdir()
    (folder / "fakes/sounddevice.py").write_text(module)
    return {"PYTHONPATH": f"{folder / 'fakes'}:{os.environ.get('PYTHONPATH', '')}"}


async def test_a_call_by_microphone_until_ctrl_c(tmp_path: Path) -> None:
    environment = _path(tmp_path, FAKE)
    async with phone(tmp_path) as reception:
        process = await start(tmp_path, "talk", "--record", "both.wav", **environment)
        assert process.stdout is not None
        lines: list[str] = []
        async with asyncio.timeout(20):
            while not lines or "It is shipped." not in lines[-1]:
                lines.append((await process.stdout.readline()).decode())
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
        assert process.returncode == 0
        assert [line[8:14] for line in lines[:2]] == ["agent ", "caller"]
        assert "interrupted after" in lines[0]
        assert lines[2:4] == ['        → look(order="ORD-1001")\n', '        ← {"status": "shipped"}\n']
        assert out.decode().splitlines()[0].endswith("ended   hangup")
        assert "Wear headphones" in err.decode()
        assert reception.sessions[0].ends[0] == "hangup"
    both = np.frombuffer((tmp_path / "both.wav").read_bytes()[44:], "<i2").reshape(-1, 2)
    assert abs(both[:, 0]).max() == 0x2000
    assert abs(both[:, 1]).max() > 7000


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("raise ModuleNotFoundError", "talk needs the extra mic: pip install 'pinecall-run[mic]'"),
        (
            "raise OSError('PortAudio library not found')",
            "talk needs PortAudio, which is not here: apt-get install lib",
        ),
        (
            "class PortAudioError(Exception): pass\n"
            "def RawStream(**_): raise PortAudioError('Error querying device -1', -1)",
            "no sound (Error querying device -1): plug a microphone and a loudspeaker in; `python -m sounddevice`",
        ),
        (
            FAKE + "    def start(self): raise PortAudioError('Device unavailable', -9985)\n    def close(self): pass",
            "no sound (Device unavailable): plug a microphone",
        ),
    ],
)
async def test_a_machine_without_sound_is_one_sentence(tmp_path: Path, module: str, sentence: str) -> None:
    environment = _path(tmp_path, module)
    async with phone(tmp_path):
        code, out, err = await run(tmp_path, "talk", "desk", **environment)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"pinecall-run: {sentence}")


async def test_a_bug_under_the_sound_card_stays_a_bug(tmp_path: Path) -> None:
    environment = _path(tmp_path, "def RawStream(**_): raise ZeroDivisionError")
    async with phone(tmp_path):
        code, _, err = await run(tmp_path, "talk", **environment)
    assert code == 3
    assert "ZeroDivisionError" in err

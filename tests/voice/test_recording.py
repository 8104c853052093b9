"""Recordings of calls: what is in the file, who may read it, and that a disk's trouble is not the call's."""

from __future__ import annotations

import asyncio
import logging
import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.voice._fakes import until

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.voice import recording as module
from pinecall_run.voice.recording import BATCH, WAITING, Recording

NOW = 1_767_323_045.9  # 2026-01-02 03:04:05.9 UTC


def _chunk(value: int) -> Samples:
    return np.full(CHUNK_SAMPLES, value, np.int16)


def _read(file: Path) -> Any:
    with wave.open(str(file)) as sound:  # not our own reader
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (2, 2, 16_000)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, 2)


async def test_both_sides_are_in_the_file_chunk_by_chunk(tmp_path: Path) -> None:
    recording = Recording(str(tmp_path), "call-1", NOW)
    for number in range(2 * BATCH + 3):
        recording.add(None if number % 3 == 0 else _chunk(number), None if number % 2 == 0 else _chunk(-number))
    await recording.close()
    (file,) = tmp_path.iterdir()
    assert file.name == "20260102T030405Z-call-1.wav"
    assert file.stat().st_mode & 0o777 == 0o600
    firsts = _read(file)[::CHUNK_SAMPLES]
    assert len(_read(file)) == (2 * BATCH + 3) * CHUNK_SAMPLES
    assert [tuple(pair) for pair in firsts] == [
        (n * (n % 3 != 0), -n * (n % 2 != 0)) for n in range(2 * BATCH + 3)
    ]  # fmt: skip


async def test_what_was_said_is_on_the_disk_after_a_second(tmp_path: Path) -> None:
    recording = Recording(str(tmp_path), "call-1", NOW)
    for _ in range(BATCH):
        recording.add(_chunk(5), None)
    await until(lambda: [file.stat().st_size for file in tmp_path.iterdir()] == [44 + BATCH * CHUNK_SAMPLES * 4])
    await recording.close()
    await recording.close()
    recording.add(_chunk(5), None)
    assert len(_read(next(tmp_path.iterdir()))) == BATCH * CHUNK_SAMPLES


async def test_a_call_without_sound_leaves_nothing(tmp_path: Path) -> None:
    await Recording(str(tmp_path), "call-1", NOW).close()
    assert list(tmp_path.iterdir()) == []


async def test_an_id_stays_in_its_directory(tmp_path: Path) -> None:
    recording = Recording(str(tmp_path), "../sip:José@acme/" + "x" * 300, NOW)
    recording.add(_chunk(1), None)
    await recording.close()
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("20260102T030405Z-.._sip_Jos__acme_xxx")


@pytest.mark.parametrize(
    ("place", "why"), [("gone", "No such file or directory"), ("file", "Not a directory"), ("taken", "File exists")]
)
async def test_a_place_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, place: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/20260102T030405Z-+4915112345.wav".replace("+", "_")).touch()
    recording = Recording(str(tmp_path / place), "+4915112345", NOW)
    for _ in range(3 * BATCH):
        recording.add(_chunk(1), None)
        await asyncio.sleep(0)
    await recording.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"the recording of a call in {tmp_path / place} was given up: {why}"
    ]
    assert "4915112345" not in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = module.os.open
    monkeypatch.setattr(module.os, "open", lambda path, flags, mode: original("/dev/full", 1))
    recording = Recording(str(tmp_path), "call-1", NOW)
    for _ in range(3 * BATCH):
        recording.add(_chunk(1), None)
        await asyncio.sleep(0.001)
    await recording.close()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "No space left on device" in caplog.text


async def test_a_disk_that_hangs_holds_nothing_up_and_its_memory_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    hangs = threading.Event()
    monkeypatch.setattr(module._File, "write", lambda *_: hangs.wait(10))
    recording = Recording(str(tmp_path), "call-1", NOW)
    try:
        for _ in range(WAITING + 2 * BATCH):
            recording.add(_chunk(1), None)
        assert recording._waiting == []
        await recording.close()
    finally:
        hangs.set()
    assert [record.getMessage() for record in caplog.records] == [
        f"the recording of a call in {tmp_path} was given up: the disk is too slow"
    ]

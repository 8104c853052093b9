"""WAV files of every kind are read, broken ones refused with a reason, and recordings are whole."""

import io
import shutil
import struct
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio._tones import noise, rms, strongest_hertz, tone

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.audio.wav import StereoRecording, WavError, read_wav, write_wav

HEARD = tone(1_000, 16_000)


def pcm(rate: int = 16_000, width: int = 2, channels: int = 1) -> bytes:
    """A file by the standard library: a tone on every channel."""
    scale = {1: 2**-8, 2: 1, 3: 2**8, 4: 2**16}[width]
    values = (tone(1_000, rate).astype(float) * scale).astype(np.int64) + (128 if width == 1 else 0)
    each = values.repeat(channels).astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, width, rate, 0, "NONE", ""))
        out.writeframes(each.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_any_pcm_becomes_ours(rate: int, width: int, channels: int) -> None:
    samples = read_wav(pcm(rate, width, channels))
    assert samples.dtype == np.int16
    assert len(samples) == 16_000
    assert rms((samples.astype(float) - HEARD)[200:-200]) < (200 if width == 1 else 20)


def test_channels_are_mixed() -> None:
    left, right = tone(500, 16_000), tone(2_000, 16_000)
    mono = read_wav(write_wav(np.column_stack((left, right)).ravel(), 2))
    assert np.abs(mono - (left.astype(float) + right) / 2).max() <= 0.5


@pytest.mark.skipif(not shutil.which("sox"), reason="sox is not installed (apt-get install sox)")
@pytest.mark.parametrize("options", ["-b 24 -r 48000 -c 2", "-b 32 -r 44100", "-b 8 -e unsigned-integer -r 8000"])
def test_what_sox_writes_is_read(tmp_path: Path, options: str) -> None:
    (tmp_path / "in.wav").write_bytes(write_wav(HEARD))
    subprocess.run(["sox", "in.wav", *options.split(), "out.wav"], cwd=tmp_path, check=True, timeout=30)
    samples = read_wav((tmp_path / "out.wav").read_bytes())  # 24 and 32 bits come in the extensible format
    assert len(samples) == pytest.approx(16_000, abs=2)
    assert strongest_hertz(samples, 16_000) == pytest.approx(1_000, abs=2)
    assert rms(samples) == pytest.approx(rms(HEARD), rel=0.02)


def test_chunks_of_other_kinds_are_passed_over() -> None:
    whole = write_wav(HEARD)
    note = b"LIST" + struct.pack("<I", 5) + b"hello\0"  # an odd size, and the byte that evens it
    assert (read_wav(whole[:12] + note + whole[12:] + note) == HEARD).all()


def test_a_file_that_is_still_being_written_is_read_as_far_as_it_goes() -> None:
    file = io.BytesIO()
    StereoRecording(file).add(HEARD[:320], None)
    assert (read_wav(file.getvalue()) == np.round(HEARD[:320] / 2)).all()
    assert len(read_wav(write_wav(HEARD)[:-1001])) == 16_000 - 501


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no WAV file"),
        (b"ID3\x04 not this at all", "no WAV file"),
        (b"RIFF\0\0\0\0WAVE", "no data chunk"),
        (b"RIFF\0\0\0\0WAVEdata\2\0\0\0\0\0", "before its format"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0\1\0\1\0", "cut short"),
        (pcm().replace(b"\x01\x00\x01\x00\x80\x3e", b"\x03\x00\x01\x00\x80\x3e"), "format 3, not PCM"),
        (pcm().replace(b"\x01\x00\x01\x00\x80\x3e", b"\x01\x00\x00\x00\x80\x3e"), "0 channels"),
        (pcm().replace(b"\x80\x3e\0\0", b"\0\0\0\0", 1), "0 Hz"),
        (pcm().replace(b"\x02\x00\x10\x00data", b"\x02\x00\x0c\x00data"), "12 bits"),
        (pcm().replace(b"\x02\x00\x10\x00data", b"\x00\x00\x10\x00data"), "0 bytes a frame"),
    ],
)
def test_what_is_none_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(WavError, match=reason):
        read_wav(data)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_bytes_do_more_than_fail(garbage: bytes, at: int) -> None:
    whole = write_wav(noise(40))
    try:
        samples = read_wav(whole[:at] + garbage + whole[at + len(garbage) :])
    except WavError:
        return
    assert samples.dtype == np.int16


@given(st.lists(st.integers(-32_768, 32_767)))
def test_what_is_written_is_read(samples: list[int]) -> None:
    assert read_wav(write_wav(np.array(samples, np.int16))).tolist() == samples


def test_a_recording_has_the_caller_left_and_the_agent_right() -> None:
    file = io.BytesIO()
    recording = StereoRecording(file)
    caller, agent = noise(320, seed=1), noise(320, seed=2)
    recording.add(caller, None)
    recording.add(None, agent)
    recording.add(caller, agent[:100])
    recording.add(None, None)
    recording.close()
    with wave.open(io.BytesIO(file.getvalue())) as read:
        assert read.getparams()[:4] == (2, 2, 16_000, 960)
        both = np.frombuffer(read.readframes(960), "<i2").reshape(-1, 2)
    assert (both[:, 0] == np.concatenate((caller, SILENCE, caller))).all()
    assert (both[:, 1] == np.concatenate((SILENCE, agent, agent[:100], SILENCE[100:]))).all()

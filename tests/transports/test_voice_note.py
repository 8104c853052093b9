"""Voice notes keep what is said in them, and what is no sound is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.wav import write_wav
from pinecall_run.transports import voice_note
from pinecall_run.transports.voice_note import NotSoundError, decode, encode


def tone(seconds: float, hertz: float = 440.0) -> Samples:
    at = np.arange(int(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def test_a_note_comes_back_as_it_went() -> None:
    sent = tone(1.5)
    data = encode(sent)
    assert data.startswith(b"OggS")
    assert b"OpusHead" in data[:64]
    assert len(data) < 1.5 * voice_note.BIT_RATE / 8 * 1.5
    heard = decode(data)
    assert abs(len(heard) - len(sent)) <= RATE // 50
    middle = slice(RATE // 4, RATE)
    spectrum = np.abs(np.fft.rfft(heard[middle].astype(float)))
    assert abs(np.argmax(spectrum) * RATE / (RATE - RATE // 4) - 440) < 3
    assert np.abs(heard[middle]).mean() == pytest.approx(np.abs(sent[middle]).mean(), rel=0.1)


def test_other_formats_are_heard_too() -> None:
    sent = tone(0.5)
    assert np.array_equal(decode(write_wav(sent)), sent)


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "data",
    [b"", PLAYLIST, b"no sound at all", b"OggS" + bytes(200), encode(tone(0.3))[:60]],
    ids=["nothing", "a playlist", "text", "an empty page", "half a page"],
)
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(NotSoundError):
        decode(data)


def test_a_list_of_other_files_opens_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret.wav").write_bytes(write_wav(tone(0.5)))
    with pytest.raises(NotSoundError):
        decode(b"ffconcat version 1.0\nfile 'secret.wav'\n")


def test_a_note_without_end_is_heard_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_note, "LONGEST_SECONDS", 1)
    assert len(decode(encode(tone(3.0)))) == RATE

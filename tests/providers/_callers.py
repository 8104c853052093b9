"""Callers that are not the voice of the agent: Debian's flite, and how well they were understood."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest

from pinecall_run.audio.chunk import RATE, SILENCE, Chunker, Samples

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed: apt-get install flite")


@lru_cache(maxsize=64)
def said(sentence: str, voice: str = "slt") -> Samples:
    """A sentence by one of flite's voices, at our rate."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", path], check=True, timeout=60)
        with av.open(str(path)) as container:
            frames = list(container.decode(audio=0))
    return resampled(np.concatenate([frame.to_ndarray()[0] for frame in frames]), frames[0].sample_rate)


def resampled(samples: Samples, rate: int) -> Samples:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler("s16", "mono", RATE)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in frames]).astype(np.int16)


def chunks(samples: Samples, before: float = 0.3, after: float = 0.35) -> list[Samples]:
    """The chunks of a sentence with silence around it, in seconds."""
    chunker = Chunker()
    whole = [*chunker.feed(samples), chunker.flush()]
    silence = [SILENCE] * round(before * 50), [SILENCE] * round(after * 50)
    return [*silence[0], *(chunk for chunk in whole if chunk is not None), *silence[1]]


def errors(reference: str, heard: str) -> int:
    """How many words are wrong, missing or too many."""
    wanted, got = reference.split(), heard.split()
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(got, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]

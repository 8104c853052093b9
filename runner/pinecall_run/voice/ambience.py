"""What is played under the agent's voice, and while a caller is on hold: files of the project, read once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pinecall_run.audio.background import seamless
from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.wav import WavError, read_wav
from pinecall_run.voice.configured import raw

_LOG = logging.getLogger("pinecall_run.voice")

VOLUME, HOLD_VOLUME = 0.2, 0.5


class Ambience:
    """The background of one call."""

    def __init__(self, mixer: Mixer, configuration: Mapping[str, Any]) -> None:
        self._mixer = mixer
        self._background = _Loop.of(raw(configuration, "background"), VOLUME)
        self._music = _Loop.of(raw(configuration, "hold_music"), HOLD_VOLUME)
        self._is_held = False

    async def run(self) -> None:
        """Read what is wanted, off the event loop, and begin to play it."""
        for loop in (self._background, self._music):
            if loop is not None:
                await loop.read()
        self._play()

    def hold(self, *, is_held: bool) -> None:
        """The caller is put on hold, or taken back."""
        self._is_held = is_held
        self._play()

    def _play(self) -> None:
        loop = self._music if self._is_held else self._background
        if loop is None:
            self._mixer.background(None)
        else:
            self._mixer.background(loop.samples, gain=loop.volume)


class _Loop:
    def __init__(self, file: str, volume: float) -> None:
        self.volume = volume
        self.samples: Samples | None = None
        self._file = file

    @classmethod
    def of(cls, written: Any, volume: float) -> _Loop | None:
        match written:
            case str(file):
                return cls(file, volume)
            case {"file": str(file), **rest}:
                asked = rest.get("volume", volume)
                return cls(file, asked if isinstance(asked, int | float) else volume)
        return None

    async def read(self) -> None:
        try:
            self.samples = await asyncio.to_thread(_read, self._file)
        except (OSError, WavError) as error:
            _LOG.error("%s cannot be played: %s", Path(self._file).name, error)


def _read(file: str) -> Samples:
    return _samples(file, Path(file).stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _samples(file: str, changed: int) -> Samples:
    return seamless(read_wav(Path(file).read_bytes()))

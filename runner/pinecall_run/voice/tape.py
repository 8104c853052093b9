"""The recording of a call, where its configuration asks for one: what was heard beside what was played meanwhile."""

from __future__ import annotations

from collections import deque

from pinecall_run.audio.chunk import Samples
from pinecall_run.voice.call_core import CallCore
from pinecall_run.voice.configured import raw
from pinecall_run.voice.recording import Recording

APART = 10
"""Chunks that one side may run ahead of the other: sound comes in bursts, and goes out evenly."""


class Tape:
    """Pairs the two sides of a call, chunk by chunk."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._heard: deque[Samples] = deque(maxlen=APART)

    @classmethod
    def asked_for(cls, core: CallCore) -> Tape | None:
        """The tape of a call; ``None`` where nobody asks for one (protocol: media) or says where it is to be kept."""
        media = core.configuration.get("media")
        directory = raw(core.configuration, "recording_dir")
        if not isinstance(media, dict) or media.get("recording") is not True or not isinstance(directory, str):
            return None
        return cls(Recording(directory, core.id, core.around.clock()))

    def heard(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        self._heard.append(chunk)

    def played(self, chunk: Samples | None) -> None:
        """20 ms for the caller, which go with what came from them."""
        self._recording.add(self._heard.popleft() if self._heard else None, chunk)

    async def close(self) -> None:
        """Finish the file."""
        await self._recording.close()

"""What a call from the terminal comes to: captions that are printed, sound that is played or kept, and the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pinecall_run.audio.chunk import CHUNK_SECONDS, from_bytes
from pinecall_run.audio.level import level_of
from pinecall_run.audio.wav import StereoRecording
from pinecall_run.cli._answered import AUDIBLE, Answered
from pinecall_run.cli._captions import Caption, Captions, as_json, as_text
from pinecall_run.cli._chat_client import columns
from pinecall_run.cli._owed import Owed


class CallEar:
    """Hears one call to its end.

    Attributes:
        owed: what the agent still owes.
        play: where the agent's chunks go.
    """

    def __init__(self, *, is_json: bool = False, recording: StereoRecording | None = None) -> None:
        self.owed = Owed()
        self.play: Callable[[bytes], None] = lambda chunk: None
        self._is_json = is_json
        self._recording = recording
        self._captions = Captions()
        self._answered = Answered()
        self._chunks = 0

    @property
    def now(self) -> float:
        """Seconds of the call."""
        return self._chunks * CHUNK_SECONDS

    def chunk(self, said: bytes, heard: bytes) -> None:
        """20 ms of both sides."""
        since = self.now
        self._chunks += 1
        caller, agent = from_bytes(said), from_bytes(heard)
        level = level_of(agent).rms
        if level > AUDIBLE:
            self.owed.sounded(self.now)
        self._answered.sound(level_of(caller).rms, level, since, self.now)
        self.play(heard)
        if self._recording is not None:
            self._recording.add(caller, agent)

    def event(self, frame: dict[str, Any]) -> None:
        """Something happened."""
        self.owed.event(frame, self.now)
        self._answered.event(frame)
        self._show(self._captions.event(frame, self.now))

    def close(self) -> None:
        """The call is over: show what is left to say, and how long answers took."""
        if self._recording is not None:
            self._recording.close()
        if self._chunks:
            self._show([*self._captions.close(), self._answered.caption(self.now)])

    def _show(self, captions: list[Caption]) -> None:
        for caption in captions:
            click.echo(as_json(caption) if self._is_json else as_text(caption, columns()))

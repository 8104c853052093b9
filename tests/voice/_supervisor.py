"""Somebody who listens to a call of :class:`tests.voice._line.Line`, and may take it over."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.voice._line import LOUD, Line

from pinecall_run.audio.chunk import SILENCE, Samples
from pinecall_run.wire.events import CallEvent

LIVE = {"media": {"live": True}}


class Supervisor:
    """Takes notes. ``line`` is the call that they joined."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.pieces: list[bytes] = []
        self.told: list[CallEvent] = []
        self.is_over = False
        line.call.live.join(self)

    def sound(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def event(self, event: CallEvent) -> None:
        self.told.append(event)

    def ended(self) -> None:
        self.is_over = True

    def wants(self, action: str, **fields: Any) -> str:
        return self.line.call.live.act(self, {"action": action, **fields})

    async def speaks(self, seconds: float, *, pause: float = 1.0, sound: Samples = LOUD) -> None:
        """They say something for so long, then nothing."""
        for number in range(round((seconds + pause) / 0.02)):
            chunk = sound if number < round(seconds / 0.02) else SILENCE
            assert self.line.call.live.speak(self, chunk.astype("<i2").tobytes())
            await self.line.wait(0.02)

    def leaves(self) -> None:
        self.line.call.live.leave(self)

    @property
    def heard(self) -> Samples:
        return np.frombuffer(b"".join(self.pieces), "<i2")

    @property
    def names(self) -> list[str]:
        return [str(type(event).__struct_config__.tag) for event in self.told]

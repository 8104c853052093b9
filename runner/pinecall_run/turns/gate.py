"""Sustained voice: whether it has lasted, windows being counted and not the clock, which a busy process sees late."""

from __future__ import annotations

from pinecall_run.turns.inputs import WINDOW

BREAK = 3
"""More weak windows than this in a row break a run: the closure of a consonant, some 90 ms, does not."""


DOUBT = 0.2
"""A voice that begins within a window leaves it in doubt: from this probability on it counts, if a voice follows."""


class Gate:
    """Opens when windows of at least this probability and volume have gone on for some seconds.

    Attributes:
        run: how many windows have counted so far.
        began: when the first of them began.
    """

    __slots__ = ("_before", "_needed", "_probability", "_volume", "_weak", "began", "run")

    def __init__(self, seconds: float, probability: float, volume: float) -> None:
        self._needed = max(1, round(seconds / WINDOW))
        self._probability = probability
        self._volume = volume
        self._weak = 0
        self._before = 0.0
        self.run = 0
        self.began = 0.0

    def feed(self, probability: float, volume: float, now: float) -> bool:
        """Whether the voice has lasted, with the window that ends now."""
        before, self._before = self._before, probability
        if probability >= self._probability and volume >= self._volume:
            if not self.run:
                self.run = int(before >= DOUBT)
                self.began = now - (1 + self.run) * WINDOW
            self._weak = 0
            self.run += 1
            return self.run >= self._needed
        if self.run:
            self._weak += 1
            if self._weak > BREAK:
                self.reset()
        return False

    def reset(self) -> None:
        """Count from the beginning."""
        self.run = 0
        self._weak = 0

    @property
    def patience(self) -> float:
        """Until when a run that has begun may still come to something, weak windows allowed for."""
        return self.began + (self._needed + BREAK) * WINDOW

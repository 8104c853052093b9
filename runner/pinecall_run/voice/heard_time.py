"""How far a call has come in what was heard of it. No clock: time is an argument, seconds."""

from __future__ import annotations

from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE

LATEST = 2.0
"""Seconds that sound is waited for: as long as doors wait (``transports/breaks.py``). A caller who holds time back
outlasts no limit by more."""

FORGOTTEN = 0.05
"""Part of the delay that is made up for each second: what has not come was lost, or nobody was to be heard."""


class HeardTime:
    """Only what was heard can be silence. So this time stands still where the sound does that the door's clock promises
    (a network or this process stood still), and waits for the detector, which on a busy machine comes later; without it
    a caller would be taken to have finished in the middle of a word. It never goes back, and only differences count.
    """

    def __init__(self, now: float) -> None:
        self._beat = self._latest = now
        self._missing = self._heard = 0.0

    def hear(self) -> None:
        """20 ms of sound came."""
        self._heard += CHUNK_SECONDS

    def beat(self, now: float) -> None:
        """The sound until ``now`` should have come."""
        passed, self._beat = now - self._beat, now
        missing = self._missing * (1 - FORGOTTEN * min(passed, 1.0)) + passed - self._heard
        self._missing, self._heard = min(max(missing, 0.0), LATEST), 0.0

    def at(self, now: float, behind: int) -> float:
        """The time of the sound that was judged last, where so many samples are still to be judged."""
        self._latest = max(self._latest, now - self._missing - behind / RATE)
        return self._latest

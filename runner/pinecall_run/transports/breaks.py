"""Where a stream of sound breaks off: in a word, in which it is waited for, or in a pause. For every door alike."""

from __future__ import annotations

from pinecall_run.audio.chunk import RATE, Samples

QUIET = 300
"""Amplitude below which sound may be left out without being missed."""

PAUSE_SAMPLES = round(0.2 * RATE)
"""Quiet sound of that length is a pause. What is shorter may be part of a word: before a ``t`` there is no sound for a
tenth of a second."""

AWAITED = 100
"""Chunks that are waited for in a word: two seconds, as many as doors keep of what comes late."""


def is_quiet(samples: Samples) -> bool:
    """Whether they may be left out."""
    return int(samples.min(initial=0)) > -QUIET and int(samples.max(initial=0)) < QUIET


class Breaks:
    """What was heard last decides: nobody who speaks is cut off by a network that stands still."""

    def __init__(self) -> None:
        self._quiet = PAUSE_SAMPLES

    def hear(self, samples: Samples) -> bool:
        """Sound came; whether it is quiet."""
        was_quiet = is_quiet(samples)
        self._quiet = self._quiet + len(samples) if was_quiet else 0
        return was_quiet

    def pause(self) -> None:
        """Silence is heard in place of what does not come."""
        self._quiet = PAUSE_SAMPLES

    @property
    def is_pause(self) -> bool:
        """Whether nothing that comes now is missed."""
        return self._quiet >= PAUSE_SAMPLES

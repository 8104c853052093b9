"""One stream of packets as chunks, in the pace of time. No clock: time is an argument, seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.transports.jitter import Due, JitterBuffer

QUIET = 300
"""Amplitude below which sound may be left out without being missed."""

HURRY_SECONDS = 0.1
"""That far behind, sound that is not quiet is caught up with, too."""

AT_ONCE = 5
"""Chunks that are given at once then."""


class Decoder(Protocol):
    """Payloads of one stream to 16 kHz."""

    def decode(self, payload: bytes) -> Samples:
        """The sound of a payload, whatever that holds."""

    def conceal(self) -> Samples:
        """20 ms in place of a payload that was lost."""

    def pause(self, samples: int) -> Samples:
        """About so many samples while nothing is said."""


class Playout:
    """A chunk for each 20 ms. What comes late, after the network or this process stood still, is heard all the same:
    several chunks at once where somebody speaks, and none later on where nobody does, until it is even again.

    ``clock_rate`` and ``duration`` are those of :class:`JitterBuffer`; ``lag`` samples of silence go before the first.
    """

    def __init__(self, decoder: Decoder, clock_rate: int, duration: Callable[[bytes], int], *, lag: int = 0) -> None:
        self._decoder = decoder
        self._jitter = JitterBuffer(clock_rate, duration)
        self._rest: Samples = np.zeros(lag, np.int16)
        self._ahead = 0
        """Chunks that were given beyond one for each 20 ms."""

    def begin(self) -> None:
        """What comes next is another stream."""
        self._jitter.forget()

    def put(self, timestamp: int, payload: bytes, now: float) -> None:
        """A packet arrived."""
        self._jitter.put(timestamp, payload, now)

    def chunks(self, now: float) -> list[Samples]:
        """The next 20 ms."""
        chunk = self._chunk(now)
        if self._ahead and _is_quiet(chunk):
            self._ahead -= 1
            return []
        chunks = [chunk]
        while self._jitter.is_behind(now, HURRY_SECONDS) and len(chunks) < AT_ONCE:
            chunks.append(self._chunk(now))
            self._ahead += 1
        return chunks

    def _chunk(self, now: float) -> Samples:
        pieces, held = [self._rest], len(self._rest)
        while held < CHUNK_SAMPLES:
            piece = self._piece(now, CHUNK_SAMPLES - held)
            pieces.append(piece)
            held += len(piece)
        samples = np.concatenate(pieces) if len(self._rest) or len(pieces) > 2 else pieces[-1]
        self._rest = samples[CHUNK_SAMPLES:]
        return samples[:CHUNK_SAMPLES]

    def _piece(self, now: float, wanted: int) -> Samples:
        due = self._jitter.next(now)
        if due is Due.NOTHING:
            return self._decoder.pause(wanted)
        if due is Due.LOST:
            return self._decoder.conceal()
        piece = self._decoder.decode(due)
        return piece[:0] if self._jitter.is_behind(now) and _is_quiet(piece) else piece


def _is_quiet(samples: Samples) -> bool:
    return int(samples.min(initial=0)) > -QUIET and int(samples.max(initial=0)) < QUIET

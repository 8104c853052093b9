"""One stream of packets as chunks, in the pace of time. No clock: time is an argument, seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.transports.breaks import AWAITED, Breaks, is_quiet
from pinecall_run.transports.jitter import CONCEALED, Due, JitterBuffer
from pinecall_run.transports.rtp import Packet

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
    """The chunks of each 20 ms. The listener is a program: it hears as fast as it is told, and waits without harm. So
    what comes late, after the network or this process stood still, is heard whole: where sound breaks off in the middle
    of a word no chunk is given, and several at once when it has come.

    ``clock_rate`` and ``duration`` are those of :class:`JitterBuffer`; ``lag`` samples of silence go before the first.
    """

    def __init__(self, decoder: Decoder, clock_rate: int, duration: Callable[[bytes], int], *, lag: int = 0) -> None:
        self._decoder = decoder
        self._jitter = JitterBuffer(clock_rate, duration)
        self._longest = clock_rate * CONCEALED // 50
        self._rest: Samples = np.zeros(lag, np.int16)
        self._ahead = 0
        """Chunks that were given beyond one for each 20 ms."""
        self.begin()

    def begin(self) -> None:
        """What comes next is another stream."""
        self._jitter.forget()
        self._newest: Packet | None = None
        self._breaks = Breaks()
        self._waited = 0
        """Frames for which nothing has come."""
        self._has_pauses = False
        """Whether the other side leaves out what is silent: with it, that nothing comes means nothing."""

    def put(self, packet: Packet, now: float) -> None:
        """A packet arrived."""
        newest, self._newest = self._newest, packet
        if newest is not None and (packet.sequence - newest.sequence) & 0xFFFF == 1:
            left_out = (packet.timestamp - newest.timestamp) & 0xFFFF_FFFF
            self._has_pauses = self._has_pauses or self._longest < left_out < 1 << 31
        self._jitter.put(packet.timestamp, packet.payload, now)

    def chunks(self, now: float) -> list[Samples]:
        """The next 20 ms."""
        chunk = self._chunk(now)
        if chunk is None or (self._ahead > 0 and is_quiet(chunk)):
            self._ahead -= 1
            return []
        chunks = [chunk]
        while self._jitter.is_behind(now, HURRY_SECONDS) and len(chunks) < AT_ONCE:
            if (chunk := self._chunk(now)) is None:
                break
            chunks.append(chunk)
            self._ahead += 1
        return chunks

    def _chunk(self, now: float) -> Samples | None:
        pieces, held = [self._rest], len(self._rest)
        while held < CHUNK_SAMPLES and (piece := self._piece(now, CHUNK_SAMPLES - held)) is not None:
            pieces.append(piece)
            held += len(piece)
        samples = np.concatenate(pieces) if len(self._rest) or len(pieces) > 2 else pieces[-1]
        if held < CHUNK_SAMPLES:
            self._rest = samples
            return None
        self._rest = samples[CHUNK_SAMPLES:]
        return samples[:CHUNK_SAMPLES]

    def _piece(self, now: float, wanted: int) -> Samples | None:
        due = self._jitter.next(now)
        if due is Due.LATE:
            return self._late(wanted)
        self._waited = 0
        if due is Due.NOTHING:
            return self._pause(wanted)
        if due is Due.LOST:
            return self._decoder.conceal()
        piece = self._decoder.decode(due)
        was_quiet = self._breaks.hear(piece)
        return piece[:0] if was_quiet and self._jitter.is_behind(now) else piece

    def _late(self, wanted: int) -> Samples | None:
        """In the middle of a word it is waited for; else it is made up for a moment, and then a pause."""
        self._waited += 1
        is_awaited = not (self._has_pauses or self._breaks.is_pause)
        over = self._waited - (AWAITED if is_awaited else 0)
        if over <= 0:
            return None
        if over <= CONCEALED:
            return self._decoder.conceal()
        self._jitter.rest()
        return self._pause(wanted)

    def _pause(self, wanted: int) -> Samples:
        self._breaks.pause()
        return self._decoder.pause(wanted)

"""The sound of one telephone call, both ways, in chunks of 20 ms: G.711 in RTP (RFC 3551, 4.5.14)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples
from pinecall_run.audio.g711 import a_law_decode, a_law_encode, mu_law_decode, mu_law_encode
from pinecall_run.audio.resample import Resampler
from pinecall_run.sip.media import PCMA, PCMU, Codec
from pinecall_run.transports import rtp
from pinecall_run.transports.jitter import Due, JitterBuffer
from pinecall_run.transports.telephone_events import Beat

LINE_RATE = 8_000
FRAME = LINE_RATE // 50
"""Samples, bytes and timestamps of 20 ms."""

LAG = 32
"""Samples of silence before the first sound, so that what a resampler holds back is never missing."""

QUIET = 300
"""Amplitude below which a frame may be left out without being missed."""

HURRY_SECONDS = 0.1
"""That far behind, a frame is left out whatever is in it."""

FADE = 0.5
"""What is left of a frame when it is said again in place of one that was lost."""

SSRC_SECONDS = 0.1
"""How long a stream must have been silent before another one from the same place is taken for it."""


@dataclass(frozen=True, slots=True)
class Law:
    """How samples are written."""

    encode: Callable[[Samples], bytes]
    decode: Callable[[bytes], Samples]


LAWS: dict[Codec, Law] = {PCMU: Law(mu_law_encode, mu_law_decode), PCMA: Law(a_law_encode, a_law_decode)}


def _nothing(samples: int) -> Samples:
    return np.zeros(samples, np.int16)


class Ear:
    """Packets to chunks."""

    def __init__(self) -> None:
        self.incoming: rtp.Incoming | None = None
        self._law = LAWS[PCMU]
        self._resampler = Resampler(LINE_RATE, RATE)
        self._rest = _nothing(2 * LAG)
        self._last = _nothing(FRAME)
        self._heard_at = 0.0
        self._jitter = JitterBuffer(LINE_RATE, len)

    def agree(self, codec: Codec) -> None:
        """What the other side writes from now on; what waits still is forgotten if that is something else."""
        law = LAWS[codec]
        if law is not self._law:
            self._law, self._jitter = law, JitterBuffer(LINE_RATE, len)

    def receive(self, packet: rtp.Packet, now: float) -> bool:
        """A packet of sound arrived; ``False`` where it is of another stream while the one before still flows."""
        if self.incoming is None or self.incoming.ssrc != packet.ssrc:
            if self.incoming is not None and now - self._heard_at < SSRC_SECONDS:
                return False
            self.incoming, self._jitter = rtp.Incoming(packet.ssrc, packet.sequence), JitterBuffer(LINE_RATE, len)
        self._heard_at = now
        self.incoming.count(packet.sequence)
        self._jitter.put(packet.timestamp, packet.payload, now)
        return True

    def count(self, packet: rtp.Packet) -> None:
        """A packet of the stream that has no sound in it arrived: nor was it lost."""
        if self.incoming is not None and self.incoming.ssrc == packet.ssrc:
            self.incoming.count(packet.sequence)

    def chunk(self, now: float) -> Samples:
        """The next 20 ms."""
        while len(self._rest) < CHUNK_SAMPLES:
            wanted = (CHUNK_SAMPLES - len(self._rest) + 1) // 2
            self._rest = np.concatenate((self._rest, self._resampler.feed(self._piece(now, wanted))))
        chunk, self._rest = self._rest[:CHUNK_SAMPLES], self._rest[CHUNK_SAMPLES:]
        return chunk

    def _piece(self, now: float, wanted: int) -> Samples:
        due = self._jitter.next(now)
        if due is Due.NOTHING:
            self._last = _nothing(FRAME)
            return _nothing(wanted)
        if due is Due.LOST:
            self._last = (self._last * FADE).astype(np.int16)
            return self._last
        piece = self._law.decode(due)
        self._last = piece[-FRAME:]
        if self._jitter.is_behind(now):
            is_quiet = int(piece.min(initial=0)) > -QUIET and int(piece.max(initial=0)) < QUIET
            if is_quiet or self._jitter.is_behind(now, HURRY_SECONDS):
                return piece[:0]
        return piece


class Mouth:
    """Chunks and keys to packets. Each call but :meth:`agree` is 20 ms."""

    def __init__(self, ssrc: int) -> None:
        self.outgoing = rtp.Outgoing(PCMU.payload_type, ssrc)
        self.has_sent = False
        self._law = LAWS[PCMU]
        self._sends = PCMU.payload_type
        self._resampler = Resampler(RATE, LINE_RATE)
        self._rest = _nothing(LAG)
        self._is_quiet = self._is_first = True
        self._at = self._key_at = 0

    def agree(self, codec: Codec, payload_type: int) -> None:
        """What we write from now on."""
        self._law, self._sends = LAWS[codec], payload_type

    def say(self, chunk: Samples | None) -> bytes:
        """The packet of a chunk; ``None`` is silence, sent all the same: without packets a line looks dead."""
        packet = self._packet(self._payload(chunk), self._sends, self._at, is_first=self._is_first)
        self._is_first = False
        self._at += FRAME
        return packet

    def press(self, beat: Beat, payload_type: int) -> list[bytes]:
        """The packets of 20 ms of keys."""
        if beat.key:
            self._key_at = self._at
        packets = [
            self._packet(payload, payload_type, self._key_at, is_first=bool(beat.key)) for payload in beat.payloads
        ]
        self.skip()
        return packets

    def skip(self) -> None:
        """Nothing is sent."""
        self._is_first = True
        self._at += FRAME

    def report(self, incoming: rtp.Incoming | None) -> bytes:
        """What the other side is told of what was sent, and of what arrived of its own."""
        return rtp.report(self.outgoing, incoming, has_sent=self.has_sent)

    def _packet(self, payload: bytes, payload_type: int, at: int, *, is_first: bool) -> bytes:
        self.has_sent = True
        self.outgoing.payload_type = payload_type
        return self.outgoing.packet(payload, at, is_first=is_first)

    def _payload(self, chunk: Samples | None) -> bytes:
        was_quiet, self._is_quiet = self._is_quiet, chunk is None
        if was_quiet and chunk is None:  # nothing is left in the resampler
            return self._law.encode(_nothing(FRAME))
        samples = self._resampler.feed(SILENCE if chunk is None else chunk)
        self._rest = np.concatenate((self._rest, samples))
        frame, self._rest = self._rest[:FRAME], self._rest[FRAME:]
        return self._law.encode(frame)

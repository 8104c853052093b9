"""The sound of one telephone call, both ways, in chunks of 20 ms: whatever codec was agreed on, in RTP."""

from __future__ import annotations

import secrets

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples
from pinecall_run.sip.media import PCMU, Codec
from pinecall_run.transports import rtp
from pinecall_run.transports.jitter import Due, JitterBuffer
from pinecall_run.transports.telephone_codecs import CODINGS
from pinecall_run.transports.telephone_events import Beat

QUIET = 300
"""Amplitude below which a frame may be left out without being missed."""

HURRY_SECONDS = 0.1
"""That far behind, a frame is left out whatever is in it."""

SSRC_SECONDS = 0.1
"""How long a stream must have been silent before another one from the same place is taken for it."""


class Ear:
    """Packets to chunks."""

    _codec: Codec
    _rest: Samples
    _heard_at: float

    def __init__(self) -> None:
        self.incoming: rtp.Incoming | None = None
        self._open(PCMU)

    def agree(self, codec: Codec) -> None:
        """What the other side writes from now on, maybe as a new stream; what waits still of another is forgotten."""
        if codec is not self._codec:
            self._open(codec)

    def receive(self, packet: rtp.Packet, codec: Codec, now: float) -> bool:
        """A packet of sound arrived; ``False`` where it is of another stream while the one before still flows."""
        self.agree(codec)
        if self.incoming is None or self.incoming.ssrc != packet.ssrc:
            if now - self._heard_at < SSRC_SECONDS:
                return False
            self.incoming = rtp.Incoming(packet.ssrc, packet.sequence)
            self._begin()
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
        pieces, held = [self._rest], len(self._rest)
        while held < CHUNK_SAMPLES:
            piece = self._piece(now, CHUNK_SAMPLES - held)
            pieces.append(piece)
            held += len(piece)
        samples = np.concatenate(pieces) if len(self._rest) or len(pieces) > 2 else pieces[-1]
        self._rest = samples[CHUNK_SAMPLES:]
        return samples[:CHUNK_SAMPLES]

    def _open(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder = CODINGS[codec].decoder()
        self._rest = np.zeros(self._decoder.lag, np.int16)
        self._heard_at = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._jitter = JitterBuffer(self._codec.clock_rate, CODINGS[self._codec].duration)

    def _piece(self, now: float, wanted: int) -> Samples:
        due = self._jitter.next(now)
        if due is Due.NOTHING:
            return self._decoder.pause(wanted)
        if due is Due.LOST:
            return self._decoder.conceal()
        piece = self._decoder.decode(due)
        if self._jitter.is_behind(now):
            is_quiet = int(piece.min(initial=0)) > -QUIET and int(piece.max(initial=0)) < QUIET
            if is_quiet or self._jitter.is_behind(now, HURRY_SECONDS):
                return SILENCE[:0]
        return piece


class Mouth:
    """Chunks and keys to packets. Each call but :meth:`agree` is 20 ms."""

    _codec: Codec
    _at: int
    _is_first: bool

    def __init__(self, ssrc: int) -> None:
        self._begin(PCMU, ssrc)
        self._sends = PCMU.payload_type

    def agree(self, codec: Codec, payload_type: int) -> None:
        """What we write from now on; as another stream where its clock goes at another rate (RFC 7160, 4.1)."""
        self._sends = payload_type
        if codec.clock_rate != self._codec.clock_rate:
            self._begin(codec, secrets.randbits(32))
        elif codec is not self._codec:
            self._codec, self._encoder = codec, CODINGS[codec].encoder()

    def say(self, chunk: Samples | None) -> bytes:
        """The packet of a chunk; ``None`` is silence, sent all the same: without packets a line looks dead."""
        packet = self._packet(self._encoder.encode(chunk), self._sends, self._at, is_first=self._is_first)
        self._is_first = False
        self._at += self._codec.clock_rate // 50
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
        self._at += self._codec.clock_rate // 50

    def report(self, incoming: rtp.Incoming | None) -> bytes:
        """What the other side is told of what was sent, and of what arrived of its own."""
        return rtp.report(self.outgoing, incoming, has_sent=self.has_sent)

    def _begin(self, codec: Codec, ssrc: int) -> None:
        self._codec, self._encoder = codec, CODINGS[codec].encoder()
        self._at = self._key_at = 0
        self._is_first = True
        self.outgoing = rtp.Outgoing(codec.payload_type, ssrc)
        self.has_sent = False

    def _packet(self, payload: bytes, payload_type: int, at: int, *, is_first: bool) -> bytes:
        self.has_sent = True
        self.outgoing.payload_type = payload_type
        return self.outgoing.packet(payload, at, is_first=is_first)

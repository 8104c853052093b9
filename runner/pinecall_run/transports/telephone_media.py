"""The sound of one telephone call, both ways, in chunks of 20 ms: whatever codec was agreed on, in RTP."""

from __future__ import annotations

import secrets

from pinecall_run.audio.chunk import Samples
from pinecall_run.sip.media import PCMU, Codec
from pinecall_run.transports import rtp
from pinecall_run.transports.playout import Playout
from pinecall_run.transports.telephone_codecs import CODINGS
from pinecall_run.transports.telephone_events import Beat

SSRC_SECONDS = 0.1
"""How long a stream must have been silent before another one from the same place is taken for it."""


class Ear:
    """Packets to chunks."""

    _codec: Codec
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
            self._playout.begin()
        self._heard_at = now
        self.incoming.count(packet.sequence)
        self._playout.put(packet, now)
        return True

    def count(self, packet: rtp.Packet) -> None:
        """A packet of the stream that has no sound in it arrived: nor was it lost."""
        if self.incoming is not None and self.incoming.ssrc == packet.ssrc:
            self.incoming.count(packet.sequence)

    def chunks(self, now: float) -> list[Samples]:
        """See :meth:`Playout.chunks`."""
        return self._playout.chunks(now)

    def _open(self, codec: Codec) -> None:
        self._codec, coding = codec, CODINGS[codec]
        decoder = coding.decoder()
        self._playout = Playout(decoder, codec.clock_rate, coding.duration, lag=decoder.lag)
        self._heard_at = float("-inf")


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

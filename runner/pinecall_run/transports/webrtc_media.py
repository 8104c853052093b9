"""The sound of one browser call, both ways, in chunks of 20 ms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pinecall_run.audio.chunk import SILENCE, Samples
from pinecall_run.transports import rtp
from pinecall_run.transports.jitter import CLOCK_RATE, FRAME, duration
from pinecall_run.transports.opus import Decoder, Encoder
from pinecall_run.transports.playout import Playout

TAIL = 10
"""Silent packets after sound, for the other side to fade out on; then one in ``KEEP_ALIVE``, as Opus has in DTX."""
KEEP_ALIVE = 20

MAX_STREAMS = 8
"""Of one caller, who needs one; more when it begins anew. libsrtp never forgets one."""


class Cipher(Protocol):
    """SRTP in one direction (pylibsrtp's session)."""

    def protect(self, packet: bytes) -> bytes: ...
    def protect_rtcp(self, packet: bytes) -> bytes: ...
    def unprotect(self, packet: bytes) -> bytes: ...


class Ear:
    """Datagrams of sound to chunks."""

    def __init__(self, payload_type: int, cipher: Cipher, clock: Callable[[], float]) -> None:
        self.incoming: rtp.Incoming | None = None
        self.ignored = 0
        self._payload_type = payload_type
        self._cipher = cipher
        self._clock = clock
        self._playout = Playout(Decoder(), CLOCK_RATE, duration)
        self._streams: set[bytes] = set()

    def receive(self, data: bytes) -> None:
        """A datagram arrived; what cannot be decrypted or is not this call's sound is counted. Reports are not read."""
        if rtp.is_rtcp(data):
            return
        packet = self._packet(data)
        if packet is None or packet.payload_type != self._payload_type:
            self.ignored += 1
            return
        if self.incoming is None or self.incoming.ssrc != packet.ssrc:
            self.incoming = rtp.Incoming(packet.ssrc, packet.sequence)
            self._playout.begin()
        self.incoming.count(packet.sequence)
        self._playout.put(packet, self._clock())

    def _packet(self, data: bytes) -> rtp.Packet | None:
        stream = data[8:12]
        if stream not in self._streams and len(self._streams) >= MAX_STREAMS:
            return None
        try:
            packet = rtp.parse(self._cipher.unprotect(data))
        except Exception:  # noqa: BLE001 - of libsrtp: forged, repeated, or of another key
            return None
        self._streams.add(stream)
        return packet

    def chunks(self, now: float) -> list[Samples]:
        """See :meth:`Playout.chunks`."""
        return self._playout.chunks(now)


class Mouth:
    """Chunks to datagrams."""

    def __init__(self, payload_type: int, cipher: Cipher, send: Callable[[bytes], None], *, ssrc: int) -> None:
        self.outgoing = rtp.Outgoing(payload_type, ssrc)
        self.has_sent = False
        self._cipher = cipher
        self._send = send
        self._encoder = Encoder()
        self._at = 0
        self._silent = 0

    def say(self, chunk: Samples | None) -> None:
        """The next 20 ms; ``None`` is silence, most of which is not sent."""
        is_first = chunk is not None and self._silent > TAIL
        self._silent = 0 if chunk is not None else self._silent + 1
        if self._silent <= TAIL or self._silent % KEEP_ALIVE == 0:
            payload = self._encoder.encode(SILENCE if chunk is None else chunk)
            self._send(self._cipher.protect(self.outgoing.packet(payload, self._at, is_first=is_first)))
            self.has_sent = True
        self._at += FRAME

    def report(self, incoming: rtp.Incoming | None) -> None:
        """Tell the other side what was sent and what arrived of its own."""
        self._send(self._cipher.protect_rtcp(rtp.report(self.outgoing, incoming, has_sent=self.has_sent)))

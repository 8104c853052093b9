"""The sound of one browser call, both ways, in chunks of 20 ms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples
from pinecall_run.transports import rtp
from pinecall_run.transports.jitter import FRAME, Due, JitterBuffer
from pinecall_run.transports.opus import Decoder, Encoder

QUIET = 300
"""Amplitude below which a frame may be left out without being missed."""

HURRY_SECONDS = 0.1
"""That far behind, a frame is left out whatever is in it."""

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
        self._jitter = JitterBuffer()
        self._decoder = Decoder()
        self._rest: Samples = SILENCE[:0]
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
            self.incoming, self._jitter = rtp.Incoming(packet.ssrc, packet.sequence), JitterBuffer()
        self.incoming.count(packet.sequence)
        self._jitter.put(packet.timestamp, packet.payload, self._clock())

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

    def _piece(self, now: float, wanted: int) -> Samples:
        due = self._jitter.next(now)
        if due is Due.LOST:
            return self._decoder.conceal()
        if due is Due.NOTHING:
            return SILENCE[:wanted]
        piece = self._decoder.decode(due)
        if self._jitter.is_behind(now):
            is_quiet = int(piece.min(initial=0)) > -QUIET and int(piece.max(initial=0)) < QUIET
            if is_quiet or self._jitter.is_behind(now, HURRY_SECONDS):
                return piece[:0]
        return piece


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

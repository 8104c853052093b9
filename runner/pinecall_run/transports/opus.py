"""Opus (RFC 6716) by libopus: packets to 16 kHz mono and back."""

from __future__ import annotations

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples
from pinecall_run.audio.resample import Resampler
from pinecall_run.transports.jitter import CLOCK_RATE

BIT_RATE = 32_000

FADE = (1.0, 0.8, 0.5, 0.25)
"""How loud one made-up frame after another is; then silence."""


class Decoder:
    """Packets of one stream, in order."""

    def __init__(self) -> None:
        self._codec = _codec("r")
        # libopus by way of FFmpeg speaks 48 kHz and no less.
        self._resampler = Resampler(CLOCK_RATE, RATE)
        self._last = 0x48
        self._concealed = 0

    def decode(self, payload: bytes) -> Samples:
        """The sound of a packet; of one that is none, something made up."""
        try:
            samples = self._samples(payload)
        except av.FFmpegError:
            return self.conceal()
        self._last, self._concealed = payload[0], 0
        return samples

    def conceal(self) -> Samples:
        """20 ms instead of a lost packet, fading.

        A packet that consists of its first byte alone makes libopus go on as it would for a lost one (RFC 6716, 3.2.1:
        frames of no length); FFmpeg has no other way to ask for that, nor for in-band error correction.
        """
        loudness = FADE[self._concealed] if self._concealed < len(FADE) else 0.0
        self._concealed += 1
        if not loudness:
            return SILENCE
        try:
            return (self._samples(bytes((self._last & 0xFC,))) * loudness).astype(np.int16)
        except av.FFmpegError:
            return SILENCE

    def pause(self, samples: int) -> Samples:
        """So many samples, 20 ms at most, while nothing is said."""
        return SILENCE[:samples]

    def _samples(self, payload: bytes) -> Samples:
        pieces = [
            self._resampler.feed(np.frombuffer(memoryview(frame.planes[0]), np.int16, frame.samples))
            for frame in self._codec.decode(Packet(payload))
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [SILENCE[:0]])


class Encoder:
    """Chunks to packets, one for one. CELT only and without its costly searches: a third less CPU than for speech mode,
    at a bit rate at which that cannot be heard."""

    def __init__(self) -> None:
        self._codec = _codec("w")
        self._codec.sample_rate = RATE
        self._codec.bit_rate = BIT_RATE
        self._codec.options = {"application": "lowdelay", "compression_level": "0", "frame_duration": "20"}
        self._frame = AudioFrame(format="s16", layout="mono", samples=CHUNK_SAMPLES)
        self._frame.sample_rate = RATE
        self._at = 0

    def encode(self, chunk: Samples) -> bytes:
        """The packet of 20 ms."""
        self._frame.planes[0].update(chunk.tobytes())
        self._frame.pts = self._at
        self._at += CHUNK_SAMPLES
        return b"".join(bytes(packet) for packet in self._codec.encode(self._frame))


def _codec(mode: str) -> AudioCodecContext:
    codec = av.CodecContext.create("libopus", "r" if mode == "r" else "w")
    assert isinstance(codec, AudioCodecContext)
    codec.format = "s16"
    codec.layout = "mono"
    return codec

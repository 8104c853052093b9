"""G.722 (ITU-T) by libavcodec at 64 kbit/s: packets to 16 kHz mono and back, without resampling."""

from __future__ import annotations

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples


class Decoder:
    """Packets of one stream, in order; each byte is two samples."""

    def __init__(self) -> None:
        self._codec = _codec("r")

    def decode(self, payload: bytes) -> Samples:
        """The sound of a packet; any bytes are some."""
        (frame,) = self._codec.decode(Packet(payload))
        return np.frombuffer(memoryview(frame.planes[0]), np.int16, frame.samples)


class Encoder:
    """Chunks to packets of 160 bytes, one for one."""

    def __init__(self) -> None:
        self._codec = _codec("w")
        self._frame = AudioFrame(format="s16", layout="mono", samples=CHUNK_SAMPLES)
        self._frame.sample_rate = RATE
        self._at = 0

    def encode(self, chunk: Samples) -> bytes:
        """The packet of 20 ms."""
        self._frame.planes[0].update(chunk.tobytes())
        self._frame.pts = self._at
        self._at += CHUNK_SAMPLES
        (packet,) = self._codec.encode(self._frame)
        return bytes(packet)


def _codec(mode: str) -> AudioCodecContext:
    codec = av.CodecContext.create("g722", "r" if mode == "r" else "w")
    assert isinstance(codec, AudioCodecContext)
    codec.format, codec.layout, codec.sample_rate = "s16", "mono", RATE
    return codec

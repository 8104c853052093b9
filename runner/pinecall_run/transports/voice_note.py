"""Voice notes as people send them, OGG with Opus (RFC 7845): to 16 kHz mono and back. Needs the extra ``voice``."""

from __future__ import annotations

import io

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from pinecall_run.audio.chunk import RATE, SILENCE, Samples

MIME_TYPE = "audio/ogg; codecs=opus"
LONGEST_SECONDS = 300
"""Of a note that is heard; the rest is not."""

BIT_RATE = 24_000
"""As phones have it: 512 KB, up to which a note has a play button, last for 170 s."""


_FORMATS = "ogg,mp3,aac,amr,mov,wav"
"""What FFmpeg may take a file for. A playlist would have it open other files, and addresses."""


class NotSoundError(Exception):
    """What was sent cannot be heard; the message says why."""


def decode(data: bytes) -> Samples:
    """The first five minutes of a sound file, of the kinds that WhatsApp carries.

    Raises:
        NotSoundError: it is none.
    """
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    pieces: list[Samples] = []
    left = LONGEST_SECONDS * RATE
    try:
        with av.open(io.BytesIO(data), "r", options={"format_whitelist": _FORMATS}) as container:
            if not container.streams.audio:
                raise NotSoundError("there is no sound in it")
            for frame in container.decode(container.streams.audio[0]):
                made = [_samples(each) for each in resampler.resample(frame)]
                pieces += made
                left -= sum(map(len, made))
                if left <= 0:
                    break
        pieces += map(_samples, resampler.resample(None))
    except (av.FFmpegError, ValueError) as error:
        raise NotSoundError(f"it cannot be decoded ({type(error).__name__})") from error
    return np.concatenate(pieces or [SILENCE[:0]])[: LONGEST_SECONDS * RATE]


def encode(samples: Samples) -> bytes:
    """A voice note of 16 kHz mono samples."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE)
        stream.bit_rate = BIT_RATE
        stream.layout = "mono"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


def _samples(frame: AudioFrame) -> Samples:
    return np.frombuffer(memoryview(frame.planes[0]), np.int16, frame.samples).copy()

"""WAV files: any PCM to 16 kHz mono, samples to a file, and the two sides of a call as it goes on."""

from __future__ import annotations

import struct
from typing import NamedTuple, Protocol

import numpy as np

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.resample import Resampler

HEADER_BYTES = 44
_UNKNOWN = 0xFFFF_FFFF
"""The size of what is still being written; readers take all there is."""
_PCM, _EXTENSIBLE = 1, 0xFFFE
_RATES = range(1_000, 400_000)


class WavError(Exception):
    """This is no sound that can be read; the message says why, and what would do."""


class _Format(NamedTuple):
    tag: int
    channels: int
    rate: int
    frame_bytes: int
    bits: int


def read_wav(data: bytes) -> Samples:
    """16 kHz mono of a WAV file of any rate, with 8, 16, 24 or 32 bits; channels are mixed to one.

    Raises:
        WavError: it is none, or holds something else than PCM.
    """
    shape, body = _parts(data)
    mono = _mono(shape, body)
    resampler = Resampler(shape.rate, RATE)
    return np.concatenate((resampler.feed(mono), resampler.flush()))


def write_wav(samples: Samples, channels: int = 1) -> bytes:
    """A file of 16 kHz; samples of several channels take turns."""
    body = samples.astype("<i2", copy=False).tobytes()
    return _header(len(body), channels) + body


class RecordingFile(Protocol):
    """What a recording is written to: a file opened for binary writing."""

    def write(self, data: bytes, /) -> object: ...

    def seek(self, offset: int, /) -> object: ...


class StereoRecording:
    """Both sides of a call, the caller left and the agent right, written as they come.

    The file can be read at any moment. It stays its owner's, who closes it after the recording.
    """

    def __init__(self, file: RecordingFile) -> None:
        self._file = file
        self._bytes = 0
        file.write(_header(_UNKNOWN, 2))

    def add(self, caller: Samples | None, agent: Samples | None) -> None:
        """The next piece of both; who is shorter, or ``None``, is silent for the rest."""
        sides = [() if side is None else side for side in (caller, agent)]
        both = np.zeros((max(map(len, sides)), 2), "<i2")
        for at, side in enumerate(sides):
            both[: len(side), at] = side
        self._file.write(both.tobytes())
        self._bytes += both.nbytes

    def close(self) -> None:
        """Say in the header how long it became. Nothing may be added after."""
        self._file.seek(0)
        self._file.write(_header(self._bytes, 2))


def _header(body_bytes: int, channels: int) -> bytes:
    frame = 2 * channels
    shape = struct.pack("<IHHIIHH", 16, _PCM, channels, RATE, RATE * frame, frame, 16)
    sizes = [min(size, _UNKNOWN) for size in (body_bytes + HEADER_BYTES - 8, body_bytes)]
    return struct.pack("<4sI4s4s20s4sI", b"RIFF", sizes[0], b"WAVE", b"fmt ", shape, b"data", sizes[1])


def _parts(data: bytes) -> tuple[_Format, bytes]:
    """The format, and the bytes of the sound."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("this is no WAV file: it does not begin with RIFF and WAVE")
    shape, at = None, 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            shape = _format(chunk)
        elif name == b"data":
            if shape is None:
                raise WavError("the WAV file is broken: its sound comes before its format")
            return shape, chunk
        at += 8 + size + size % 2  # chunks begin at even bytes
    raise WavError("the WAV file holds no sound: it has no data chunk")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise WavError("the WAV file is broken: its format is cut short")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")  # the sub-format, a GUID that begins with the tag
    shape = _Format(tag, channels, rate, frame_bytes, bits)
    if tag != _PCM:
        raise WavError(
            f"the WAV file holds format {tag}, not PCM (1): convert it, as with sox IN.wav -e signed OUT.wav"
        )
    if bits not in (8, 16, 24, 32) or not channels or rate not in _RATES or frame_bytes != channels * bits // 8:
        raise WavError(
            f"the WAV file has {channels} channels, {rate} Hz, {bits} bits and {frame_bytes} bytes a frame, which is "
            "no PCM that can be read: convert it, as with sox IN.wav -b 16 -r 16000 -c 1 OUT.wav"
        )
    return shape


def _mono(shape: _Format, body: bytes) -> Samples:
    width, frames = shape.bits // 8, len(body) // shape.frame_bytes
    body = body[: frames * shape.frame_bytes]
    if width == 1:
        wide = (np.frombuffer(body, np.uint8).astype(np.int16) - 128) << 8  # the only width without a sign
    else:
        each = np.frombuffer(body, np.uint8).reshape(-1, width)
        wide = np.ascontiguousarray(each[:, -2:]).view("<i2").ravel()  # the two upper bytes
    mono: Samples = wide.astype(np.int16, copy=False)
    if shape.channels > 1:
        mono = mono.reshape(frames, shape.channels).mean(axis=1).round().astype(np.int16)
    return mono

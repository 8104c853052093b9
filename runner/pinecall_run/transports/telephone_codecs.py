"""The codecs of telephone calls (RFC 3551, RFC 7587) behind one face: chunks to payloads of 20 ms, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples
from pinecall_run.audio.g711 import a_law_decode, a_law_encode, mu_law_decode, mu_law_encode
from pinecall_run.audio.resample import Resampler
from pinecall_run.sip.media import G722, OPUS, PCMA, PCMU, Codec
from pinecall_run.transports import g722, jitter, opus, playout

NARROW_RATE = 8_000
NARROW_CHUNK = NARROW_RATE // 50

NARROW_LAG = 32
"""Samples of silence before the first sound, so that what a resampler holds back is never missing."""

FADE = 0.5
"""What is left of a frame when it is said again in place of one that was lost."""

TAIL = 10
"""Silent chunks that Opus is given; what it makes of the last is what it makes of all that follow."""


class Decoder(playout.Decoder, Protocol):
    """Payloads of one stream to 16 kHz."""

    lag: int
    """Samples that it may hold back."""


class Encoder(Protocol):
    """Chunks to payloads, one for one."""

    def encode(self, chunk: Samples | None) -> bytes:
        """The payload of 20 ms; ``None`` is silence."""


@dataclass(frozen=True, slots=True)
class Coding:
    """What is done for a codec. ``duration`` says how many timestamps of its clock a payload plays for."""

    decoder: Callable[[], Decoder]
    encoder: Callable[[], Encoder]
    duration: Callable[[bytes], int] = len


@dataclass(frozen=True, slots=True)
class _Law:
    """How G.711 writes samples of 8 kHz."""

    encode: Callable[[Samples], bytes]
    decode: Callable[[bytes], Samples]


class _Echo:
    """What was said last, again and ever less of it."""

    def __init__(self, samples: int) -> None:
        self._silence = self._last = np.zeros(samples, np.int16)

    def keep(self, samples: Samples) -> None:
        self._last = samples[-len(self._silence) :]

    def again(self) -> Samples:
        self._last = (self._last * FADE).astype(np.int16)
        return self._last

    def forget(self) -> None:
        self._last = self._silence


class _NarrowDecoder:
    """G.711."""

    lag = 2 * NARROW_LAG

    def __init__(self, law: _Law) -> None:
        self._law = law
        self._resampler = Resampler(NARROW_RATE, RATE)
        self._echo = _Echo(NARROW_CHUNK)

    def decode(self, payload: bytes) -> Samples:
        samples = self._law.decode(payload)
        self._echo.keep(samples)
        return self._resampler.feed(samples)

    def conceal(self) -> Samples:
        return self._resampler.feed(self._echo.again())

    def pause(self, samples: int) -> Samples:
        self._echo.forget()
        return self._resampler.feed(np.zeros((samples + 1) // 2, np.int16))


class _NarrowEncoder:
    """G.711."""

    def __init__(self, law: _Law) -> None:
        self._encode = law.encode
        self._silence = law.encode(np.zeros(NARROW_CHUNK, np.int16))
        self._resampler = Resampler(RATE, NARROW_RATE)
        self._rest = np.zeros(NARROW_LAG, np.int16)
        self._is_quiet = True

    def encode(self, chunk: Samples | None) -> bytes:
        was_quiet, self._is_quiet = self._is_quiet, chunk is None
        if was_quiet and chunk is None:  # nothing is left in the resampler
            return self._silence
        samples = self._resampler.feed(SILENCE if chunk is None else chunk)
        self._rest = np.concatenate((self._rest, samples))
        frame, self._rest = self._rest[:NARROW_CHUNK], self._rest[NARROW_CHUNK:]
        return self._encode(frame)


class _WideDecoder:
    """G.722."""

    lag = 0

    def __init__(self) -> None:
        self._codec = g722.Decoder()
        self._echo = _Echo(CHUNK_SAMPLES)

    def decode(self, payload: bytes) -> Samples:
        samples = self._codec.decode(payload)
        self._echo.keep(samples)
        return samples

    def conceal(self) -> Samples:
        return self._echo.again()

    def pause(self, samples: int) -> Samples:
        self._echo.forget()
        return SILENCE[:samples]


class _WideEncoder:
    """G.722, whose silence depends on what came before it."""

    def __init__(self) -> None:
        self._codec = g722.Encoder()

    def encode(self, chunk: Samples | None) -> bytes:
        return self._codec.encode(SILENCE if chunk is None else chunk)


class _OpusDecoder(opus.Decoder):
    lag = 0


class _OpusEncoder:
    def __init__(self) -> None:
        self._codec = opus.Encoder()
        self._silent = 0
        self._silence = b""

    def encode(self, chunk: Samples | None) -> bytes:
        if chunk is not None:
            self._silent = 0
            return self._codec.encode(chunk)
        self._silent += 1
        if self._silent <= TAIL:
            self._silence = self._codec.encode(SILENCE)
        return self._silence


def _narrow(law: _Law) -> Coding:
    return Coding(partial(_NarrowDecoder, law), partial(_NarrowEncoder, law))


CODINGS: dict[Codec, Coding] = {
    PCMU: _narrow(_Law(mu_law_encode, mu_law_decode)),
    PCMA: _narrow(_Law(a_law_encode, a_law_decode)),
    G722: Coding(_WideDecoder, _WideEncoder),
    OPUS: Coding(_OpusDecoder, _OpusEncoder, jitter.duration),
}

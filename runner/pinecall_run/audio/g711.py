"""The two laws of the telephone, ITU-T G.711: a byte for each sample of 8 kHz."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pinecall_run.audio.chunk import Samples

_Table = npt.NDArray[np.int16]
_Codes = npt.NDArray[np.uint8]

# Both laws cut the range of one sign into 8 segments of 16 steps, each segment twice as wide as the one before it (in
# the A-law the first two are alike). A code holds the sign, the segment and the step; some bits go inverted over the
# line: all of them in mu-law (G.711 table 2), every second one in A-law (table 1).
_MU_INVERTED, _A_INVERTED = 0xFF, 0x55
_MU_BIAS = 33 << 2  # G.711 counts 14 bits in mu-law and 13 in A-law; samples here have 16
_CODES = np.arange(256)


def mu_law_decode(data: bytes) -> Samples:
    """Samples at 8 kHz."""
    return _MU_VALUES.take(np.frombuffer(data, np.uint8))


def mu_law_encode(samples: Samples) -> bytes:
    """A byte for each sample of 8 kHz."""
    return _MU_CODES.take(samples.view(np.uint16)).tobytes()


def a_law_decode(data: bytes) -> Samples:
    """Samples at 8 kHz."""
    return _A_VALUES.take(np.frombuffer(data, np.uint8))


def a_law_encode(samples: Samples) -> bytes:
    """A byte for each sample of 8 kHz."""
    return _A_CODES.take(samples.view(np.uint16)).tobytes()


def _signed(magnitudes: npt.NDArray[np.int_], is_positive: npt.NDArray[np.bool_]) -> _Table:
    return np.where(is_positive, magnitudes, -magnitudes).astype(np.int16)


def _mu_values() -> _Table:
    code = _CODES ^ _MU_INVERTED
    segment, step = code >> 4 & 7, code & 15
    return _signed((((step << 1) + 33 << segment) - 33) << 2, code < 128)


def _a_values() -> _Table:
    code = _CODES ^ _A_INVERTED
    segment, step = code >> 4 & 7, code & 15
    narrow, wide = (step << 1) + 1, (step << 1) + 33 << np.maximum(segment - 1, 0)
    return _signed(np.where(segment == 0, narrow, wide) << 3, code >= 128)


def _codes(edges: npt.NDArray[np.int_], positive: int, negative: int, inverted: int) -> _Codes:
    """The code of each 16-bit sample, in the order of its unsigned reading. ``edges`` are the decision values at which
    the steps after the first begin; a sample on one belongs to the greater value."""
    samples = np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int_)
    is_positive = samples >= 0
    steps = np.searchsorted(edges, np.where(is_positive, samples, ~samples), side="right")
    return ((steps | np.where(is_positive, positive, negative)) ^ inverted).astype(np.uint8)


def _mu_edges() -> npt.NDArray[np.int_]:
    step = np.arange(1, 128)
    return ((2 * (step & 15) + 32 << (step >> 4)) << 2) - _MU_BIAS


def _a_edges() -> npt.NDArray[np.int_]:
    step = np.arange(1, 128)
    segment = step >> 4
    return np.where(segment == 0, 2 * step, 2 * (step & 15) + 32 << np.maximum(segment - 1, 0)) << 3


_MU_VALUES, _A_VALUES = _mu_values(), _a_values()
_MU_CODES = _codes(_mu_edges(), 0, 128, _MU_INVERTED)
_A_CODES = _codes(_a_edges(), 128, 0, _A_INVERTED)

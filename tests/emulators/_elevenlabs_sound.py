"""How the emulated ElevenLabs makes sound of text: pieces of audio, and when each character is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.emulators._elevenlabs_rules import RATES
from tests.emulators._sound import spoken

PIECE_SECONDS = 0.5
"""Words are 0.3 s long, so that pieces cut them, as the vendor's do."""
BIAS, CLIP = 0x84, 32_635


@dataclass(frozen=True)
class Character:
    """When one is heard, in milliseconds from the beginning of its text."""

    text: str
    start: int
    duration: int


@dataclass(frozen=True)
class Piece:
    """``start`` and ``end`` in milliseconds of the whole text's sound."""

    audio: bytes
    start: int
    end: int


def pieces(text: str, form: str, tail: float = 0.0) -> list[Piece]:
    """The sound of a text in the bytes of an output format, and after it ``tail`` seconds of quiet."""
    rate = RATES[form]
    samples, _ = spoken(text, rate)
    step = round(rate * PIECE_SECONDS)
    found = []
    for first in range(0, len(samples), step):
        part = samples[first : first + step]
        data = to_mu_law(part) if form.startswith("ulaw") else part.astype("<i2").tobytes()
        found.append(Piece(data, round(1000 * first / rate), round(1000 * (first + len(part)) / rate)))
    if tail:
        quiet = np.zeros(round(rate * tail), np.int16)
        data = to_mu_law(quiet) if form.startswith("ulaw") else quiet.tobytes()
        found.append(Piece(data, found[-1].end, found[-1].end + round(1000 * tail)))
    return found


def characters(text: str, *, is_normalized: bool) -> list[Character]:
    """All of a text's characters with a space at its end; the normalized text has one before it, too, whose time is
    otherwise the first character's. As recorded."""
    _, words = spoken(text, 1000)
    found = []
    for count, word in enumerate(words):
        shown = (" " if count == 0 else "") + word.text + " "
        edges = [round(1000 * (word.start + (word.end - word.start) * n / len(shown))) for n in range(len(shown) + 1)]
        found += [Character(char, edges[n], edges[n + 1] - edges[n]) for n, char in enumerate(shown)]
    if is_normalized or not found:
        return found
    space, first, *rest = found
    return [Character(first.text, space.start, space.duration + first.duration), *rest]


def alignment(found: Sequence[Character], origin: int = 0) -> dict[str, Any] | None:
    """The vendor's shape; times from ``origin``."""
    if not found:
        return None
    return {
        "chars": [char.text for char in found],
        "charStartTimesMs": [char.start - origin for char in found],
        "charDurationsMs": [char.duration for char in found],
    }


def aligned(text: str, piece: Piece, *, is_first: bool, is_each: bool) -> dict[str, Any]:
    """What a message says of time. With ``sync_alignment`` every piece says it of the characters that begin in it, from
    its own beginning; without, the first says it of all its text, and the others nothing."""
    found = {}
    for name, is_normalized in (("alignment", False), ("normalizedAlignment", True)):
        chars = characters(text, is_normalized=is_normalized)
        if is_each:
            here = [char for char in chars if piece.start <= char.start < piece.end]
            found[name] = alignment(here, piece.start)
        else:
            found[name] = alignment(chars) if is_first else None
    return found


def to_mu_law(samples: NDArray[np.int16]) -> bytes:
    """ITU-T G.711."""
    wide = samples.astype(np.int32)
    sign = np.where(wide < 0, 0x80, 0)
    size = np.minimum(np.abs(wide), CLIP) + BIAS
    exponent = np.floor(np.log2(size)).astype(np.int32) - 7
    mantissa = (size >> (exponent + 3)) & 0x0F
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8).tobytes())


def from_mu_law(data: bytes) -> bytes:
    """Signed 16-bit little-endian."""
    codes = ~np.frombuffer(data, np.uint8).astype(np.int32) & 0xFF
    size = (((codes & 0x0F) << 3) + BIAS << ((codes & 0x70) >> 4)) - BIAS
    return bytes(np.where(codes & 0x80, -size, size).astype("<i2").tobytes())

"""The tones of a telephone's keys (ITU-T Q.23), for lines that carry keys as sound."""

from __future__ import annotations

import numpy as np

from pinecall_run.audio.chunk import RATE, Samples

_LOW, _HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = {key: (_LOW[row], _HIGH[column]) for row, keys in enumerate(("123A", "456B", "789C", "*0#D"))
         for column, key in enumerate(keys)}  # fmt: skip

TONE_SECONDS, PAUSE_SECONDS = 0.1, 0.1
"""Q.24 asks for at least 40 ms of each; exchanges differ, and some want more."""

WAIT, WAIT_SECONDS = "w", 0.5

_AMPLITUDE = 5_000
"""Of each of the two tones: -13 dBm0 together, within what Q.23's annexes allow."""
_RAMP = 80


def keys_as_sound(digits: str) -> Samples:
    """Keys one after the other, 16 kHz mono; ``w`` is half a second of waiting.

    Raises:
        KeyError: there is no such key.
    """
    pause = np.zeros(round(PAUSE_SECONDS * RATE), np.int16)
    pieces = [pause]
    for digit in digits:
        if digit == WAIT:
            pieces.append(np.zeros(round(WAIT_SECONDS * RATE), np.int16))
        else:
            pieces += [_tone(*_KEYS[digit]), pause]
    return np.concatenate(pieces)


def _tone(low: int, high: int) -> Samples:
    at = np.arange(round(TONE_SECONDS * RATE)) / RATE
    wave = _AMPLITUDE * (np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at))
    ramp = np.linspace(0, 1, _RAMP)
    wave[:_RAMP] *= ramp
    wave[-_RAMP:] *= ramp[::-1]
    return wave.astype(np.int16)

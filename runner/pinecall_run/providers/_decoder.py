"""The process that hears one person: sound on standard input, what was said on standard output.

It is a process because pocketsphinx holds the interpreter's lock while it decodes, for 100 ms and more at the end of a
sentence. Frames in: a byte for the kind, four for the length, the payload. Lines of JSON out. It ends with its input.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

HEADER = struct.Struct("<cI")
SOUND, FINISH, PREPARE = b"s", b"f", b"p"

_SECOND = 32_000  # bytes
_CHUNK = 640
_LEAD_CHUNKS = 15
_PRIME = _SECOND // 2
_PARTIAL = _SECOND // 5
_LONGEST, _QUIET = 30 * _SECOND, 3 * _SECOND
_GRAMMAR, _OPEN = "grammar", "_default"


class Level:
    """Tells sound from quiet by the peaks of chunks, against a floor that follows the line's noise."""

    def __init__(self) -> None:
        self._floor = 40.0

    def is_voiced(self, chunk: bytes) -> bool:
        samples = memoryview(chunk).cast("h")
        peak = max(max(samples, default=0), -min(samples, default=0))
        self._floor = max(40.0, min(self._floor * 1.005, peak))
        return peak > 3 * self._floor


class Ear:
    """Decodes utterance by utterance; silence between them costs nothing."""

    def __init__(self, decoder: Any, answer: Callable[[dict[str, Any]], None]) -> None:
        self._decoder = decoder
        self._answer = answer
        self._level = Level()
        self._lead: deque[bytes] = deque(maxlen=_LEAD_CHUNKS)
        self._mean: list[float] = []
        self._weight = 0
        self._reset()

    def _reset(self) -> None:
        self._sound = bytearray()
        self._voiced = bytearray()
        self._decoded = self._quiet = self._asked = 0
        self._partial = ""

    def prepare(self, payload: bytes) -> None:
        """Take words with their pronunciations, and a grammar."""
        asked = json.loads(payload)
        model = self._decoder.get_lm(_OPEN)
        for word, phones in asked["words"].items():
            if self._decoder.lookup_word(word) is None:
                model.add_word(word, asked["weight"])
                self._decoder.add_word(word, phones, True)
        if asked["grammar"]:
            missing = [word for word in asked["grammar_words"] if self._decoder.lookup_word(word) is None]
            if missing:
                self._answer({"missing": missing})
                return
            self._decoder.add_jsgf_string(_GRAMMAR, asked["grammar"])
            self._decoder.activate_search(_GRAMMAR)
        self._has_grammar = bool(asked["grammar"])
        self._answer({"is_prepared": True})

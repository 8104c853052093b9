"""What both of Deepgram's streams have in common: sound in, messages out, and how they end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.emulators._deepgram_rules import WIDTHS, Parameters, first
from tests.emulators._sound import LOUD, Ear

PIECE_MS = 20
"""How finely pauses are measured."""

Message = dict[str, Any]
Ending = tuple[int | None, str]
"""The code and reason of the close frame; it carries none if the code is None."""


class Session:
    """One stream. What it answers is returned, in order; once ``ending`` is set it must be closed with that."""

    def __init__(self, asked: Parameters, sentences: Sequence[str], problem: Callable[[str], None]) -> None:
        self.asked = asked
        self.request_id = str(uuid.uuid4())
        self.ending: Ending | None = None
        self.messages: list[Message] = []
        """What the client sent as text, in order."""
        self._problem = problem
        self._encoding = first(asked, "encoding")
        self._rate = int(first(asked, "sample_rate", "16000"))
        self._ear = Ear(sentences, self._rate)
        self._rest = b""

    @property
    def seconds(self) -> float:
        """How much sound was heard."""
        return self._ear.seconds

    def open(self) -> list[Message]:
        """What is said first."""
        return []

    def hear(self, frame: bytes) -> list[Message]:
        """Take a binary message."""
        if not frame:
            self._problem("an empty binary message: Deepgram closes the stream")
            return self.close()
        if frame.startswith(b'{"type"'):
            self._problem("a control message must be sent as text, not binary")
        if self._encoding not in WIDTHS:
            self._problem("raw audio needs `encoding` and `sample_rate`, and this emulator hears no other")
            self.ending = (1008, "DATA-0000")
            return []
        if len(frame) % WIDTHS[self._encoding]:
            self._problem(f"{len(frame)} bytes are no whole samples of {self._encoding}")
        said: list[Message] = []
        for piece in self._pieces(decoded(frame, self._encoding)):
            said += self._step(piece, bool(np.abs(np.frombuffer(piece, "<i2").astype(np.int32)).max() > LOUD))
        return said

    def take(self, text: str) -> list[Message]:
        """Take a text message."""
        try:
            message = json.loads(text)
        except ValueError as error:
            return self._unreadable(text, str(error))
        kind = message.get("type") if isinstance(message, dict) else None
        handler = self._handlers().get(kind) if isinstance(kind, str) else None
        if handler is None:
            return self._unreadable(text, f"unknown type {kind}")
        self.messages.append(message)
        return handler(message)

    def close(self) -> list[Message]:
        """Say what is left, as upon CloseStream."""
        raise NotImplementedError

    def expire(self) -> list[Message]:
        """The client said nothing for too long."""
        raise NotImplementedError

    def error(self, code: str, description: str) -> list[Message]:
        """The vendor's own error message."""
        raise NotImplementedError

    def _handlers(self) -> dict[str, Callable[[Message], list[Message]]]:
        raise NotImplementedError

    def _step(self, piece: bytes, is_loud: bool) -> list[Message]:
        """Take 20 ms of 16-bit sound."""
        raise NotImplementedError

    def _unreadable(self, text: str, why: str) -> list[Message]:
        raise NotImplementedError

    def _pieces(self, pcm: bytes) -> Iterator[bytes]:
        pcm = self._rest + pcm
        step = 2 * (self._rate * PIECE_MS // 1000)
        whole = len(pcm) // step * step
        self._rest = pcm[whole:]
        for start in range(0, whole, step):
            yield pcm[start : start + step]


def decoded(frame: bytes, encoding: str) -> bytes:
    """A frame as 16-bit linear sound; what is no whole sample is cut off."""
    frame = frame[: len(frame) // WIDTHS[encoding] * WIDTHS[encoding]]
    if encoding == "linear16":
        return frame
    if encoding == "linear32":
        wide = np.frombuffer(frame, "<f4") * 32_767
        return wide.clip(-32_768, 32_767).astype("<i2").tobytes()
    return _LAWS[encoding][np.frombuffer(frame, np.uint8)].tobytes()


def _mu_law() -> NDArray[np.int16]:
    """Every byte's value: ITU-T G.711, sign, exponent and mantissa, all inverted, with a bias of 33 of 14 bits."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = ((2 * mantissa + 33) << exponent) - 33
    return (np.where(code & 128, -size, size) * 4).astype("<i2")


def _a_law() -> NDArray[np.int16]:
    """Every byte's value: ITU-T G.711, every second bit inverted, 13 bits."""
    code = np.arange(256, dtype=np.uint8) ^ np.uint8(0x55)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0))
    return (np.where(code & 128, size, -size) * 8).astype("<i2")


_LAWS = {"mulaw": _mu_law(), "alaw": _a_law()}

"""One context of the emulated Cartesia: text in, in pieces, and sound out."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tests.emulators._cartesia_rules import MOVING
from tests.emulators._sound import spoken

Message = dict[str, Any]
SENTENCE = re.compile(r".*[.!?…。！？]+[\"'”’)\]]*\s+(?=\S)", re.DOTALL)
"""What of a buffer is spoken at once: sentences that others follow. A last one waits, as the vendor warns."""
DEFAULT_DELAY_MS = 3000


@dataclass
class Context:
    """``said`` is all its text, ``seconds`` of sound were made of it. ``state``: ``ended`` when no input may follow,
    ``gone`` when no output does; ``is_finished`` if it was the client that ended it."""

    id: str
    fixed: Mapping[str, Any]
    said: str = ""
    flush_id: int = 1
    state: Literal["open", "ended", "gone"] = "open"
    is_finished: bool = False
    is_cancelled: bool = False
    seconds: float = 0.0
    inputs: asyncio.Queue[tuple[str, int, bool]] = field(default_factory=asyncio.Queue)
    _buffer: str = ""
    _timer: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Context:
        """The context that a first request begins."""
        return cls(request["context_id"], fixed_part(request))

    def take(self, request: Mapping[str, Any]) -> None:
        """More text; what of it is spoken at once, what waits, and whether this was all."""
        self.said += request["transcript"]
        self._buffer += request["transcript"]
        delay = self.fixed.get("max_buffer_delay_ms")
        delay = DEFAULT_DELAY_MS if delay is None else delay
        is_last, is_flush = not request.get("continue"), bool(request.get("flush"))
        if is_last or is_flush or delay == 0:
            self._speak_all()
        elif ready := SENTENCE.match(self._buffer):
            self._speak(ready.end())
        if is_flush:
            self.inputs.put_nowait(("", self.flush_id, True))
            self.flush_id += 1
        if is_last:
            self.is_finished = True
            self._end("ended")
        elif self._buffer and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay / 1000, self._speak_all)

    def cancel(self) -> None:
        """Forget all that was not begun."""
        self.is_cancelled = True
        self._forget("ended")

    def fail(self) -> None:
        """Be gone, at once and without a word."""
        self._forget("gone")

    def _forget(self, state: Literal["ended", "gone"]) -> None:
        while not self.inputs.empty():
            self.inputs.get_nowait()
        self._buffer = ""
        self._end(state)

    def _end(self, state: Literal["ended", "gone"]) -> None:
        self.state = state
        self._stop_timer()
        self.inputs.put_nowait(("", 0, False))

    def _speak_all(self) -> None:
        self._speak(len(self._buffer))

    def _speak(self, count: int) -> None:
        text, self._buffer = self._buffer[:count], self._buffer[count:]
        if not self._buffer:
            self._stop_timer()
        if text.strip():
            self.inputs.put_nowait((text, self.flush_id, False))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    async def generate(self, chunk_seconds: float, expiry: Callable[[], float]) -> AsyncIterator[Message]:
        """The messages of the context, until it is over. It expires in silence, so long after its last sound."""
        has_spoken = False
        while True:
            try:
                async with asyncio.timeout(expiry() if has_spoken else None):
                    text, flush_id, is_flush = await self.inputs.get()
            except TimeoutError:
                if self._timer is None and self.inputs.empty():  # both may have been due in one turn of the loop
                    break
                continue
            if is_flush:
                yield self._message("flush_done", flush_done=True, flush_id=flush_id)
            elif text:
                has_spoken = True
                for message in self._voiced(text, flush_id, chunk_seconds):
                    yield message
            else:
                if self.state == "ended":
                    yield self._message("done", done=True)
                break
        self._stop_timer()
        self.state = "gone"

    def _voiced(self, text: str, flush_id: int, chunk_seconds: float) -> list[Message]:
        """Chunks, and after each the times of the words that begin in it."""
        form = self.fixed["output_format"]
        rate = form["sample_rate"]
        samples, words = spoken(text, rate)
        step = round(rate * chunk_seconds)
        messages = []
        for at in range(0, len(samples), step):
            data = base64.b64encode(encoded(samples[at : at + step], form["encoding"])).decode()
            messages.append(self._message("chunk", data=data, step_time=1.5, flush_id=flush_id))
            begun = [word for word in words if at <= round(word.start * rate) < at + step]
            if begun and self.fixed.get("add_timestamps"):
                times = {
                    "words": [word.text for word in begun],
                    "start": [round(self.seconds + word.start, 3) for word in begun],
                    "end": [round(self.seconds + word.end, 3) for word in begun],
                }
                messages.append(self._message("timestamps", word_timestamps=times, flush_id=flush_id))
        self.seconds += len(samples) / rate
        return messages

    def _message(self, kind: str, *, done: bool = False, **fields: Any) -> Message:
        return {"type": kind, "context_id": self.id, "done": done, "status_code": 206, **fields}


def fixed_part(request: Mapping[str, Any]) -> dict[str, Any]:
    """What all inputs of a context must have in common."""
    return {name: value for name, value in request.items() if name not in MOVING and value is not None}


def encoded(samples: NDArray[np.int16], encoding: str) -> bytes:
    """Sound in one of the vendor's linear encodings."""
    if encoding == "pcm_f32le":
        return (samples / 32_768).astype("<f4").tobytes()
    return samples.astype("<i2").tobytes()

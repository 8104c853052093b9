"""The sound of one Twilio media stream, both ways, and what of it was played. No clock: time is an argument, seconds.

The messages are those of https://www.twilio.com/docs/voice/media-streams/websocket-messages: mu-law at 8 kHz in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE, SILENCE, Chunker, Samples
from pinecall_run.audio.g711 import mu_law_decode, mu_law_encode
from pinecall_run.audio.resample import Resampler
from pinecall_run.transports.breaks import AWAITED, Breaks
from pinecall_run.wire.codec import to_json

LINE_RATE = 8_000

MAX_PAYLOAD = LINE_RATE
"""Bytes of sound in one message: a second; Twilio sends 20 ms."""

MAX_MESSAGE = 16_384
"""Characters of one message, above the longest that is of use."""

GRACE = 5
"""Chunks that may be late in a pause before silence is heard in their place: a line without sound sends nothing."""

AHEAD = 100
"""Chunks that may come early: two seconds, after a pause of the network. What is beyond is left out."""

LEAD_SECONDS = 0.06
"""Of sound that waits at Twilio: what the network may be late."""

MARK_EVERY = 5
"""Chunks between marks: what was heard is known to a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first message that says whose stream it is."""

    stream_sid: str
    call_sid: str
    account_sid: str
    token: str


def read_start(message: Mapping[str, Any] | None) -> Start | None:
    """What a ``start`` says; ``None`` where it is none, or of sound that is not mu-law at 8 kHz."""
    match message:
        case {
            "event": "start",
            "start": {
                "streamSid": str(stream_sid),
                "callSid": str(call_sid),
                "accountSid": str(account_sid),
                "customParameters": {"token": str(token)},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        }:
            return Start(stream_sid, call_sid, account_sid, token)
    return None


def read_media(message: Mapping[str, Any] | None) -> bytes | None:
    """The mu-law of a ``media`` of the person's; ``None`` where there is none that can be heard."""
    match message:
        case {"media": {"payload": str(payload), **rest}} if rest.get("track", "inbound") == "inbound":
            try:
                sound = base64.b64decode(payload, validate=True)
            except (binascii.Error, ValueError):
                return None
            return sound if 0 < len(sound) <= MAX_PAYLOAD else None
    return None


class Ear:
    """What Twilio sends, to chunks in the pace of time."""

    def __init__(self) -> None:
        self.ignored = 0
        self._resampler = Resampler(LINE_RATE, RATE)
        self._chunker = Chunker()
        self._began: float | None = None
        self._breaks = Breaks()
        self._heard = 0
        self._made_up = 0

    def hear(self, sound: bytes, now: float) -> Iterator[Samples]:
        """The chunks that are to be heard at once."""
        if self._began is None:
            self._began = now
        for chunk in self._chunker.feed(self._resampler.feed(mu_law_decode(sound))):
            if self._heard - self._due(now) > AHEAD:
                self.ignored += 1
            elif self._breaks.hear(chunk) and self._made_up:
                self._made_up -= 1
            else:
                self._heard += 1
                yield chunk

    def missing(self, now: float) -> Samples | None:
        """Silence, where a chunk should have come long ago. To be asked every 20 ms."""
        late = self._due(now) - self._heard
        if self._began is None or late <= (GRACE if self._breaks.is_pause else AWAITED):
            return None
        if not self._breaks.is_pause:
            self._heard += AWAITED - GRACE  # they are not waited for any more
            self._breaks.pause()
        self._heard += 1
        self._made_up += 1
        return SILENCE

    def _due(self, now: float) -> float:
        return 0.0 if self._began is None else (now - self._began) / CHUNK_SECONDS


class Mouth:
    """Chunks to messages, and marks to how many of them were played."""

    def __init__(self, stream_sid: str) -> None:
        self._sid = to_json(stream_sid).decode()
        self._resampler = Resampler(RATE, LINE_RATE)
        self._plays_until = 0.0
        self._chunks = 0
        self._unmarked = 0
        self._is_speaking = False
        self._pending: dict[str, int] = {}
        self._marks = 0

    def is_due(self, now: float) -> bool:
        """Whether Twilio should have another chunk."""
        return self._plays_until - now < LEAD_SECONDS

    def say(self, chunk: Samples, now: float, *, is_tone: bool = False) -> Iterator[str]:
        """The messages of the next 20 ms; a tone is none of the chunks that the conversation counts."""
        self._plays_until = max(self._plays_until, now) + CHUNK_SECONDS
        self._is_speaking = True
        yield from self._media(self._resampler.feed(chunk))
        self._chunks += not is_tone
        self._unmarked += 1
        if self._unmarked >= MARK_EVERY:
            yield self._mark()

    def pause(self) -> Iterator[str]:
        """The messages after the last chunk, when none follows at once."""
        if self._is_speaking:
            self._is_speaking = False
            yield from self._media(self._resampler.flush())
            if self._unmarked:
                yield self._mark()

    def clear(self) -> str:
        """The message that drops what has not been played. What was marked in it will never be."""
        self._plays_until = 0.0
        self._unmarked = 0
        self._is_speaking = False
        self._pending.clear()
        self._resampler.flush()
        return f'{{"event":"clear","streamSid":{self._sid}}}'

    def played(self, mark: str) -> int | None:
        """How many chunks were played, where a mark comes back that was not cleared."""
        return self._pending.pop(mark, None)

    def _media(self, samples: Samples) -> Iterator[str]:
        if len(samples):
            payload = base64.b64encode(mu_law_encode(samples)).decode()
            yield f'{{"event":"media","streamSid":{self._sid},"media":{{"payload":"{payload}"}}}}'

    def _mark(self) -> str:
        self._unmarked = 0
        self._marks += 1
        self._pending[str(self._marks)] = self._chunks
        return f'{{"event":"mark","streamSid":{self._sid},"mark":{{"name":"{self._marks}"}}}}'

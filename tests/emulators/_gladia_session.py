"""One live session of the emulated Gladia: what it heard, and what it says of it, over any number of WebSockets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators import _sound
from tests.emulators._gladia_rules import MESSAGES
from tests.emulators._sockets import now
from tests.emulators._sound import Ear, Heard
from websockets.asyncio.server import ServerConnection

Message = dict[str, Any]


@dataclass
class Session:
    """``heard`` is all the sound that was acknowledged; ``is_stopped`` after ``stop_recording``, ``is_over`` when it
    can no longer be attached to."""

    config: Mapping[str, Any]
    sentences: Sequence[str]
    ends_inclusive: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=now)
    heard: bytearray = field(default_factory=bytearray)
    attached: int = 0
    connection: ServerConnection | None = None
    is_stopped: bool = False
    is_over: bool = False
    utterances: list[Message] = field(default_factory=list)
    _began: float = 0.0

    def __post_init__(self) -> None:
        self.rate = int(self.config.get("sample_rate") or 16_000)
        self.language = ((self.config.get("language_config") or {}).get("languages") or ["en"])[0]
        given = {name: on for name, on in (self.config.get("messages_config") or {}).items() if on is not None}
        self._wants = {**MESSAGES, **given}
        self._ear = Ear(self.sentences, self.rate)

    @property
    def seconds(self) -> float:
        """How much sound was heard."""
        return self.seconds_of(len(self.heard))

    def seconds_of(self, count: int) -> float:
        """How long so many bytes sound."""
        return count / 2 / self.rate

    def message(self, kind: str, **fields: Any) -> Message:
        """A message with the head that all have."""
        return {"session_id": self.id, "created_at": now(), "type": kind, **fields}

    def attach(self) -> Iterator[Message]:
        """A WebSocket was opened."""
        self.attached += 1
        if self.attached == 1 and self._wants["receive_lifecycle_events"]:
            yield self.message("start_session")

    def hear(self, pcm: bytes) -> Iterator[Message]:
        """Sound came; that it was taken, and what it means."""
        start = len(self.heard)
        if not start and pcm and self._wants["receive_lifecycle_events"]:
            yield self.message("start_recording")
        self.heard += pcm
        end = len(self.heard)
        if self._wants["receive_acknowledgments"]:
            shown = end - 1 if self.ends_inclusive and end > start else end
            times = [self.seconds_of(start), self.seconds_of(end)]
            data = {"byte_range": [start, shown], "time_range": times}
            yield self.message("audio_chunk", acknowledged=True, error=None, data=data)
        yield from self._tell(self._ear.feed(pcm))

    def refuse(self, kind: str, reason: str, code: int | str) -> Message:
        """An action that is not taken."""
        error = {"status_code": code, "exception": "Error", "message": reason}
        return self.message(kind, acknowledged=False, error=error, data=None)

    def stop(self) -> Iterator[Message]:
        """No more sound will come."""
        self.is_stopped = True
        if self._wants["receive_acknowledgments"]:
            data = {"recording_duration": self.seconds, "recording_left_to_process": 0.0}
            yield self.message("stop_recording", acknowledged=True, error=None, data=data)
        yield from self._tell(self._ear.finish())
        if self._wants["receive_lifecycle_events"]:
            yield self.message("end_recording", data={"recording_duration": self.seconds})

    def conclude(self) -> Iterator[Message]:
        """Everything is processed."""
        self.is_over = True
        if self._wants["receive_post_processing_events"]:
            text = " ".join(utterance["text"] for utterance in self.utterances)
            languages = [self.language] if self.utterances else []
            whole = {"full_transcript": text, "languages": languages, "utterances": self.utterances}
            yield self.message("post_transcript", data=whole)
            metadata = {
                "audio_duration": self.seconds,
                "number_of_distinct_channels": 1,
                "billing_time": self.seconds,
                "transcription_time": self.seconds,
            }
            yield self.message("post_final_transcript", data={"metadata": metadata, "transcription": whole})
        if self._wants["receive_lifecycle_events"]:
            yield self.message("end_session")

    def _tell(self, found: Sequence[Heard]) -> Iterator[Message]:
        for heard in found:
            event = {"time": round(heard.at, 3), "channel": 0}
            if heard.kind == "started":
                self._began = heard.at
                if self._wants["receive_speech_events"]:
                    yield self.message("speech_start", data=event)
            elif heard.kind == "grown" and self._wants["receive_partial_transcripts"]:
                yield self._transcript(heard, is_final=False)
            elif heard.kind == "ended":
                if self._wants["receive_speech_events"]:
                    yield self.message("speech_end", data=event)
                final = self._transcript(heard, is_final=True)
                self.utterances.append(final["data"]["utterance"])
                if self._wants["receive_final_transcripts"]:
                    yield final

    def _transcript(self, heard: Heard, *, is_final: bool) -> Message:
        confidence = 0.97 if is_final else 0.61
        words = [
            {
                "word": word,
                "start": round(self._began + number * _sound.WORD_SECONDS, 3),
                "end": round(self._began + (number + 1) * _sound.WORD_SECONDS, 3),
                "confidence": confidence,
            }
            for number, word in enumerate(heard.words)
        ]
        utterance = {
            "text": " ".join(heard.words),
            "start": round(self._began, 3),
            "end": round(heard.at, 3),
            "confidence": confidence,
            "channel": 0,
            "words": words,
            "language": self.language,
        }
        data = {"id": f"00-{len(self.utterances):08d}", "is_final": is_final, "utterance": utterance}
        return self.message("transcript", data=data)

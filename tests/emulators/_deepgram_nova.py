"""Deepgram's ``/v1/listen``: what a stream of Nova says.

Sources: https://developers.deepgram.com/docs/interim-results, …/docs/endpointing, …/docs/utterance-end,
…/docs/speech-started, …/docs/finalize, …/docs/close-stream, …/docs/configure, …/docs/keep-alive, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.emulators._deepgram_rules import CONFIGURE_NOVA, KEYTERM_LIMIT, Parameters, first, is_too_many, wrong_shape
from tests.emulators._deepgram_session import Message, Session
from tests.emulators._sound import PAUSE_SECONDS, WORD_SECONDS, Heard

IDLE_REASON = (
    "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001"
)
CONFIDENCE = 0.98
CONTROLS = ("KeepAlive", "Finalize", "CloseStream", "Configure")
_MODEL_UUID = "1dbdfb4d-85b2-4659-9831-16b3c76229aa"


class Nova(Session):
    """Sentences come in interim results, are final in segments of ``segment_words``, and end after a pause.

    ``speech_final`` comes with the last segment of a sentence; if ``endpointing`` is longer than the ear's pause of
    0.5 s, it comes later, alone and empty, as it does in life.
    """

    def __init__(
        self, asked: Parameters, sentences: Sequence[str], problem: Callable[[str], None], *, segment_words: int
    ) -> None:
        super().__init__(asked, sentences, problem)
        self._segment_words = segment_words
        self._has_interims = first(asked, "interim_results") == "true"
        self._is_formatted = "true" in (first(asked, "punctuate"), first(asked, "smart_format"))
        self._model, self._language = first(asked, "model"), first(asked, "language", "en")
        self._endpointing = _seconds(first(asked, "endpointing", "10"))
        self._utterance_end = _seconds(first(asked, "utterance_end_ms", "false"))
        self._words: Sequence[str] = ()
        self._spoken_from = 0.0
        self._sent = 0
        """How many words of the sentence are final."""
        self._start = 0.0
        """Since when, in seconds, nothing is final."""
        self._interim_at = 0.0
        self._dues: list[tuple[float, Callable[[], Message]]] = []
        """What is said when it stays quiet until then, in seconds."""

    def close(self) -> list[Message]:
        said = self._finish(is_from_finalize=False)
        self.ending = (1000, "")
        return [*said, self._metadata()]

    def expire(self) -> list[Message]:
        self.ending = (1011, IDLE_REASON)
        return [self._metadata()]

    def error(self, code: str, description: str) -> list[Message]:
        return [{"type": "Error", "variant": code, "description": description}]

    def _handlers(self) -> dict[str, Callable[[Message], list[Message]]]:
        return {
            "KeepAlive": lambda _: [],
            "Finalize": lambda _: self._finish(is_from_finalize=True),
            "CloseStream": lambda _: self.close(),
            "Configure": self._configure,
        }

    def _unreadable(self, text: str, why: str) -> list[Message]:
        self._problem(f"Nova takes {', '.join(CONTROLS)}, not {text[:80]}")
        description = f"Could not deserialize last text message: {why}"
        return [{"type": "Error", "variant": "SchemaError", "description": description, "message": text}]

    def _configure(self, message: Message) -> list[Message]:
        if name := wrong_shape(message, CONFIGURE_NOVA):
            return self._unreadable(json.dumps(message), f"invalid type of `{name}`")
        terms = message.get("keyterms")
        if terms is not None and not self._model.startswith("nova-3"):
            return self._failure("CONFIGURE_KEYTERMS_NOT_SUPPORTED", f"{self._model} does not support keyterms")
        if is_too_many(terms or ()):
            return self._failure("CONFIGURE_KEYTERM_LIMIT_EXCEEDED", KEYTERM_LIMIT)
        success: Message = {"type": "ConfigureSuccess", "request_id": self.request_id}
        return [success if terms is None else {**success, "keyterms": terms}]

    def _failure(self, code: str, description: str) -> list[Message]:
        self._problem(description)
        return [{"type": "ConfigureFailure", "request_id": self.request_id, "code": code, "description": description}]

    # the sound

    def _step(self, piece: bytes, is_loud: bool) -> list[Message]:
        said: list[Message] = []
        for heard in self._ear.feed(piece):
            said += self._of(heard)
        while self._dues and self._dues[0][0] <= self.seconds:
            said.append(self._dues.pop(0)[1]())
        if said:
            self._interim_at = self.seconds
        elif self._has_interims and self.seconds - self._interim_at >= 1.0:
            self._interim_at = self.seconds
            said.append(self._results(self._words[self._sent :]))
        return said

    def _of(self, heard: Heard) -> list[Message]:
        if heard.kind == "started":
            self._words, self._sent, self._spoken_from = (), 0, heard.at
            self._dues.clear()
            has_events = first(self.asked, "vad_events") == "true"
            return [{"type": "SpeechStarted", "channel": [0, 1], "timestamp": round(heard.at, 3)}] if has_events else []
        self._words = heard.words
        if heard.kind == "ended":
            return [self._end(heard.at - PAUSE_SECONDS)]
        if len(self._words) - self._sent >= self._segment_words:
            return [self._final()]
        return [self._results(self._words[self._sent :])] if self._has_interims else []

    def _end(self, last_word_end: float) -> Message:
        """The rest of a sentence; what follows its end is due later."""
        is_ended = self._endpointing is not None and self._endpointing <= PAUSE_SECONDS
        final = self._final(speech_final=is_ended)
        if self._endpointing is not None and not is_ended:
            self._dues.append((last_word_end + self._endpointing, lambda: self._final(speech_final=True)))
        self._expect_utterance_end(last_word_end)
        self._dues.sort(key=lambda due: due[0])
        return final

    def _expect_utterance_end(self, last_word_end: float) -> None:
        if self._utterance_end is not None:
            end = {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": round(last_word_end, 3)}
            self._dues.append((last_word_end + self._utterance_end, lambda: end))

    def _finish(self, *, is_from_finalize: bool) -> list[Message]:
        """What was being said is final; nothing is said of silence."""
        said: list[Message] = []
        for heard in self._ear.finish():
            self._words = heard.words
            said.append(self._final(speech_final=not is_from_finalize, from_finalize=is_from_finalize))
            self._expect_utterance_end(self.seconds)
        return said

    def _final(self, **flags: bool) -> Message:
        final = self._results(self._words[self._sent :], is_final=True, **flags)
        self._sent, self._start = len(self._words), self.seconds
        return final

    def _results(self, words: Sequence[str], **flags: bool) -> Message:
        listed = [self._word(number, word) for number, word in enumerate(words, self._sent)]
        said = " ".join(words if self._is_formatted else (each["word"] for each in listed))
        alternative: dict[str, Any] = {"transcript": said, "confidence": CONFIDENCE if words else 0.0, "words": listed}
        if self._language == "multi":
            alternative["languages"] = ["en"] if words else []
            alternative["languages_hinted"] = list(self.asked.get("language_hint", ()))
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": round(self.seconds - self._start, 3),
            "start": round(self._start, 3),
            "is_final": flags.get("is_final", False),
            "speech_final": flags.get("speech_final", False),
            "channel": {"alternatives": [alternative]},
            "metadata": {
                "request_id": self.request_id,
                "model_info": self._model_info(),
                "model_uuid": _MODEL_UUID,
            },
            "from_finalize": flags.get("from_finalize", False),
        }

    def _word(self, number: int, word: str) -> dict[str, Any]:
        start = self._spoken_from + number * WORD_SECONDS
        plain = word.lower().strip(".,;:?!¿¡")
        times = {"start": round(start, 3), "end": round(min(start + WORD_SECONDS, self.seconds), 3)}
        found: dict[str, Any] = {"word": plain, **times, "confidence": CONFIDENCE}
        if self._is_formatted:
            found["punctuated_word"] = word
        return {**found, "language": "en"} if self._language == "multi" else found

    def _model_info(self) -> dict[str, str]:
        arch = self._model[: len("nova-3")]
        return {"name": f"general-{arch}", "version": "2025-04-17.21547", "arch": arch}

    def _metadata(self) -> Message:
        found: Message = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self.request_id,
            "sha256": "incomplete",
            "created": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration": round(self.seconds, 3),
            "channels": 1,
        }
        if not self.seconds:
            return found
        return {**found, "models": [_MODEL_UUID], "model_info": {_MODEL_UUID: self._model_info()}}


def _seconds(value: str) -> float | None:
    """Milliseconds of a parameter; ``true`` is the default of 10 of them, ``false`` is never."""
    if value == "false":
        return None
    return 0.01 if value == "true" else int(value) / 1000

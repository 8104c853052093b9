"""Deepgram's ``/v2/listen``: what a stream of Flux says.

Sources: https://developers.deepgram.com/docs/flux/state, …/docs/flux/configuration, …/docs/flux/configure,
…/docs/flux/force-end-turn, …/docs/flux/close-stream, …/docs/flux/language-prompting, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.emulators._deepgram_nova import CONFIDENCE, IDLE_REASON
from tests.emulators._deepgram_rules import (
    CONFIGURE_FLUX,
    EOT_THRESHOLD,
    KEYTERM_LIMIT,
    Parameters,
    first,
    is_too_many,
    wrong_hints,
    wrong_shape,
    wrong_thresholds,
)
from tests.emulators._deepgram_session import PIECE_MS, Message, Session
from tests.emulators._sound import WORD_SECONDS, Heard

UPDATE_MS = 250
CONTROLS = ("Configure", "ForceEndTurn", "CloseStream")


class Flux(Session):
    """A turn is one or more sentences. Its end is as sure as the quiet after it is long: 0.7 after 0.7 s of quiet
    sound, never more than 0.99; so thresholds do what they say. Without sound no time passes, and no turn ends."""

    def __init__(self, asked: Parameters, sentences: Sequence[str], problem: Callable[[str], None]) -> None:
        super().__init__(asked, sentences, problem)
        eager = first(asked, "eager_eot_threshold")
        self.thresholds: dict[str, Any] = {
            "eager_eot_threshold": float(eager) if eager else None,
            "eot_threshold": float(first(asked, "eot_threshold", str(EOT_THRESHOLD))),
            "eot_timeout_ms": int(first(asked, "eot_timeout_ms", "5000")),
        }
        self.keyterms = list(asked.get("keyterm", ()))
        self.hints = list(asked.get("language_hint", ()))
        self.numerals = first(asked, "numerals") == "true"
        self._model = first(asked, "model")
        self._sequence = -1
        self._turn_index = 0
        self._is_in_turn = self._is_eager = False
        self._said: list[dict[str, Any]] = []
        """The words of the turn's sentences that are over."""
        self._saying: Sequence[str] = ()
        self._spoken_from = self._turn_from = 0.0
        self._quiet_ms = self._since_message_ms = 0

    def open(self) -> list[Message]:
        return [self._message("Connected")]

    def close(self) -> list[Message]:
        """The turn stays open, and the close frame carries no code."""
        self.ending = (None, "")
        said = self._settle()
        return [*said, self._turn("Update")] if self._is_in_turn else []

    def expire(self) -> list[Message]:
        return self._fatal("NET-0001", IDLE_REASON)

    def error(self, code: str, description: str) -> list[Message]:
        return self._fatal(code, description)

    def _handlers(self) -> dict[str, Callable[[Message], list[Message]]]:
        return {
            "Configure": self._configure,
            "ForceEndTurn": lambda _: self._end("manual") if self._is_in_turn else [],
            "CloseStream": lambda _: self.close(),
        }

    def _unreadable(self, text: str, why: str) -> list[Message]:
        self._problem(f"Flux takes {', '.join(CONTROLS)}, not {text[:80]} ({why})")
        description = "Text message received from client did not match any of the formats we expect."
        return self._fatal("UNPARSABLE_CLIENT_MESSAGE", description)

    def _fatal(self, code: str, description: str) -> list[Message]:
        self.ending = (None, "")
        message = self._message("Error", code=code, description=description)
        del message["request_id"]
        return [message]

    def _message(self, kind: str, **fields: Any) -> Message:
        self._sequence += 1
        return {"type": kind, "request_id": self.request_id, "sequence_id": self._sequence, **fields}

    # the settings

    def _configure(self, message: Message) -> list[Message]:
        if name := wrong_shape(message, CONFIGURE_FLUX):
            return self._unreadable(json.dumps(message), f"`{name}`")
        asked = {name: value for name, value in (message.get("thresholds") or {}).items() if value is not None}
        thresholds = {**self.thresholds, **asked}
        terms, hints = message.get("keyterms"), message.get("language_hints")
        fault = wrong_thresholds(thresholds) or wrong_hints(self._model, hints or ())
        if fault or is_too_many(terms or ()):
            self._problem(fault or KEYTERM_LIMIT)
            return [self._message("ConfigureFailure", description=fault or KEYTERM_LIMIT)]
        self.thresholds = thresholds
        self.keyterms = self.keyterms if terms is None else terms
        self.hints = self.hints if hints is None else hints
        self.numerals = self.numerals if message.get("numerals") is None else message["numerals"]
        return [self._message("ConfigureSuccess", **self._settings())]

    def _settings(self) -> dict[str, Any]:
        thresholds = {name: value for name, value in self.thresholds.items() if value is not None}
        found = {"thresholds": thresholds, "keyterms": self.keyterms, "numerals": self.numerals}
        return {**found, "language_hints": self.hints} if self._model == "flux-general-multi" else found

    # the sound

    def _step(self, piece: bytes, is_loud: bool) -> list[Message]:
        said: list[Message] = []
        for heard in self._ear.feed(piece):
            said += self._of(heard)
        self._quiet_ms = 0 if is_loud else self._quiet_ms + PIECE_MS
        self._since_message_ms += PIECE_MS
        if self._is_in_turn and not is_loud:
            said += self._weigh()
        if not said and self._since_message_ms >= UPDATE_MS:
            said.append(self._turn("Update"))
        return said

    def _of(self, heard: Heard) -> list[Message]:
        if heard.kind == "started":
            self._saying, self._spoken_from = (), heard.at
            return []
        self._saying = heard.words
        said = self._proceed()
        if heard.kind == "ended":
            self._said += self._words()
            self._saying = ()
        return said

    def _proceed(self) -> list[Message]:
        """There are words: a turn begins, or was not over after all."""
        if not self._is_in_turn:
            self._is_in_turn, self._turn_from = True, self._spoken_from
            return [self._turn("StartOfTurn")]
        if self._is_eager:
            self._is_eager = False
            return [self._turn("TurnResumed")]
        return []

    def _weigh(self) -> list[Message]:
        """Whether the turn is over."""
        eager, end = self.thresholds["eager_eot_threshold"], self.thresholds["eot_threshold"]
        said: list[Message] = []
        if eager is not None and not self._is_eager and self._confidence >= eager:
            said += [*self._settle(), self._turn("EagerEndOfTurn")]
            self._is_eager = True
        if self._confidence >= end:
            said += self._end("model")
        elif self._quiet_ms >= self.thresholds["eot_timeout_ms"]:
            said += self._end("timeout")
        return said

    def _end(self, trigger: str) -> list[Message]:
        said = [*self._settle(), self._turn("EndOfTurn", trigger=trigger)]
        self._turn_index += 1
        self._is_in_turn = self._is_eager = False
        self._said, self._turn_from = [], self.seconds
        return said

    def _settle(self) -> list[Message]:
        """In a turn, whatever is being said is taken as said."""
        if not self._is_in_turn:
            return []
        return [message for heard in self._ear.finish() for message in self._of(heard)]

    @property
    def _confidence(self) -> float:
        return min(self._quiet_ms / 1000, 0.99) if self._is_in_turn else 0.0

    def _words(self) -> list[dict[str, Any]]:
        """Of the sentence that is being said."""
        found = []
        for number, word in enumerate(self._saying):
            start = self._spoken_from + number * WORD_SECONDS
            times = {"start": round(start, 3), "end": round(min(start + WORD_SECONDS, self.seconds), 3)}
            found.append({"word": word, "confidence": CONFIDENCE, **times})
        return found

    def _turn(self, event: str, **fields: Any) -> Message:
        self._since_message_ms = 0
        words = self._said + self._words() if self._is_in_turn else []
        if self._model == "flux-general-multi":
            fields["languages"] = ["en"] if words else []
            fields["languages_hinted"] = self.hints
        return self._message(
            "TurnInfo",
            event=event,
            turn_index=self._turn_index,
            audio_window_start=round(self._turn_from, 3),
            audio_window_end=round(self.seconds, 3),
            transcript=" ".join(word["word"] for word in words),
            words=words,
            end_of_turn_confidence=round(self._confidence, 2),
            **fields,
        )

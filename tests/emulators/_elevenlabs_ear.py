"""A WebSocket to the emulated ear: ElevenLabs' realtime speech to text (``/v1/speech-to-text/realtime``)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.emulators import _elevenlabs_rules as rules
from tests.emulators._elevenlabs_rules import Refusal
from tests.emulators._elevenlabs_socket import Socket, Stalled
from tests.emulators._elevenlabs_sound import from_mu_law
from tests.emulators._sound import PAUSE_SECONDS, WORD_SECONDS, Ear, Heard

if TYPE_CHECKING:
    from tests.emulators._elevenlabs_rules import Asked
    from tests.emulators.elevenlabs_server import ElevenLabsServer

MODELS = frozenset({"scribe_v2_realtime", "scribe_v3_live"})
FORMATS = {f"pcm_{rate}": rate for rate in (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)} | {"ulaw_8000": 8_000}
FIELDS: Mapping[str, type] = {
    "message_type": str, "audio_base_64": str, "commit": bool, "sample_rate": int, "previous_text": str,
}  # fmt: skip
LISTS = frozenset({"keyterms", "secondary_languages", "entity_detection", "entity_redaction"})
PARAMETERS: Mapping[str, re.Pattern[str]] = {
    "model_id": re.compile("|".join(MODELS)),
    "audio_format": re.compile("|".join(FORMATS)),
    "commit_strategy": re.compile("manual|vad|turn_prediction"),
    "language_code": re.compile("[a-z]{2,3}"),
    "secondary_languages": re.compile("[a-z]{2,3}"),
    "keyterms": re.compile(".{1,20}"),
    "entity_redaction_mode": re.compile("redacted|entity_type|enumerated_entity_type"),
    **dict.fromkeys(("include_timestamps", "include_language_detection", "no_verbatim"), rules.BOOL),
    **dict.fromkeys(("filter_background_audio", "enable_logging"), rules.BOOL),
    **dict.fromkeys(("entity_detection", "entity_redaction", "transcript_edit", "token"), re.compile(".+")),
}  # fmt: skip
RANGES: Mapping[str, tuple[float, float]] = {
    "vad_silence_threshold_secs": (0.3, 3.0), "vad_threshold": (0.1, 0.9),
    "min_speech_duration_ms": (50, 2_000), "min_silence_duration_ms": (50, 2_000),
}  # fmt: skip
MOST_KEYTERMS = 50
LEAST_COMMIT_SECONDS = 0.3
MOST_SEGMENT_SECONDS = 90.0
FIRST_SECONDS = 2.0
"""Before so much sound there is no partial transcript."""
NORMAL = 1000


class EarSession:
    """One connection's transcript."""

    def __init__(self, server: ElevenLabsServer, socket: Socket, asked: Asked) -> None:
        self._server, self._socket, self._asked = server, socket, asked
        named = asked.parameters
        self._form = named.get("audio_format", "pcm_16000")
        self._rate = FORMATS.get(self._form, 16_000)
        self._has_vad = named.get("commit_strategy", "manual") != "manual"
        self._ear = Ear(server.sentences, self._rate)
        self._words: list[tuple[str, float]] = []
        self._growing: list[tuple[str, float]] = []
        self._began = 0.0
        self._quiet_since: float | None = None
        self._committed = 0.0
        self._chunks = 0

    async def run(self) -> None:
        """Hear until somebody closes.

        Raises:
            Refusal: the vendor closes with an error.
            Gone: the client closed.
        """
        self._admit()
        await self._send("session_started", session_id="emulated", config=self._config())
        while True:
            try:
                async with asyncio.timeout(self._server.silent_seconds):
                    received = await self._socket.receive()
            except TimeoutError:
                text = "Insufficient audio activity."
                raise Refusal("insufficient_audio_activity", text, is_wrong=False) from None
            await self._take(self._read(received))

    async def refuse(self, refusal: Refusal) -> None:
        """As recorded: the error, and a close that is none of an error's and names it again, but for a wrong key."""
        name = refusal.error
        if not name:
            await self._socket.close(refusal.code, refusal.message)
            return
        await self._send(name, error=refusal.message)
        await self._socket.close(
            rules.POLICY if name == "invalid_request" else NORMAL, "" if name == "auth_error" else name
        )

    def _admit(self) -> None:
        """As recorded: a wrong key is told on the open socket, which closes as if all were well."""
        if self._asked.key != self._server.key:
            text = "You must be authenticated to use this endpoint."
            raise Refusal("auth_error", text, is_wrong=False)
        named, given = self._asked.parameters, self._asked.query
        for name in rules.unknown(named, {**PARAMETERS, **RANGES}):
            self._server.problem(f"an unknown parameter {name}")
        for name, value in given:
            if not _fits(name, value):
                raise Refusal("invalid_request", f"Invalid value for {name}: {value}")
        if "model_id" not in named:
            raise Refusal("invalid_request", "model_id is required")
        if len([name for name, _ in given if name == "keyterms"]) > MOST_KEYTERMS:
            raise Refusal("invalid_request", f"at most {MOST_KEYTERMS} keyterms")

    def _config(self) -> dict[str, Any]:
        """The fields of a recorded session."""
        named = self._asked.parameters
        many = {name: [value for key, value in self._asked.query if key == name] for name in LISTS}
        return {
            "model_id": named["model_id"], "audio_format": self._form, "sample_rate": self._rate,
            "language_code": named.get("language_code"), "vad_commit_strategy": self._has_vad,
            "vad_silence_threshold_secs": self._threshold, "vad_threshold": float(named.get("vad_threshold", 0.4)),
            "min_speech_duration_ms": int(named.get("min_speech_duration_ms", 100)),
            "min_silence_duration_ms": int(named.get("min_silence_duration_ms", 100)), "max_tokens_to_recompute": 5,
            "timestamps_granularity": "word", "include_timestamps": self._is_on("include_timestamps"),
            "include_language_detection": self._is_on("include_language_detection"),
            "keyterms": many["keyterms"], "secondary_languages": many["secondary_languages"],
            "entity_detection": many["entity_detection"] or None, "no_verbatim": self._is_on("no_verbatim"),
            "filter_background_audio": self._is_on("filter_background_audio"),
            "disable_logging": named.get("enable_logging") == "false",
        }  # fmt: skip

    def _is_on(self, name: str) -> bool:
        return self._asked.parameters.get(name) == "true"

    @property
    def _threshold(self) -> float:
        return float(self._asked.parameters.get("vad_silence_threshold_secs", 1.5))

    def _read(self, received: str | bytes) -> dict[str, Any]:
        try:
            message = json.loads(received) if isinstance(received, str) else None
        except ValueError:
            message = None
        if not isinstance(message, dict) or message.get("message_type") != "input_audio_chunk":
            raise Refusal("input_error", "not an input_audio_chunk in JSON")
        for name in rules.unknown(message, FIELDS):
            self._server.problem(f"a message with an unknown field {name}")
        wrong = rules.wrong_field(message, FIELDS)
        missing = [name for name in ("audio_base_64", "commit", "sample_rate") if message.get(name) is None]
        if wrong or missing:
            raise Refusal("input_error", f"missing or wrong: {wrong or missing}")
        return message

    async def _take(self, message: Mapping[str, Any]) -> None:
        if message["sample_rate"] != self._rate:
            text = f"sample_rate {message['sample_rate']} is not that of {self._form}"
            raise Refusal("input_error", text)
        if self._chunks and message.get("previous_text") is not None:
            raise Refusal("input_error", "previous_text can only be sent with the first audio chunk")
        self._chunks += 1
        for heard in self._ear.feed(self._decoded(message["audio_base_64"])):
            await self._hear(heard)
        await self._suffer()
        if message["commit"]:
            await self._commit(is_asked=True)
        elif self._is_due():
            await self._commit(is_asked=False)

    async def _suffer(self) -> None:
        try:
            await self._server.suffer(self._socket, self._ear.seconds)
        except Stalled:
            while True:
                await self._socket.receive()

    def _decoded(self, audio: str) -> bytes:
        try:
            data = base64.b64decode(audio, validate=True)
        except binascii.Error:
            raise Refusal("input_error", "audio_base_64 is not base64") from None
        if self._form.startswith("ulaw"):
            return from_mu_law(data)
        if len(data) % 2:
            raise Refusal("input_error", "half a sample")
        return data

    async def _hear(self, heard: Heard) -> None:
        if heard.kind == "started":
            self._began, self._quiet_since = heard.at, None
        self._growing = [(word, self._began + n * WORD_SECONDS) for n, word in enumerate(heard.words)]
        if heard.kind == "ended":
            self._words, self._growing = [*self._words, *self._growing], []
            self._quiet_since = heard.at - PAUSE_SECONDS
        if self._text and heard.kind == "grown" and heard.at >= FIRST_SECONDS:
            await self._send("partial_transcript", text=self._text)

    @property
    def _text(self) -> str:
        return " ".join(word for word, _ in [*self._words, *self._growing])

    def _is_due(self) -> bool:
        if self._ear.seconds - self._committed >= MOST_SEGMENT_SECONDS:
            return True
        has_pause = self._quiet_since is not None and self._ear.seconds - self._quiet_since >= self._threshold
        return self._has_vad and has_pause and bool(self._words)

    async def _commit(self, *, is_asked: bool) -> None:
        new = self._ear.seconds - self._committed
        if is_asked and new < LEAST_COMMIT_SECONDS:
            text = f"Commit request ignored: only {new:.2f}s of uncommitted audio. You need at least 0.3s"
            raise Refusal("commit_throttled", f"{text} of uncommitted audio before committing.")
        for heard in self._ear.finish():
            await self._hear(heard)
        text, words = self._text, self._words
        self._words, self._quiet_since, self._committed = [], None, self._ear.seconds
        await self._send("committed_transcript", text=text)
        if self._is_on("include_timestamps"):
            language = self._asked.parameters.get("language_code", "en")
            known = language if self._is_on("include_language_detection") else None
            timed = [
                {"text": word, "start": at, "end": at + WORD_SECONDS, "type": "word", "logprob": 0.0}
                for word, at in words
            ]
            await self._send("committed_transcript_with_timestamps", text=text, language_code=known, words=timed)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send({"message_type": kind, **fields})


def _fits(name: str, value: str) -> bool:
    if name in RANGES:
        low, high = RANGES[name]
        return re.fullmatch(r"\d+(\.\d+)?", value) is not None and low <= float(value) <= high
    return name not in PARAMETERS or PARAMETERS[name].fullmatch(value) is not None

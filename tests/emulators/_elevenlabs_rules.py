"""What ElevenLabs takes and what it says to the rest: parameters, message fields, ranges, the shapes of its errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VOICE = "/v1/text-to-speech/"
POLICY = 1008
"""The close code of everything that text to speech refuses on a WebSocket."""

V2 = (
    "en", "ja", "zh", "de", "hi", "fr", "ko", "pt", "it", "es", "id", "nl", "tr", "fil", "pl", "sv", "bg", "ro", "ar",
    "cs", "el", "fi", "hr", "ms", "sk", "da", "ta", "uk", "ru",
)  # fmt: skip
MODELS: Mapping[str, tuple[int, Sequence[str]]] = {
    "eleven_flash_v2_5": (40_000, (*V2, "hu", "no", "vi")),
    "eleven_turbo_v2_5": (40_000, (*V2, "hu", "no", "vi")),
    "eleven_flash_v2": (30_000, ("en",)),
    "eleven_turbo_v2": (30_000, ("en",)),
    "eleven_multilingual_v2": (10_000, V2),
    "eleven_v3": (5_000, V2),
}
"""Characters a request may have, and languages; https://elevenlabs.io/docs/models."""
NO_SOCKET = frozenset({"eleven_v3"})
NO_NORMALIZATION = frozenset({"eleven_flash_v2_5", "eleven_turbo_v2_5"})
RATES = {f"pcm_{rate}": rate for rate in (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)} | {"ulaw_8000": 8_000}
"""The output formats that are spoken here."""
ENCODED = re.compile(r"(mp3|opus|wav|m4a_aac|alaw)_\d+(_\d+)?")
"""Formats that the vendor has and this emulator has no encoder for."""

BOOL = re.compile("true|false")
LANGUAGE = re.compile("[a-z]{2,3}")
"""With a region it is refused."""
SOCKET_PARAMETERS: Mapping[str, re.Pattern[str]] = {
    "authorization": re.compile(".+"),
    "single_use_token": re.compile(".+"),
    "model_id": re.compile(".+"),
    "language_code": re.compile(".*"),
    "enable_logging": BOOL,
    "enable_ssml_parsing": BOOL,
    "output_format": re.compile(".+"),
    "inactivity_timeout": re.compile(r"[1-9]\d?|1[0-7]\d|180"),
    "sync_alignment": BOOL,
    "auto_mode": BOOL,
    "apply_text_normalization": re.compile("auto|on|off"),
    "seed": re.compile(r"\d{1,10}"),
}
REQUEST_PARAMETERS: Mapping[str, re.Pattern[str]] = {
    "enable_logging": BOOL,
    "optimize_streaming_latency": re.compile("[0-4]"),
    "output_format": re.compile(".+"),
}

MULTI_FIELDS: Mapping[str, type] = {
    "text": str, "context_id": str, "flush": bool, "close_context": bool, "close_socket": bool,
    "voice_settings": dict, "generation_config": dict, "pronunciation_dictionary_locators": list,
    "xi_api_key": str, "authorization": str,
}  # fmt: skip
SINGLE_FIELDS: Mapping[str, type] = {
    "text": str, "flush": bool, "try_trigger_generation": bool, "voice_settings": dict, "generation_config": dict,
    "generator_config": dict, "pronunciation_dictionary_locators": list, "xi-api-key": str, "xi_api_key": str,
    "authorization": str,
}  # fmt: skip
BODY_FIELDS: Mapping[str, type] = {
    "text": str, "model_id": str, "language_code": str, "voice_settings": dict,
    "pronunciation_dictionary_locators": list, "seed": int, "previous_text": str, "next_text": str,
    "previous_request_ids": list, "next_request_ids": list, "use_pvc_as_ivc": bool, "apply_text_normalization": str,
    "apply_language_text_normalization": bool, "audio_effects": dict,
}  # fmt: skip
SETTINGS: Mapping[str, tuple[float, float]] = {
    "stability": (0.0, 1.0), "similarity_boost": (0.0, 1.0), "style": (0.0, 1.0), "speed": (0.7, 1.2),
}  # fmt: skip
SCHEDULE = (120, 160, 250, 290)
"""Characters until text that nobody flushed is spoken, first, then, and so on."""


@dataclass
class Asked:
    """What a client wants. ``key`` is that of the header, ``messages`` all that came by a WebSocket."""

    path: str
    query: list[tuple[str, str]]
    key: str
    body: Any = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    peak: int = 0
    """How many contexts counted at once, at most."""

    @property
    def parameters(self) -> dict[str, str]:
        """The last of each name."""
        return dict(self.query)

    @property
    def voice(self) -> str:
        """The id in the path."""
        return self.path.removeprefix(VOICE).partition("/")[0]

    @property
    def form(self) -> str:
        """The output format."""
        return self.parameters.get("output_format", "mp3_44100_128")


@dataclass(frozen=True)
class Said:
    """A text that was spoken in one go."""

    text: str
    voice: str
    context: str


class Refusal(Exception):
    """An error message on a WebSocket, and its end. ``is_wrong`` when a client must not cause it."""

    def __init__(self, error: str, message: str, *, code: int = POLICY, is_wrong: bool = True) -> None:
        super().__init__(f"{error}: {message}")
        self.error, self.message, self.code, self.is_wrong = error, message, code, is_wrong


@dataclass(frozen=True)
class Answer:
    """An HTTP error. ``is_wrong`` when a client must not cause it."""

    status: int
    body: Any
    is_wrong: bool = True


TYPES = {
    400: "validation_error", 401: "authentication_error", 402: "payment_required", 403: "authorization_error",
    404: "not_found", 429: "rate_limit_error", 503: "service_unavailable",
}  # fmt: skip

CODES = {
    401: "unauthorized", 402: "payment_required", 403: "subscription_required", 404: "not_found",
    429: "concurrent_limit_exceeded", 503: "service_unavailable",
}  # fmt: skip


def refused(status: int, code: str, message: str, *, is_wrong: bool = True, **more: Any) -> Answer:
    """The vendor's shape: ``status`` inside is the older name of ``code``, which some readers still go by."""
    detail = {"type": TYPES.get(status, "internal_error"), "code": code, "message": message, "status": code}
    return Answer(status, {"detail": {**detail, "request_id": "emulated", **more}}, is_wrong)


def by_status(status: int, code: int | str, message: str) -> Answer:
    """What is said with a status; https://elevenlabs.io/docs/eleven-api/resources/errors."""
    fallback = "internal_server_error" if status >= 500 else "invalid_parameters"
    return refused(status, code if isinstance(code, str) else CODES.get(status, fallback), message, is_wrong=False)


def wrong_key() -> Answer:
    """As recorded of a key that does not exist."""
    detail = {"type": TYPES[401], "code": "unauthorized", "message": "Invalid API key", "status": "invalid_api_key"}
    return Answer(401, {"detail": detail}, is_wrong=False)


def no_such_voice(voice: str) -> Answer:
    """As recorded."""
    return refused(404, "voice_not_found", f"A voice with voice_id '{voice}' was not found.", is_wrong=False)


def wrong_parameters(given: list[tuple[str, str]], known: Mapping[str, re.Pattern[str]]) -> Iterator[Answer]:
    """What a query is refused for, before any model or voice is looked at."""
    for name, value in given:
        pattern = known.get(name)
        if pattern is not None and not pattern.fullmatch(value):
            yield Answer(422, {"detail": [{"type": "value_error", "loc": ["query", name], "msg": f"got {value}"}]})
    form = dict(given).get("output_format")
    if form is not None and form not in RATES and not ENCODED.fullmatch(form):
        message = f"Invalid output format '{form}'. Must be one of: {sorted(RATES)}."
        yield refused(403, "invalid_output_format", message, type="validation_error", param="output_format")


def wrong_model(model: str, *, on_socket: bool) -> Answer | None:
    """The refusal of a model that is not there, or not here."""
    if model not in MODELS:
        message = f"A model with model ID {model} does not exist."
        return refused(400, "model_not_found", message, is_wrong=False, param="model_id")
    if on_socket and model in NO_SOCKET:
        message = (
            f"Model '{model}' is not supported on the text-to-speech websocket endpoint. "
            "Use the text-to-dialogue websocket endpoint instead."
        )
        return refused(400, "unsupported_model", message, is_wrong=False, param="model_id")
    return None


def unknown(given: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """Names that the vendor ignores."""
    return sorted(given.keys() - fields.keys())


def wrong_field(given: Mapping[str, Any], fields: Mapping[str, type]) -> str | None:
    """The first field of a wrong type; null is as good as nothing."""
    for name, value in given.items():
        wanted = fields.get(name)
        if wanted is None or value is None:
            continue
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            return name
    return None


def wrong_settings(settings: Mapping[str, Any]) -> str | None:
    """The sentence about the first of a voice's settings that is out of range."""
    for name, value in settings.items():
        if name == "use_speaker_boost":
            if not isinstance(value, bool | None):
                return f"Invalid setting for {name} received, expected a boolean, received {value}."
        elif name not in SETTINGS:
            return f"Unknown setting {name}."
        elif value is not None:
            low, high = SETTINGS[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                return (
                    f"Invalid setting for {name} received, expected to be greater or equal to {low} "
                    f"and less or equal to {high}, received {value}."
                )
    return None


def wrong_schedule(config: Mapping[str, Any]) -> str | None:
    """The sentence about a ``chunk_length_schedule``; https://elevenlabs.io/docs/…/v-1-text-to-speech-…-stream-input."""
    steps = config.get("chunk_length_schedule")
    if steps is None:
        return None
    if isinstance(steps, list) and steps and all(isinstance(step, int | float) and 50 <= step <= 500 for step in steps):
        return None
    return f"chunk_length_schedule: each item should be in the range 50-500, received {steps}."

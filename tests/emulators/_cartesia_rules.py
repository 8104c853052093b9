"""What Cartesia's TTS WebSocket refuses, in the form of the version that is spoken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.trouble import Trouble

VERSIONS = ("2024-06-10", "2024-11-13", "2025-04-16", "2026-03-01", "2026-08-14")
STRUCTURED_SINCE = "2026-03-01"
"""Older versions get their errors as one line of text."""
PLAIN_VOICE_SINCE = "2026-08-14"
"""Older versions want ``{"mode": "id", "id": …}``; this one takes the id alone, or an object that has it."""
MODELS = (
    "sonic-latest", "sonic-3-latest", "sonic-3.6", "sonic-3.6-2026-08-27", "sonic-3.5", "sonic-3.5-2026-05-04",
    "sonic-3", "sonic-3-2026-01-12",
)  # fmt: skip
SUNSET = re.compile(r"sonic(-english|-multilingual|-2.*|-turbo.*|-3-2025-10-27)?")
_CODES = (
    "en fr de es pt zh ja hi it ko nl pl ru sv tr tl bg ro ar cs el fi hr ms sk da ta "
    "uk hu no vi bn th he ka id te gu kn ml mr pa or ur"
)
LANGUAGES = frozenset(_CODES.split())
ENCODINGS = ("pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOVING = frozenset(("transcript", "continue", "flush", "duration"))
"""What may differ from input to input of one context."""
NEEDED = ("context_id", "model_id", "transcript", "voice", "output_format")


@dataclass(frozen=True)
class Refusal:
    """An error event. ``is_mistake`` where no client should get it."""

    status: int
    code: str | None
    title: str
    message: str
    is_mistake: bool = True

    def words(self, version: str) -> dict[str, Any] | str:
        """What is said of it, in the form of the version."""
        if version < STRUCTURED_SINCE:
            return f"{self.title}: {self.message}"
        return {"error_code": self.code, "title": self.title, "message": self.message}


def invalid(message: str) -> Refusal:
    """A request that breaks the rules."""
    return Refusal(400, None, "Invalid request", message)


def troubled(trouble: Trouble) -> Refusal:
    """A trouble that a test wants; its ``code`` is the vendor's ``error_code``, if it is one."""
    code = None if isinstance(trouble.code, int) else trouble.code
    return Refusal(trouble.status, code, trouble.reason, trouble.reason, is_mistake=False)


Rule = Callable[[Any], bool]


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(least: float, most: float) -> Rule:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _whole(least: int, most: int) -> Rule:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _object(**fields: Rule) -> Rule:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() <= fields.keys()
        and all(fields[name](given) for name, given in value.items())
    )


def _locale(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", value) is not None


FIELDS: Mapping[str, Rule] = {
    "model_id": _text,
    "transcript": _text,
    "voice": lambda value: isinstance(value, str | dict),
    "output_format": _object(
        container=lambda value: value == "raw",
        encoding=lambda value: value in ENCODINGS,
        sample_rate=lambda value: value in SAMPLE_RATES,
    ),
    "context_id": lambda value: isinstance(value, str) and value != "",
    "continue": _flag,
    "flush": _flag,
    "duration": _number(0, 3600),
    "language": _locale,
    "locale": _locale,
    "normalization": lambda value: value in ("auto", "off") or _locale(value),
    "add_timestamps": _flag,
    "add_phoneme_timestamps": _flag,
    "use_normalized_timestamps": _flag,
    "max_buffer_delay_ms": _whole(0, 5000),
    "speed": lambda value: value in ("slow", "normal", "fast"),
    "pronunciation_dict_id": _text,
    "generation_config": _object(speed=_number(0.6, 1.5), volume=_number(0.5, 2.0), emotion=_text),
}


def wrong(request: Mapping[str, Any], version: str) -> Iterator[Refusal]:
    """What is refused of a generation request by itself, in no documented order."""
    for name in NEEDED:
        if request.get(name) is None:
            yield invalid(f"{name} is required")
    for name, value in request.items():
        if name not in FIELDS:
            yield invalid(f"{name} is not a field of a generation request")
        elif value is not None and not FIELDS[name](value):
            yield invalid(f"{name} is invalid: {value!r}")
    form = request.get("output_format")
    if isinstance(form, dict) and form.keys() != {"container", "encoding", "sample_rate"}:
        yield invalid("output_format needs container, encoding and sample_rate, and nothing else")
    if request.get("language") is not None and request.get("locale") is not None:
        yield invalid("only one of language and locale may be set")
    voice = request.get("voice")
    if isinstance(voice, str) and version < PLAIN_VOICE_SINCE:
        yield invalid("voice must be an object with mode and id")
    if isinstance(voice, dict):
        if not isinstance(voice.get("id"), str):
            yield invalid("voice.id is required")
        if version < PLAIN_VOICE_SINCE and voice.get("mode") != "id":
            yield invalid("voice.mode must be id")


def unknown(request: Mapping[str, Any], models: tuple[str, ...], voices: tuple[str, ...]) -> Refusal | None:
    """The answer to a request that is well formed, and asks for what is not there."""
    model, voice = request["model_id"], request["voice"]
    voice = voice if isinstance(voice, str) else voice["id"]
    language = (request.get("language") or request.get("locale") or "en")[:2]
    if model not in models:
        if SUNSET.fullmatch(model):
            message = "The requested model has been sunsetted and is no longer available."
            return Refusal(400, "model_sunsetted", "Model sunsetted", message, is_mistake=False)
        message = "The model is not valid, make sure it is a valid model ID."
        return Refusal(400, "model_not_found", "Invalid model", message, is_mistake=False)
    if not UUID.fullmatch(voice) or (voices and voice not in voices):
        return Refusal(
            404, "voice_not_found", "Voice not found", "The requested voice was not found.", is_mistake=False
        )
    if language not in LANGUAGES:
        message = f"The language {language} is not supported by {model}."
        return Refusal(400, "language_not_supported", "Language not supported", message, is_mistake=False)
    return None

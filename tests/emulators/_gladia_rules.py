"""What Gladia's POST /v2/live refuses, in its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SAMPLE_RATES = (8000, 16000, 32000, 44100, 48000)
BIT_DEPTHS = (8, 16, 24, 32)
ENCODINGS = ("wav/pcm", "wav/alaw", "wav/ulaw")
_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr "
    "ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc "
    "pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh"
)
LANGUAGES = frozenset(_CODES.split())
MESSAGES: Mapping[str, bool] = {
    "receive_partial_transcripts": False,
    "receive_final_transcripts": True,
    "receive_speech_events": True,
    "receive_pre_processing_events": True,
    "receive_realtime_processing_events": True,
    "receive_post_processing_events": True,
    "receive_acknowledgments": True,
    "receive_errors": True,
    "receive_lifecycle_events": False,
}
"""What comes over the WebSocket where nothing was asked for."""

Rule = Callable[[str, Any], Iterator[str]]


def _one_of(*allowed: Any) -> Rule:
    def rule(name: str, value: Any) -> Iterator[str]:
        if isinstance(value, bool) or value not in allowed:
            yield f"{name} must be one of the following values: {', '.join(map(str, allowed))}"

    return rule


def _between(least: float, most: float, *, is_whole: bool = False) -> Rule:
    def rule(name: str, value: Any) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
            yield f"{name} must be {'an integer number' if is_whole else 'a number'}"
        elif value < least:
            yield f"{name} must not be less than {least:g}"
        elif value > most:
            yield f"{name} must not be greater than {most:g}"

    return rule


def _is_a(kind: type, words: str) -> Rule:
    def rule(name: str, value: Any) -> Iterator[str]:
        if not isinstance(value, kind):
            yield f"{name} must be {words}"

    return rule


_flag = _is_a(bool, "a boolean value")
_text = _is_a(str, "a string")
_anything = _is_a(dict, "an object")


def _object(fields: Mapping[str, Rule], *needed: str) -> Rule:
    def rule(name: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{name} must be an object"
            return
        prefix = f"{name}." if name else ""
        for field in needed:
            if field not in value:
                yield f"{prefix}{field} should not be empty"
        for field, given in value.items():
            if field not in fields:
                yield f"property {prefix}{field} should not exist"
            elif given is not None:
                yield from fields[field](f"{prefix}{field}", given)

    return rule


def _languages(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{name} must be an array"
    elif not all(isinstance(language, str) and language in LANGUAGES for language in value):
        yield f"each value in {name} must be one of the following values: {', '.join(sorted(LANGUAGES))}"


def _vocabulary(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{name} should not be empty"
        return
    for number, entry in enumerate(value):
        if not isinstance(entry, str):
            yield from _ENTRY(f"{name}.{number}", entry)


_ENTRY = _object(
    {
        "value": _text,
        "intensity": _between(0, 1),
        "pronunciations": _is_a(list, "an array"),
        "language": _one_of(*sorted(LANGUAGES)),
    },
    "value",
)
_PROCESSING = _object(
    {
        **dict.fromkeys(
            ("custom_vocabulary", "custom_spelling", "translation", "named_entity_recognition", "sentiment_analysis"),
            _flag,
        ),
        "custom_vocabulary_config": _object(
            {"vocabulary": _vocabulary, "default_intensity": _between(0, 1)}, "vocabulary"
        ),
        "custom_spelling_config": _object({"spelling_dictionary": _anything}, "spelling_dictionary"),
        "translation_config": _anything,
    }
)
_BODY = _object(
    {
        "encoding": _one_of(*ENCODINGS),
        "bit_depth": _one_of(*BIT_DEPTHS),
        "sample_rate": _one_of(*SAMPLE_RATES),
        "channels": _between(1, 8, is_whole=True),
        "custom_metadata": _anything,
        "model": _text,
        "endpointing": _between(0.01, 10),
        "maximum_duration_without_endpointing": _between(5, 60),
        "end_of_turn": _object(
            {
                "threshold": _between(0, 1),
                "emission_threshold": _between(0, 1),
                "max_wait_secs": _between(1, 30),
                "probe_base_ms": _between(100, 5000),
            }
        ),
        "language_config": _object({"languages": _languages, "code_switching": _flag}),
        "pre_processing": _object({"audio_enhancer": _flag, "speech_threshold": _between(0, 1)}),
        "realtime_processing": _PROCESSING,
        "post_processing": _anything,
        "messages_config": _object(dict.fromkeys(MESSAGES, _flag)),
        "callback": _flag,
        "callback_config": _anything,
    }
)


def wrong(body: Any) -> list[str]:
    """The ``validation_errors`` of a body; none, if it is taken."""
    return list(_BODY("", body)) if isinstance(body, dict) else ["the body must be an object"]

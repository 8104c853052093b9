"""What Deepgram takes in the address of a stream and in a Configure message, and what it answers to the rest.

Sources: https://developers.deepgram.com/reference/speech-to-text/listen-streaming and …/listen-flux,
https://developers.deepgram.com/docs/models-languages-overview, …/docs/flux/configuration,
…/docs/flux/language-prompting, …/docs/keyterm, …/docs/utterance-end, …/docs/errors, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOVA_PATH = "/v1/listen"
FLUX_PATH = "/v2/listen"
WIDTHS = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
"""Bytes of a sample, of the encodings that this emulator hears."""
KEYTERMS = 100
KEYTERM_TOKENS = 500
EOT_THRESHOLD = 0.7

Parameters = Mapping[str, Sequence[str]]
"""Each name of the query with its values, in their order."""


@dataclass(frozen=True)
class Wrong:
    """What is wrong with an address; ``is_refused`` if Deepgram says so, ``is_problem`` if no client may do it."""

    message: str
    code: str = "INVALID_QUERY_PARAMETER"
    is_refused: bool = True
    is_problem: bool = True


Check = Callable[[str], str]
"""A value to what is wrong with it, or to nothing."""


def _boolean(value: str) -> str:
    return "" if value in ("true", "false") else "provided string was not `true` or `false`"


def _text(value: str) -> str:
    return "" if value else "value is empty"


def _term(value: str) -> str:
    return "" if value.strip() else "keyterm is empty"


def _one_of(*values: str) -> Check:
    return lambda value: "" if value in values else f"unknown variant `{value}`, expected one of {', '.join(values)}"


def _integer(low: int, high: int) -> Check:
    def check(value: str) -> str:
        if not re.fullmatch(r"\d+", value):
            return "invalid digit found in string"
        return "" if low <= int(value) <= high else f"{value} is not between {low} and {high}"

    return check


def _number(low: float, high: float) -> Check:
    def check(value: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            return "invalid float literal"
        return "" if low <= float(value) <= high else f"{value} is not between {low} and {high}"

    return check


def _endpointing(value: str) -> str:
    return "" if value in ("true", "false") else _integer(0, 60_000)(value)


_ENCODINGS = ("linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus")
NOVA: Mapping[str, Check] = {
    **dict.fromkeys(
        ("detect_entities", "diarize", "dictation", "filler_words", "interim_results", "mip_opt_out", "multichannel",
         "numerals", "profanity_filter", "punctuate", "smart_format", "vad_events"), _boolean),
    **dict.fromkeys(("extra", "keywords", "language", "language_hint", "model", "replace", "search", "tag", "version"),
                    _text),
    "channels": _integer(1, 1),
    "diarize_model": _one_of("latest", "v1"),
    "encoding": _one_of(*_ENCODINGS, "flac", "amr-nb", "amr-wb", "speex", "g729"),
    "endpointing": _endpointing,
    "keyterm": _term,
    "redact": _one_of("true", "false", "pci", "numbers", "aggressive_numbers", "ssn"),
    "sample_rate": _integer(8_000, 48_000),
    "utterance_end_ms": _integer(1_000, 60_000),
}  # fmt: skip
"""``channels`` may be more, but this emulator hears one."""
FLUX: Mapping[str, Check] = {
    **dict.fromkeys(("mip_opt_out", "numerals", "profanity_filter"), _boolean),
    **dict.fromkeys(("language_hint", "model", "tag"), _text),
    "eager_eot_threshold": _number(0.3, 0.9),
    "encoding": _one_of(*_ENCODINGS),
    "eot_threshold": _number(0.5, 1.0),
    "eot_timeout_ms": _integer(500, 60_000),
    "keyterm": _term,
    "redact": _one_of("numbers", "aggressive_numbers"),
    "sample_rate": _one_of("8000", "16000", "24000", "44100", "48000"),
}
REPEATED = frozenset(("extra", "keyterm", "keywords", "language_hint", "redact", "replace", "search", "tag"))


def _codes(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_ENGLISH = _codes("en en-US")
_NOVA_3 = _codes(
    "multi en en-US en-AU en-CA en-GB en-IN en-NZ af ar be bg bn bs ca cs da da-DK de de-CH el es es-419 et fa fi fr "
    "fr-CA gl gu gu-IN he hi hr hu hy id it ja ka kn ko ko-KR lt lv mk mr ms ne nl nl-BE no pa pl pt pt-BR pt-PT ro "
    "ru sk sl sr sv sv-SE ta te th th-TH tl tr uk ur vi zh zh-CN zh-Hans zh-TW zh-Hant zh-HK xh zu"
)
_NOVA_2 = _codes(
    "multi en en-US en-AU en-GB en-IN en-NZ bg ca cs da da-DK de de-CH el es es-419 et fi fr fr-CA hi hu id it ja ko "
    "ko-KR lt lv ms nl nl-BE no pl pt pt-BR pt-PT ro ru sk sv sv-SE th th-TH tr uk vi zh zh-CN zh-Hans zh-TW zh-Hant "
    "zh-HK"
)
MODELS: Mapping[str, frozenset[str]] = {
    "nova-3": _NOVA_3,
    "nova-3-general": _NOVA_3,
    "nova-3-medical": _ENGLISH | {"multi"},
    "nova-2": _NOVA_2,
    "nova-2-general": _NOVA_2,
    **dict.fromkeys(("nova-2-meeting", "nova-2-phonecall", "nova-2-finance", "nova-2-conversationalai",
                     "nova-2-voicemail", "nova-2-video", "nova-2-medical", "nova-2-drivethru", "nova-2-automotive"),
                    _ENGLISH),
}  # fmt: skip
"""The languages of each model of ``/v1/listen``."""
FLUX_MODELS = ("flux-general-en", "flux-general-multi")
FLUX_LANGUAGES = _codes("en es fr de hi ru pt ja it nl")

NO_MODEL = Wrong("Bad Request: No such model/language/tier combination found.", "Bad Request", is_problem=False)
KEYTERM_LIMIT = f"Keyterm limit exceeded. The maximum number of tokens across all keyterms is {KEYTERM_TOKENS}."


def wrong_address(path: str, asked: Parameters) -> Iterator[Wrong]:
    """All that is wrong with what a stream was asked for, in Deepgram's order of looking."""
    is_flux = path == FLUX_PATH
    table = FLUX if is_flux else NOVA
    for name, values in asked.items():
        if name not in table:
            # Nova reads over what it does not know, so that a misspelt option goes unseen: worse than an answer
            yield Wrong(f"unknown field `{name}`", is_refused=is_flux)
            continue
        if len(values) > 1 and name not in REPEATED:
            yield Wrong(f"Failed to deserialize query parameters: duplicate field `{name}`")
        for value in values:
            if fault := table[name](value):
                yield Wrong(f"Failed to deserialize query parameters: {name}: {fault}")
    yield from _wrong_sound(asked)
    yield from _wrong_terms(asked)
    yield from _wrong_flux(asked) if is_flux else _wrong_nova(asked)


def _wrong_sound(asked: Parameters) -> Iterator[Wrong]:
    encoding = first(asked, "encoding")
    if encoding and encoding not in WIDTHS:
        yield Wrong(f"this emulator does not hear {encoding}", is_refused=False)
    if (encoding in WIDTHS) != ("sample_rate" in asked):
        yield Wrong("`encoding` and `sample_rate` belong together for raw audio")


def _wrong_terms(asked: Parameters) -> Iterator[Wrong]:
    terms = asked.get("keyterm", ())
    if any(re.search(r"[,;\r\n]", term) for term in terms):
        yield Wrong("keyterms are separated by more than one `keyterm`, not by a sign in one", is_refused=False)
    if is_too_many(terms):
        yield Wrong(KEYTERM_LIMIT)


def _wrong_nova(asked: Parameters) -> Iterator[Wrong]:
    model, language = first(asked, "model", "base-general"), first(asked, "language", "en")
    if language not in MODELS.get(model, ()):
        yield NO_MODEL
    if "keywords" in asked and model.startswith("nova-3"):
        yield Wrong("Keywords are not supported for Nova-3. Please use `keyterm` instead.")
    if "keyterm" in asked and not model.startswith("nova-3"):
        yield Wrong("only Nova-3 listens for keyterms", is_refused=False)
    if "language_hint" in asked and not (model.startswith("nova-3") and language == "multi"):
        yield Wrong("only Nova-3 with language=multi takes language hints", is_refused=False)
    if "utterance_end_ms" in asked and first(asked, "interim_results") != "true":
        yield Wrong("`utterance_end_ms` needs `interim_results=true`")


def _wrong_flux(asked: Parameters) -> Iterator[Wrong]:
    model = first(asked, "model")
    if not model:
        yield Wrong("Failed to deserialize query parameters: missing field `model`")
    elif model not in FLUX_MODELS:
        yield NO_MODEL
    if fault := wrong_hints(model, asked.get("language_hint", ())):
        yield Wrong(fault)
    eager, end = first(asked, "eager_eot_threshold"), first(asked, "eot_threshold", str(EOT_THRESHOLD))
    if eager and not _number(0, 9)(eager) and not _number(0, 9)(end) and float(eager) > float(end):
        yield Wrong("eager_eot_threshold must be less than or equal to eot_threshold")


def first(asked: Parameters, name: str, default: str = "") -> str:
    """The value of a parameter that is given once."""
    return asked[name][0] if asked.get(name) else default


def wrong_hints(model: str, hints: Sequence[str]) -> str:
    """What is wrong with language hints for a Flux model, or nothing. A regional tag counts as its language."""
    if hints and model != "flux-general-multi":
        return "language_hint is only supported by flux-general-multi"
    unknown = [hint for hint in hints if hint.split("-")[0].lower() not in FLUX_LANGUAGES]
    return f"unsupported language_hint `{unknown[0]}`" if unknown else ""


def is_too_many(terms: Sequence[str]) -> bool:
    """Whether keyterms are more than Deepgram takes, a token counted as four letters of a word."""
    tokens = sum(-(-len(word) // 4) for term in terms for word in term.split())
    return len(terms) > KEYTERMS or tokens > KEYTERM_TOKENS


# the Configure message


def wrong_shape(message: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], bool]]) -> str:
    """The first field of a message that has another type than it must, or no name Deepgram knows; or nothing."""
    for name, value in message.items():
        if name != "type" and (name not in kinds or not (value is None or kinds[name](value))):
            return name
    return ""


def is_words(value: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def is_number(value: Any) -> bool:
    """Whether it is a number; True is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


THRESHOLDS: Mapping[str, Callable[[Any], bool]] = {
    "eager_eot_threshold": is_number,
    "eot_threshold": is_number,
    "eot_timeout_ms": lambda value: isinstance(value, int) and not isinstance(value, bool),
}
CONFIGURE_FLUX: Mapping[str, Callable[[Any], bool]] = {
    "thresholds": lambda value: isinstance(value, dict) and not wrong_shape(value, THRESHOLDS),
    "keyterms": is_words,
    "language_hints": is_words,
    "numerals": lambda value: isinstance(value, bool),
}
CONFIGURE_NOVA: Mapping[str, Callable[[Any], bool]] = {
    "keyterms": is_words,
    "features": lambda value: isinstance(value, dict) and all(isinstance(each, bool) for each in value.values()),
}


def wrong_thresholds(thresholds: Mapping[str, Any]) -> str:
    """What is wrong with all thresholds of a stream as they would be, or nothing."""
    for name, value in thresholds.items():
        if value is not None and (fault := FLUX[name](f"{value}")):
            return f"{name}: {fault}"
    eager = thresholds.get("eager_eot_threshold")
    if eager is not None and eager > thresholds["eot_threshold"]:
        return "eager_eot_threshold must be less than or equal to eot_threshold"
    return ""

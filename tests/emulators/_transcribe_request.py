"""The parameters of Amazon Transcribe's StartStreamTranscription, as they are in the query of a WebSocket."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.emulators._sigv4 import RefusedError

LANGUAGE_CODES = """
    en-US en-GB es-US fr-CA fr-FR en-AU it-IT de-DE pt-BR ja-JP ko-KR zh-CN th-TH es-ES ar-SA pt-PT ca-ES ar-AE hi-IN
    zh-HK nl-NL no-NO sv-SE pl-PL fi-FI zh-TW en-IN en-IE en-NZ en-AB en-ZA en-WL de-CH af-ZA eu-ES hr-HR cs-CZ da-DK
    fa-IR gl-ES el-GR he-IL id-ID lv-LV ms-MY ro-RO ru-RU sr-RS sk-SK so-SO tl-PH uk-UA vi-VN zu-ZA am-ET be-BY bg-BG
    bn-IN bs-BA ckb-IQ ckb-IR cy-WL es-MX et-ET fa-AF gu-IN ht-HT hu-HU hy-AM is-IS jv-ID ka-GE kab-DZ kk-KZ km-KH
    kn-IN lg-IN lt-LT mk-MK ml-IN mr-IN my-MM ne-NP or-IN pa-IN ps-AF si-LK sl-SI sq-AL su-ID sw-BI sw-KE sw-RW sw-TZ
    sw-UG ta-IN te-IN tr-TR uz-UZ
"""
LANGUAGES = frozenset(LANGUAGE_CODES.split())
NAME = r"[0-9a-zA-Z._-]{1,200}"
NAMES = r"[a-zA-Z0-9,\-._]{1,3000}"

Rule = Callable[[str], bool]


def _one_of(*values: str) -> Rule:
    return lambda value: value in values


def _like(pattern: str) -> Rule:
    return lambda value: re.fullmatch(pattern, value) is not None


RULES: Mapping[str, Rule] = {
    "language-code": lambda value: value in LANGUAGES,
    "preferred-language": lambda value: value in LANGUAGES,
    "language-options": lambda value: len(value) <= 200 and all(code in LANGUAGES for code in value.split(",")),
    "media-encoding": _one_of("pcm", "ogg-opus", "flac"),
    "sample-rate": lambda value: re.fullmatch(r"\d{4,5}", value) is not None and 8_000 <= int(value) <= 48_000,
    "session-id": _like(r"[a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}"),
    "vocabulary-name": _like(NAME),
    "vocabulary-names": _like(NAMES),
    "vocabulary-filter-name": _like(NAME),
    "vocabulary-filter-names": _like(NAMES),
    "vocabulary-filter-method": _one_of("remove", "mask", "tag"),
    "show-speaker-label": _one_of("true", "false"),
    "enable-channel-identification": _one_of("true", "false"),
    "number-of-channels": _one_of("2"),
    "enable-partial-results-stabilization": _one_of("true", "false"),
    "partial-results-stability": _one_of("high", "medium", "low"),
    "content-identification-type": _one_of("PII"),
    "content-redaction-type": _one_of("PII"),
    "pii-entity-types": _like(r"[A-Z_, ]{1,300}"),
    "language-model-name": _like(NAME),
    "identify-language": _one_of("true", "false"),
    "identify-multiple-languages": _one_of("true", "false"),
}
LANGUAGE_CHOICES = ("language-code", "identify-language", "identify-multiple-languages")
NOT_TOGETHER = (
    ("show-speaker-label", "enable-channel-identification"),
    ("content-identification-type", "content-redaction-type"),
)


def check_parameters(given: Mapping[str, str]) -> list[str]:
    """What AWS takes in silence and a client must not send; empty if there is nothing.

    Raises:
        RefusedError: BadRequestException, AWS does not take the parameters.
    """
    for name, value in given.items():
        if name in RULES and not RULES[name](value):
            # A language that a project asks for and AWS does not have is no fault of the client.
            raise _refused(f"Value '{value}' at '{name}' failed to satisfy constraint", is_fault="lang" not in name)
    for name in ("media-encoding", "sample-rate"):
        if name not in given:
            raise _refused(f"Value null at '{name}' failed to satisfy constraint: Member must not be null")
    _check_language(given)
    for pair in NOT_TOGETHER:
        if all(given.get(name, "false") != "false" for name in pair):
            raise _refused(f"{pair[0]} and {pair[1]} cannot be used together")
    if "pii-entity-types" in given and not any(name in given for name in NOT_TOGETHER[1]):
        raise _refused("pii-entity-types needs content-identification-type or content-redaction-type")
    problems = [f"no such parameter: {name}" for name in given.keys() - RULES.keys()]
    if given["media-encoding"] != "pcm" or "number-of-channels" in given:
        problems.append("the emulator hears one channel of pcm, and nothing else")
    return problems


def _check_language(given: Mapping[str, str]) -> None:
    chosen = [name for name in LANGUAGE_CHOICES if given.get(name, "false") != "false"]
    if len(chosen) != 1:
        raise _refused(f"one of {', '.join(LANGUAGE_CHOICES)} is needed, there are {len(chosen)}")
    options = given.get("language-options", "").split(",")
    if chosen == ["language-code"]:
        if "language-options" in given or "preferred-language" in given:
            raise _refused("language-options and preferred-language need identify-language")
    elif len(options) < 2:
        raise _refused("language-options needs at least two languages")
    elif given.get("preferred-language", options[0]) not in options:
        raise _refused("preferred-language must be one of language-options")


def _refused(message: str, *, is_fault: bool = True) -> RefusedError:
    return RefusedError("BadRequestException", f"1 validation error detected: {message}", is_fault=is_fault)

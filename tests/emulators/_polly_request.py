"""What Amazon Polly's SynthesizeSpeech takes and what it refuses, with the voices that the emulator has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from tests.emulators._sigv4 import RefusedError

ENGINES = ("standard", "neural", "long-form", "generative")
FORMATS = ("json", "mp3", "ogg_opus", "ogg_vorbis", "pcm", "mulaw", "alaw")
RATES = {
    "pcm": ("8000", "16000"),
    "mp3": ("8000", "16000", "22050", "24000", "44100", "48000"),
    "ogg_vorbis": ("8000", "16000", "22050", "24000", "44100", "48000"),
    "ogg_opus": ("48000",),
    "mulaw": ("8000",),
    "alaw": ("8000",),
}
MARKS = ("sentence", "ssml", "viseme", "word")
FIELDS = frozenset((
    "Engine", "LanguageCode", "LexiconNames", "OutputFormat", "SampleRate", "SpeechMarkTypes", "Text", "TextType",
    "VoiceId",
))  # fmt: skip
LANGUAGE_CODES = """
    arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR is-IS it-IT ja-JP
    hi-IN ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR en-NZ en-ZA ca-ES de-AT yue-CN ar-AE fi-FI en-IE
    nl-BE fr-BE cs-CZ de-CH en-SG
"""
LANGUAGES = frozenset(LANGUAGE_CODES.split())
MAX_CHARACTERS, MAX_BILLED = 6_000, 3_000
NOT_NEURAL = frozenset(("emphasis", "amazon:auto-breaths", "amazon:breath"))
"""Tags that only the standard engine knows."""
TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Voice:
    """A voice as DescribeVoices tells of it."""

    name: str
    gender: str
    language: str
    language_name: str
    engines: tuple[str, ...]
    more_languages: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """In the API's names."""
        told = {"Id": self.name, "Name": self.name, "Gender": self.gender, "SupportedEngines": list(self.engines)}
        told |= {"LanguageCode": self.language, "LanguageName": self.language_name, "Origin": "aws"}
        return told | ({"AdditionalLanguageCodes": list(self.more_languages)} if self.more_languages else {})


VOICES = {
    voice.name: voice
    for voice in (
        Voice("Joanna", "Female", "en-US", "US English", ("neural", "standard")),
        Voice("Matthew", "Male", "en-US", "US English", ("generative", "neural", "standard")),
        Voice("Ruth", "Female", "en-US", "US English", ("generative", "long-form", "neural")),
        Voice("Amy", "Female", "en-GB", "British English", ("generative", "neural", "standard")),
        Voice("Olivia", "Female", "en-AU", "Australian English", ("generative", "neural")),
        Voice("Aditi", "Female", "en-IN", "Indian English", ("standard",), ("hi-IN",)),
        Voice("Lucia", "Female", "es-ES", "Castilian Spanish", ("generative", "neural", "standard")),
        Voice("Lupe", "Female", "es-US", "US Spanish", ("generative", "neural", "standard")),
        Voice("Vicki", "Female", "de-DE", "German", ("generative", "neural", "standard")),
    )
}


def plain(given: Mapping[str, Any]) -> str:
    """The words of the text, without tags."""
    return TAG.sub(" ", given["Text"]) if given.get("TextType") == "ssml" else str(given["Text"])


def billed(given: Mapping[str, Any]) -> int:
    """How many characters are paid for: tags are not."""
    return len(TAG.sub("", given["Text"]) if given.get("TextType") == "ssml" else given["Text"])


def check_speech(given: Any) -> list[str]:
    """What AWS takes in silence and a client must not send; empty if there is nothing.

    Raises:
        RefusedError: AWS does not take the body.
    """
    if not isinstance(given, dict):
        raise RefusedError("SerializationException", "The body is no JSON object")
    _check_shapes(given)
    voice = _voice(given["VoiceId"])
    _check_length(given)
    _check_format(given)
    _check_voice(given, voice)
    _check_ssml(given)
    if names := given.get("LexiconNames"):
        raise RefusedError("LexiconNotFoundException", f"Lexicon not found: {names[0]}", is_fault=False)
    problems = [f"no such field: {name}" for name in given.keys() - FIELDS]
    if given["OutputFormat"] not in ("pcm", "json"):
        problems.append("the emulator speaks pcm, and nothing else")
    return problems


def _check_shapes(given: Mapping[str, Any]) -> None:
    for name in ("OutputFormat", "Text", "VoiceId"):
        if given.get(name) is None:
            raise _invalid("null", name, "Member must not be null")
    for name in ("OutputFormat", "Text", "VoiceId", "SampleRate", "Engine", "LanguageCode", "TextType"):
        if name in given and not isinstance(given[name], str):
            raise RefusedError("SerializationException", f"{name} is no text")
    for name, values in (("OutputFormat", FORMATS), ("Engine", ENGINES), ("TextType", ("ssml", "text"))):
        if name in given:
            _check_enum(given[name], name, values)
    _check_list(given, "SpeechMarkTypes", 4)
    for mark in given.get("SpeechMarkTypes", []):
        _check_enum(mark, "SpeechMarkTypes", MARKS)
    _check_list(given, "LexiconNames", 5)
    if given.get("LanguageCode", "en-US") not in LANGUAGES:
        raise _invalid(given["LanguageCode"], "languageCode", _members(sorted(LANGUAGES)), is_fault=False)


def _check_list(given: Mapping[str, Any], name: str, most: int) -> None:
    values = given.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise RefusedError("SerializationException", f"{name} is no list of texts")
    if len(values) > most:
        raise _invalid(str(values), name, f"Member must have length less than or equal to {most}")


def _voice(name: str) -> Voice:
    if name in VOICES:
        return VOICES[name]
    if name.startswith("vc-"):
        raise RefusedError("ResourceNotFoundException", f"Voice not found: {name}", is_fault=False)
    raise _invalid(name, "voiceId", _members(VOICES), is_fault=False)


def _check_length(given: Mapping[str, Any]) -> None:
    if len(given["Text"]) > MAX_CHARACTERS or billed(given) > MAX_BILLED:
        raise RefusedError("TextLengthExceededException", "Maximum text length has been exceeded")


def _check_format(given: Mapping[str, Any]) -> None:
    form, marks = given["OutputFormat"], given.get("SpeechMarkTypes", [])
    if form == "json" and not marks:
        raise RefusedError("ValidationException", "SpeechMarkTypes is needed for OutputFormat json")
    if form != "json" and marks:
        words = "Speech marks are not supported for the OutputFormat selected. Speech marks are only available for"
        raise RefusedError("MarksNotSupportedForFormatException", f"{words} content in json format.")
    if "ssml" in marks and given.get("TextType") != "ssml":
        words = "SSML speech marks are not supported for plain text-type input."
        raise RefusedError("SsmlMarksNotSupportedForTextTypeException", words)
    if form in RATES and given.get("SampleRate", RATES[form][0]) not in RATES[form]:
        raise RefusedError("InvalidSampleRateException", "The specified sample rate is not valid.")


def _check_voice(given: Mapping[str, Any], voice: Voice) -> None:
    engine = given.get("Engine", "standard")
    if engine not in voice.engines:
        # The model has EngineNotSupportedException for it; people report this one.
        words = f"This voice does not support the selected engine: {engine}"
        raise RefusedError("ValidationException", words, is_fault=False)
    if engine == "generative" and given["OutputFormat"] == "json":
        raise RefusedError("ValidationException", "Speech marks are not supported by the generative engine")
    if given.get("LanguageCode", voice.language) not in (voice.language, *voice.more_languages):
        words = "The language specified is not currently supported by Amazon Polly in this capacity."
        raise RefusedError("LanguageNotSupportedException", words, is_fault=False)


def _check_ssml(given: Mapping[str, Any]) -> None:
    if given.get("TextType") != "ssml":
        return
    try:
        root = ElementTree.fromstring(given["Text"].replace("amazon:", "amazon."))
    except ElementTree.ParseError as error:
        raise RefusedError("InvalidSsmlException", "Invalid SSML request") from error
    if root.tag != "speak":
        raise RefusedError("InvalidSsmlException", "Invalid SSML request")
    tags = {str(element.tag).replace("amazon.", "amazon:") for element in root.iter()}
    if given.get("Engine", "standard") != "standard" and tags & NOT_NEURAL:
        raise RefusedError("InvalidSsmlException", "Unsupported Neural feature")


def _check_enum(value: str, name: str, values: Sequence[str]) -> None:
    if value not in values:
        raise _invalid(value, name[0].lower() + name[1:], _members(values))


def _members(values: Sequence[str] | Mapping[str, Any]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def _invalid(value: str, name: str, constraint: str, *, is_fault: bool = True) -> RefusedError:
    words = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    return RefusedError("ValidationException", words, is_fault=is_fault)

"""The lists of Amazon's languages and voices hold together, and with the emulator's, which were written apart."""

from __future__ import annotations

import botocore.session
import jsonschema
import pytest
from tests.emulators import _polly_request, _transcribe_request

from pinecall_run.vendors.aws import BILINGUAL, ENGINE, ENGINES, POLLY_LANGUAGES, TRANSCRIBE_LANGUAGES, VOICES
from pinecall_run.vendors.table import PROVIDERS

POLLY = PROVIDERS["voice"]["polly"]


def test_the_languages_of_transcribe_are_those_of_the_interface() -> None:
    assert frozenset(TRANSCRIBE_LANGUAGES) == _transcribe_request.LANGUAGES
    assert len(TRANSCRIBE_LANGUAGES) == len(_transcribe_request.LANGUAGES)


def test_voices_are_those_of_the_interface() -> None:
    model = botocore.session.Session().get_service_model("polly")
    assert set(POLLY.names) <= set(model.shape_for("VoiceId").enum)
    assert set(ENGINES) == set(model.shape_for("Engine").enum)
    assert set(VOICES) <= _polly_request.LANGUAGES
    assert set(POLLY_LANGUAGES.values()) <= set(VOICES)


def test_what_is_said_of_voices_is_of_voices_that_there_are() -> None:
    assert set(ENGINE) | set(BILINGUAL) <= set(POLLY.names)
    assert len(set(POLLY.names)) == len(POLLY.names)
    for voice in _polly_request.VOICES.values():
        assert voice.name in VOICES[voice.language]
        assert ENGINE.get(voice.name, "neural") in voice.engines


PROSODY = {
    "rate": (["slow", "20%", "100%", "200%"], ["19%", "201%", "1.5", "-10%", "slower"]),
    "volume": (["default", "x-loud", "+6dB", "-0.5dB"], ["6dB", "+6", "loudest"]),
    "pitch": (["x-high", "+50%", "+9.5%", "-33.3%", "-5%", "+0%"], ["+51%", "-33.4%", "-34%", "10%", "+1"]),
}


@pytest.mark.parametrize("name", PROSODY)
def test_prosody_is_what_polly_reads(name: str) -> None:
    good, bad = PROSODY[name]
    check = jsonschema.Draft202012Validator(POLLY.options[name]).is_valid
    assert [value for value in good if not check(value)] == []
    assert [value for value in bad if check(value)] == []

"""Which ear or voice a wire value names, in every spelling that clients use, and which of several is had."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pinecall_run.providers.contracts import ProviderError, SpeechSpec
from pinecall_run.providers.speech_catalogue import (
    open_stt,
    open_tts,
    parse_stt,
    parse_voice,
)
from pinecall_run.vendors.table import served

FLUX = "deepgram-flux"


@pytest.mark.parametrize(
    ("written", "provider", "name"),
    [
        ("elevenlabs/sarah", "elevenlabs", "sarah"),
        ("elevenlabs:EXAVITQu4vr4xnSDxMaL", "elevenlabs", "EXAVITQu4vr4xnSDxMaL"),
        ("polly:Joanna", "polly", "Joanna"),
        ("rime:a/b:c", "rime", "a/b:c"),
        ("local", "local", ""),
        ("local:en-gb", "local", "en-gb"),
        ("Local/en-us+f3", "local", "en-us+f3"),
        ({"provider": "elevenlabs", "voice_id": "EXA"}, "elevenlabs", "EXA"),
        ({"provider": "elevenlabs", "voiceId": "EXA"}, "elevenlabs", "EXA"),
        ({"provider": "local", "voice": "es"}, "local", "es"),
        ({"provider": "elevenlabs/sarah"}, "elevenlabs", "sarah"),
        ({"provider": "local"}, "local", ""),
    ],
)
def test_a_wire_value_names_a_voice(written: Any, provider: str, name: str) -> None:
    assert parse_voice(written, "en") == [SpeechSpec(provider, name, "en")]


def test_what_names_no_voice_is_an_option_and_its_own_language_counts() -> None:
    written = {"provider": "cartesia", "voice_id": "v", "model": "sonic-3", "language": "es", "speed": 1.2}
    assert parse_voice(written, "en") == [SpeechSpec("cartesia", "v", "es", {"model": "sonic-3", "speed": 1.2})]


@pytest.mark.parametrize(
    ("written", "language", "spec"),
    [
        ("deepgram", "es", SpeechSpec("deepgram", "", "es")),
        ("deepgram/nova-3", "es", SpeechSpec("deepgram", "nova-3", "es")),
        ("deepgram:nova-3", "en", SpeechSpec("deepgram", "nova-3", "en")),
        ("deepgram:nova-3:es", "en", SpeechSpec("deepgram", "nova-3", "es")),
        ("deepgram::es:x", "en", SpeechSpec("deepgram", "", "es")),
        ("flux", "en-GB", SpeechSpec(FLUX, "flux-general-en", "en-GB")),
        ("flux", "", SpeechSpec(FLUX, "flux-general-en", "")),
        ("deepgram-flux", "es", SpeechSpec(FLUX, "flux-general-multi", "es")),
        ("deepgram/flux", "en", SpeechSpec(FLUX, "flux-general-en", "en")),
        ("deepgram/flux-en", "es", SpeechSpec(FLUX, "flux-general-en", "es")),
        ("deepgram/flux-multi", "en", SpeechSpec(FLUX, "flux-general-multi", "en")),
        ("deepgram:flux-general-multi", "en", SpeechSpec(FLUX, "flux-general-multi", "en")),
        ("gladia/solaria", "fr", SpeechSpec("gladia", "solaria", "fr")),
        ("transcribe", "en-US", SpeechSpec("transcribe", "", "en-US")),
        ("elevenlabs/scribe", "ar", SpeechSpec("elevenlabs", "scribe", "ar")),
        ({"provider": "deepgram", "model": "nova-3", "language": "es"}, "en", SpeechSpec("deepgram", "nova-3", "es")),
        ({"provider": "deepgram:nova-3:es"}, "en", SpeechSpec("deepgram", "nova-3", "es")),
        ({"provider": "deepgram", "model": "flux-en"}, "es", SpeechSpec(FLUX, "flux-general-en", "es")),
        (
            {"provider": "deepgram-flux", "keyterms": ["Acme"], "eot_threshold": 0.7},
            "en",
            SpeechSpec(FLUX, "flux-general-en", "en", {"keyterms": ["Acme"], "eot_threshold": 0.7}),
        ),
        (
            {"provider": "local", "grammar": ["yes"]},
            "en",
            SpeechSpec("local", "", "en", {"grammar": ["yes"]}),
        ),
    ],
)
def test_a_wire_value_names_an_ear(written: Any, language: str, spec: SpeechSpec) -> None:
    assert parse_stt(written, language) == [spec]


def test_a_list_is_an_ordered_fallback() -> None:
    found = parse_stt(["flux", {"provider": "local", "keyterms": ["Acme"]}, "", "gladia"], "en")
    assert [spec.provider for spec in found] == [FLUX, "local", "gladia"]
    assert [spec.name for spec in parse_voice(["elevenlabs/sarah", "local:en-gb"], "en")] == ["sarah", "en-gb"]


@pytest.mark.parametrize("written", [None, "", {}, [], [None, ""]])
def test_where_nothing_is_written_there_is_none(written: Any) -> None:
    assert parse_stt(written, "en") == []
    assert parse_voice(written, "en") == []


@pytest.mark.parametrize(
    ("written", "message"),
    [(5, "is a int"), ([["local"]], "is a list"), (True, "is a bool"), ("/x", "names no provider"),
     ({"voice_id": "x"}, "names no provider")],
)  # fmt: skip
def test_what_is_no_such_value_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        parse_voice(written, "en")
    with pytest.raises(ProviderError, match=message):
        parse_stt(written, "en")


def test_what_cannot_be_opened_says_why_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match="rime is not served here") as raised:
        open_tts(SpeechSpec("rime"), {})
    assert raised.value.hint == f"served: {', '.join(sorted(served('voice')))}"
    with pytest.raises(ProviderError, match="no speech-to-text provider `acme`"):
        open_stt(SpeechSpec("acme"), {})
    for module in ("local_voice", "local_ear", "_espeak"):
        monkeypatch.delitem(sys.modules, f"pinecall_run.providers.{module}", raising=False)
    for package in ("espeakng_loader", "pocketsphinx"):
        monkeypatch.setitem(sys.modules, package, None)
    for opener in (open_stt, open_tts):
        with pytest.raises(ProviderError, match="provider local is not installed") as raised:
            opener(SpeechSpec("local", language="en"), {})
        assert raised.value.hint == "install it with: pip install 'pinecall-run[local]'"

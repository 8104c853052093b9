"""What a realtime session is told, and what its bills and errors say."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.providers import realtime_wire as wire
from pinecall_run.providers.contracts import ModelSpec, ProviderError, SecondsHeard, TokensUsed
from pinecall_run.providers.failures import Vendor

VENDOR = Vendor("OpenAI", "OPENAI_API_KEY", "OPENAI_REALTIME_URL", ("sk-secret",))


def spec(**options: Any) -> ModelSpec:
    return ModelSpec("openai-realtime", "gpt-realtime", options)


def test_a_session_signals_turns_and_does_nothing_by_itself() -> None:
    told = wire.session(spec(), "de-AT")["session"]
    hears, speaks = told["audio"]["input"], told["audio"]["output"]
    assert hears["turn_detection"] == {
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        "create_response": False, "interrupt_response": False,
    }  # fmt: skip
    assert hears["transcription"] == {"model": "gpt-transcribe", "language": "de"}
    assert hears["format"] == speaks["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert (speaks["voice"], speaks["speed"]) == ("marin", 1)
    assert "max_output_tokens" not in told


def test_every_option_is_on_the_wire() -> None:
    asked = spec(
        voice="voice_123", speed=1.2, max_tokens=400, reasoning="low", transcription="whisper-1", keywords=["Acme"],
        noise_reduction="far_field", eagerness="high",
    )  # fmt: skip
    told = wire.session(asked, "")["session"]
    hears, speaks = told["audio"]["input"], told["audio"]["output"]
    assert (speaks["voice"], speaks["speed"], told["max_output_tokens"]) == ({"id": "voice_123"}, 1.2, 400)
    assert told["reasoning"] == {"effort": "low"}
    assert hears["transcription"] == {"model": "whisper-1", "keywords": ["Acme"]}
    assert hears["noise_reduction"] == {"type": "far_field"}
    assert hears["turn_detection"]["eagerness"] == "high"
    assert wire.quiet(asked) == 0
    silence = spec(silence_ms=300, threshold=0.7)
    turns = wire.session(silence, "")["session"]["audio"]["input"]["turn_detection"]
    assert (turns["silence_duration_ms"], turns["threshold"], wire.quiet(silence)) == (300, 0.7, 0.3)


def test_tools_are_flat_and_without_what_the_api_refuses() -> None:
    function = {"name": "look", "description": "d", "parameters": {"type": "object"}, "strict": True}
    told = wire.of_thinking("Be kind.", [{"type": "function", "function": function}])["session"]
    assert told["tools"] == [
        {"type": "function", "name": "look", "description": "d", "parameters": {"type": "object"}}
    ]  # fmt: skip
    assert told["instructions"] == "Be kind."


def test_bills_tell_sound_from_text() -> None:
    usage = {
        "input_tokens": 100, "output_tokens": 30,
        "input_token_details": {"audio_tokens": 60, "cached_tokens": 40, "cached_tokens_details": {"audio_tokens": 25}},
        "output_token_details": {"audio_tokens": 20},
    }  # fmt: skip
    assert wire.tokens(usage, "m") == TokensUsed(
        100, 30, 40, "openai-realtime", "m", audio_input=60, audio_output=20, audio_cached=25
    )
    assert wire.tokens(None, "m") is None
    assert wire.tokens({"input_tokens": "many"}, "m") == TokensUsed(0, 0, 0, "openai-realtime", "m")
    assert wire.seconds({"type": "duration", "seconds": 2.5}, "t") == SecondsHeard("openai", "t", 2.5)
    by_tokens = {"type": "tokens", "input_token_details": {"audio_tokens": 25}}
    assert wire.seconds(by_tokens, "t") == SecondsHeard("openai", "t", 2.5)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect: sk-secret."}, "key"),
        ({"type": "insufficient_quota", "code": "insufficient_quota", "message": "m"}, "credit"),
        ({"type": "invalid_request_error", "code": None, "message": "m"}, "request"),
        ({"type": "server_error", "code": None, "message": "m"}, "unavailable"),
        ({"code": "session_expired", "message": "m"}, "network"),
        ({"code": "rate_limit_exceeded", "message": "m"}, "rate_limit"),
        (None, "failed"),
    ],
)
def test_errors_have_a_kind_and_no_secrets(error: Any, kind: str) -> None:
    failed = wire.failure(error, VENDOR)
    assert failed.kind == kind
    assert "sk-secret" not in str(failed)
    assert str(failed).startswith("OpenAI ")


@pytest.mark.parametrize("frame", ['{"type": ', "[]", '{"type": 3}', "null", b"\xff\xfe"])
def test_what_is_no_event_is_garbage(frame: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        wire.read(frame, VENDOR)
    assert caught.value.kind == "garbage"

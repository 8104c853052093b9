"""What is said to OpenAI's Realtime API of a session, and what its errors and bills come to; no I/O.

Sources: https://developers.openai.com/api/docs/guides/realtime-conversations, …/realtime-vad, …/realtime-costs and the
reference of its client and server events, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pinecall_run.providers.contracts import FailureKind, ModelSpec, ProviderError, SecondsHeard, TokensUsed
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.realtime_items import Event
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.vendors.naming import REALTIME

RATE = 24_000
"""Samples a second: the only rate there is for PCM."""

VOICE, TRANSCRIPTION = "marin", "gpt-transcribe"
SILENCE_MS, PREFIX_MS, THRESHOLD = 500, 300, 0.5

_FORMAT = {"type": "audio/pcm", "rate": RATE}
_SAY = "Say exactly the following text, in its language, word by word, and nothing before or after it:\n\n"

_OF_CODE: Mapping[str, FailureKind] = {
    "invalid_api_key": "key", "insufficient_quota": "credit", "rate_limit_exceeded": "rate_limit",
    "session_expired": "network", "conversation_already_has_active_response": "failed",
}  # fmt: skip
_OF_TYPE: Mapping[str, FailureKind] = {"invalid_request_error": "request", "server_error": "unavailable"}
_DID: Mapping[FailureKind, str] = {
    "key": "refused the key", "credit": "has no credit left", "rate_limit": "is asked too much at once",
    "request": "refused what it was asked", "network": "ended the session",
}  # fmt: skip


def session(spec: ModelSpec, language: str) -> Event:
    """``session.update`` for a session that begins. It signals turns and never answers or stops by itself."""
    asked = spec.options
    hears = {
        "format": _FORMAT,
        "transcription": _transcription(spec, language),
        "turn_detection": _turns(spec),
        "noise_reduction": {"type": asked["noise_reduction"]} if "noise_reduction" in asked else None,
    }
    name = str(asked.get("voice", VOICE))
    voice = {"id": name} if name.startswith("voice_") else name
    speaks = {"format": _FORMAT, "voice": voice, "speed": asked.get("speed", 1)}
    fields: dict[str, Any] = {"output_modalities": ["audio"], "audio": {"input": hears, "output": speaks}}
    if "max_tokens" in asked:
        fields["max_output_tokens"] = asked["max_tokens"]
    if "reasoning" in asked:
        fields["reasoning"] = {"effort": asked["reasoning"]}
    return _update(fields)


def of_language(spec: ModelSpec, language: str) -> Event:
    """``session.update`` for another language."""
    return _update({"audio": {"input": {"transcription": _transcription(spec, language)}}})


def of_thinking(instructions: str, tools: Sequence[Mapping[str, Any]]) -> Event:
    """``session.update`` for what the model is told and may call. Tools are flat here, and take no ``strict``."""
    kept = ("name", "description", "parameters")
    flat = [{key: tool["function"][key] for key in kept if key in tool["function"]} for tool in tools]
    return _update({"instructions": instructions, "tools": [{"type": "function", **tool} for tool in flat]})


def verbatim(text: str) -> Mapping[str, Any]:
    """The response that says a text: it is no part of the conversation, reads none of it, and calls nothing."""
    return {"conversation": "none", "input": [], "instructions": _SAY + text, "tools": [], "tool_choice": "none"}


def _update(fields: Mapping[str, Any]) -> Event:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def _transcription(spec: ModelSpec, language: str) -> dict[str, Any]:
    """The vendor has languages as ISO 639-1, so regions are left out."""
    found: dict[str, Any] = {"model": spec.options.get("transcription", TRANSCRIPTION)}
    primary = language.partition("-")[0].lower()
    if len(primary) == 2:
        found["language"] = primary
    if "keywords" in spec.options:
        found["keywords"] = list(spec.options["keywords"])
    return found


def _turns(spec: ModelSpec) -> dict[str, Any]:
    ours = {"create_response": False, "interrupt_response": False}
    if "eagerness" in spec.options:
        return {"type": "semantic_vad", "eagerness": spec.options["eagerness"], **ours}
    return {
        "type": "server_vad",
        "threshold": spec.options.get("threshold", THRESHOLD),
        "prefix_padding_ms": PREFIX_MS,
        "silence_duration_ms": spec.options.get("silence_ms", SILENCE_MS),
        **ours,
    }


def quiet(spec: ModelSpec) -> float:
    """Seconds of silence that end a turn; 0 where it is ended by what was said."""
    return 0.0 if "eagerness" in spec.options else float(spec.options.get("silence_ms", SILENCE_MS)) / 1000


def read(frame: Frame, vendor: Vendor) -> Event:
    """An event of the server's.

    Raises:
        ProviderError: it is none.
    """
    try:
        event = json.loads(frame)
        if isinstance(event["type"], str):
            return dict(event)
    except (ValueError, TypeError, KeyError):
        pass
    raise vendor.of_garbage()


def failure(error: Any, vendor: Vendor) -> ProviderError:
    """What the ``error`` of an event, or of a response that failed, comes to."""
    told = error if isinstance(error, Mapping) else {}
    code, type_ = str(told.get("code") or ""), str(told.get("type") or "")
    kind = _OF_CODE.get(code) or _OF_TYPE.get(type_, "failed")
    return vendor.failed(_DID.get(kind, "failed"), kind, str(told.get("message") or code))


def tokens(usage: Any, model: str) -> TokensUsed | None:
    """The bill of a response."""
    if not isinstance(usage, Mapping):
        return None
    read = _part(usage, "input_token_details")
    return TokensUsed(
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(read, "cached_tokens"),
        REALTIME,
        model,
        audio_input=_count(read, "audio_tokens"),
        audio_output=_count(_part(usage, "output_token_details"), "audio_tokens"),
        audio_cached=_count(_part(read, "cached_tokens_details"), "audio_tokens"),
    )


def seconds(usage: Any, model: str) -> SecondsHeard | None:
    """The bill of a transcript; where it is in tokens, one of sound is 100 ms."""
    if not isinstance(usage, Mapping):
        return None
    if usage.get("type") == "duration":
        heard = usage.get("seconds")
        return SecondsHeard("openai", model, float(heard)) if isinstance(heard, int | float) else None
    return SecondsHeard("openai", model, _count(_part(usage, "input_token_details"), "audio_tokens") / 10)


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(fields: Mapping[str, Any], name: str) -> int:
    found = fields.get(name)
    return found if isinstance(found, int) else 0

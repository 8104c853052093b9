"""What vendors ask for, in US dollars, as their pages said on the day of :data:`AS_OF`.

List prices of pay-as-you-go plans, for estimates: contracts differ, and a project may name its own (``prices``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

AS_OF = "2026-11-26"

Rates = Mapping[str, float]
"""Dollars for each unit: ``minute`` of sound, ``million_characters``, and for a million tokens each ``input``,
``cached`` (of the input, read from the vendor's cache) and ``output``; of these, tokens of sound ``audio_input``,
``audio_cached`` and ``audio_output``."""

UNITS = ("minute", "million_characters", "input", "cached", "output", "audio_input", "audio_cached", "audio_output")

_REALTIME = {"input": 4.0, "cached": 0.4, "audio_input": 32.0, "audio_cached": 0.4, "audio_output": 64.0}
_REALTIME_MINI = {"input": 0.6, "cached": 0.06, "audio_input": 10.0, "audio_cached": 0.3, "audio_output": 20.0}

PRICES: Mapping[str, Rates] = {
    "local": {"minute": 0.0, "million_characters": 0.0},
    "scripted": {"input": 0.0, "output": 0.0},
    # Machines of one's own ask for nothing: a hosted Ollama does, and is the project's to price.
    "ollama": {"input": 0.0, "output": 0.0},
    "vllm": {"input": 0.0, "output": 0.0},
    # https://deepgram.com/pricing: one language; nova-3 that hears several (multi) asks for 0.0058.
    "deepgram:nova-3": {"minute": 0.0048},
    "deepgram-flux:flux-general-en": {"minute": 0.0065},
    "deepgram-flux:flux-general-multi": {"minute": 0.0078},
    # https://www.gladia.io/pricing: 0.75 an hour on the plan without commitment.
    "gladia": {"minute": 0.0125},
    # https://cartesia.ai/pricing: a credit is a character; on the smallest plan 100,000 of them for 5.
    "cartesia": {"million_characters": 50.0},
    # https://elevenlabs.io/pricing/api
    "elevenlabs:eleven_flash_v2_5": {"million_characters": 50.0},
    "elevenlabs:eleven_turbo_v2_5": {"million_characters": 50.0},
    "elevenlabs:eleven_multilingual_v2": {"million_characters": 100.0},
    "elevenlabs:eleven_v3": {"million_characters": 100.0},
    "elevenlabs:scribe_v2_realtime": {"minute": 0.0065},
    # https://aws.amazon.com/polly/pricing/, US East, by engine
    "polly:standard": {"million_characters": 4.0},
    "polly:neural": {"million_characters": 16.0},
    "polly:generative": {"million_characters": 30.0},
    "polly:long-form": {"million_characters": 100.0},
    # https://developers.openai.com/api/docs/pricing: prompts up to 272,000 tokens
    "openai:gpt-6.2-sol": {"input": 2.0, "cached": 0.10, "output": 10.0},
    "openai:gpt-6.2-astra": {"input": 8.0, "cached": 0.40, "output": 40.0},
    "openai:gpt-5.4": {"input": 2.50, "cached": 0.25, "output": 15.0},
    "openai:gpt-5.4-mini": {"input": 0.75, "cached": 0.075, "output": 4.50},
    "openai:gpt-5.4-nano": {"input": 0.20, "cached": 0.02, "output": 1.25},
    "openai:gpt-5.2": {"input": 1.75, "cached": 0.175, "output": 14.0},
    "openai:gpt-5": {"input": 1.25, "cached": 0.125, "output": 10.0},
    "openai:gpt-5-mini": {"input": 0.25, "cached": 0.025, "output": 2.0},
    "openai:gpt-4.1": {"input": 2.0, "cached": 0.50, "output": 8.0},
    "openai:gpt-4.1-mini": {"input": 0.40, "cached": 0.10, "output": 1.60},
    "openai:gpt-4.1-nano": {"input": 0.10, "cached": 0.025, "output": 0.40},
    "openai:gpt-4o": {"input": 2.50, "cached": 1.25, "output": 10.0},
    "openai:gpt-4o-mini": {"input": 0.15, "cached": 0.075, "output": 0.60},
    # https://platform.claude.com/docs/en/about-claude/pricing: what goes into the cache costs a quarter more than other
    # input, which is not counted here; claude-haiku-5-5 is five times as dear for prompts of more than 100,000 tokens.
    "anthropic:claude-haiku-5-5": {"input": 0.10, "cached": 0.01, "output": 0.50},
    "anthropic:claude-sonnet-5-5": {"input": 2.0, "cached": 0.10, "output": 10.0},
    "anthropic:claude-sonnet-5": {"input": 2.0, "cached": 0.20, "output": 10.0},
    "anthropic:claude-opus-5-5": {"input": 4.0, "cached": 0.20, "output": 20.0},
    **{
        f"anthropic:claude-opus-{age}": {"input": 5.0, "cached": 0.50, "output": 25.0}
        for age in ("4-5", "4-6", "4-7", "4-8", "5")
    },
    "anthropic:claude-haiku-4-5": {"input": 1.0, "cached": 0.10, "output": 5.0},
    "anthropic:claude-sonnet-4-5": {"input": 3.0, "cached": 0.30, "output": 15.0},
    "anthropic:claude-sonnet-4-6": {"input": 3.0, "cached": 0.30, "output": 15.0},
    "anthropic:claude-fable-5-1": {"input": 10.0, "cached": 0.25, "output": 50.0},
    # https://ai.google.dev/gemini-api/docs/pricing: prompts up to 200,000 tokens; 3.8-flash until the end of 2026
    "google:gemini-3.8-flash": {"input": 0.75, "cached": 0.075, "output": 3.75},
    "google:gemini-4-neon": {"input": 3.0, "cached": 0.15, "output": 15.0},
    "google:gemini-4-hydrogen": {"input": 1.50, "cached": 0.075, "output": 7.50},
    "google:gemini-3.1-pro-preview": {"input": 2.0, "cached": 0.20, "output": 12.0},
    "google:gemini-3.1-flash-lite": {"input": 0.25, "cached": 0.025, "output": 1.50},
    "google:gemini-2.5-flash": {"input": 0.30, "cached": 0.03, "output": 2.50},
    "google:gemini-2.5-flash-lite": {"input": 0.10, "cached": 0.01, "output": 0.40},
    "google:gemini-2.5-pro": {"input": 1.25, "cached": 0.125, "output": 10.0},
    # https://groq.com/pricing
    "groq:openai/gpt-oss-120b": {"input": 0.15, "cached": 0.075, "output": 0.60},
    "groq:openai/gpt-oss-20b": {"input": 0.075, "cached": 0.037, "output": 0.30},
    "groq:llama-3.3-70b-versatile": {"input": 0.59, "output": 0.79},
    "groq:llama-3.1-8b-instant": {"input": 0.05, "output": 0.08},
    "groq:qwen/qwen3-32b": {"input": 0.29, "output": 0.59},
    # https://docs.x.ai/developers/models: prompts up to 200,000 tokens
    "xai:grok-4.7": {"input": 2.0, "cached": 0.50, "output": 6.0},
    "xai:grok-4.5": {"input": 2.0, "output": 6.0},
    "xai:grok-4.3": {"input": 1.25, "output": 2.50},
    "xai:grok-4-1-fast-non-reasoning": {"input": 0.20, "output": 0.50},
    # https://mistral.ai/pricing
    "mistral:mistral-medium-latest": {"input": 1.50, "output": 7.50},
    # https://www.cerebras.ai/pricing
    "cerebras:gpt-oss-120b": {"input": 0.35, "output": 0.75},
    # https://developers.openai.com/api/docs/models, the pages of the models
    "openai-realtime:gpt-realtime": {**_REALTIME, "output": 16.0},
    "openai-realtime:gpt-realtime-1.5": {**_REALTIME, "output": 16.0},
    "openai-realtime:gpt-realtime-2": {**_REALTIME, "output": 24.0},
    "openai-realtime:gpt-realtime-2.1": {**_REALTIME, "output": 24.0},
    "openai-realtime:gpt-realtime-2.1-mini": {**_REALTIME_MINI, "output": 2.4},
    "openai-realtime:gpt-realtime-mini": {**_REALTIME_MINI, "output": 2.4},
    "openai:gpt-realtime-whisper": {"minute": 0.017},
    "openai:gpt-transcribe": {"minute": 0.0045},
}
"""By ``provider``, or ``provider:model`` for that model and its dated releases. All pages were read, most of them as
others quote them, on the day of :data:`AS_OF`; what could not be found in two places, or is asked for in another
currency (DeepSeek), is not here. Without ``cached`` what comes from the cache counts as input."""

_RELEASE = re.compile(r"(-latest|-preview)?([-@]\d{3,8}|-\d{4}-\d\d-\d\d|-\d\d-\d{4})?")
"""What may follow the name of a model without its being another: ``-2025-04-14``, ``-20251001``, ``-latest``."""


_KINDS = ("input", "cached", "output")


def price(provider: str, model: str, amounts: Mapping[str, float], own: Mapping[str, Rates]) -> float | None:
    """Dollars for ``seconds``, ``characters``, or ``input``, ``cached`` and ``output`` tokens, in which those of sound
    (``audio_input`` and so on) are contained; ``None`` where the price is not known. ``own`` prices come before
    ours."""
    rates = _rates(own, provider, model) or _rates(PRICES, provider, model)
    if rates is None:
        return None
    try:
        if "seconds" in amounts:
            return amounts["seconds"] / 60 * rates["minute"]
        if "characters" in amounts:
            return amounts["characters"] / 1e6 * rates["million_characters"]
        sound = {kind: amounts.get(f"audio_{kind}", 0) for kind in _KINDS}
        text = {kind: amounts.get(kind, 0) - sound[kind] for kind in _KINDS}
        return (_tokens(text, rates) + _tokens(sound, rates, "audio_")) / 1e6
    except KeyError:
        return None


def _tokens(counted: Mapping[str, float], rates: Rates, what: str = "") -> float:
    if not any(counted.values()):
        return 0.0
    fresh = rates[f"{what}input"]
    cached = counted["cached"] * rates.get(f"{what}cached", fresh)
    return (counted["input"] - counted["cached"]) * fresh + cached + counted["output"] * rates[f"{what}output"]


def _rates(table: Mapping[str, Rates], provider: str, model: str) -> Rates | None:
    name = f"{provider}:{model}"
    found = [key for key in table if key == provider or (":" in key and _is_of(key, name))]
    return table[max(found, key=len)] if found else None


def _is_of(key: str, name: str) -> bool:
    return name.startswith(key) and _RELEASE.fullmatch(name[len(key) :]) is not None

"""What vendors ask for, in US dollars, as their pages said on the day of :data:`AS_OF`.

List prices of pay-as-you-go plans, for estimates: contracts differ, and a project may name its own (``prices``).
"""

from __future__ import annotations

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
    # https://developers.openai.com/api/docs/models, the pages of the models
    "openai-realtime:gpt-realtime": {**_REALTIME, "output": 16.0},
    "openai-realtime:gpt-realtime-2": {**_REALTIME, "output": 24.0},
    "openai-realtime:gpt-realtime-2.1-mini": {**_REALTIME_MINI, "output": 2.4},
    "openai-realtime:gpt-realtime-mini": {**_REALTIME_MINI, "output": 2.4},
    "openai:gpt-realtime-whisper": {"minute": 0.017},
    "openai:gpt-transcribe": {"minute": 0.0045},
}
"""By ``provider`` or ``provider:model``; the longest that a model's name begins with counts."""


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
    found = [key for key in table if key == provider or (name.startswith(key) and ":" in key)]
    return table[max(found, key=len)] if found else None

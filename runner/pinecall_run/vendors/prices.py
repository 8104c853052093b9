"""What vendors ask for, in US dollars, as their pages said on the day of :data:`AS_OF`.

List prices of pay-as-you-go plans, for estimates: contracts differ, and a project may name its own (``prices``).
"""

from __future__ import annotations

from collections.abc import Mapping

AS_OF = "2026-11-26"

Rates = Mapping[str, float]
"""Dollars for each unit: ``minute`` of sound, ``million_characters``, and for a million tokens each ``input``,
``cached`` (of the input, read from the vendor's cache) and ``output``."""

UNITS = ("minute", "million_characters", "input", "cached", "output")

PRICES: Mapping[str, Rates] = {
    "local": {"minute": 0.0, "million_characters": 0.0},
    "scripted": {"input": 0.0, "output": 0.0},
}
"""By ``provider`` or ``provider:model``; the longest that a model's name begins with counts."""


def price(provider: str, model: str, amounts: Mapping[str, float], own: Mapping[str, Rates]) -> float | None:
    """Dollars for ``seconds``, ``characters``, or ``input``, ``cached`` and ``output`` tokens; ``None`` where the price
    is not known. ``own`` prices come before ours."""
    rates = _rates(own, provider, model) or _rates(PRICES, provider, model)
    if rates is None:
        return None
    try:
        if "seconds" in amounts:
            return amounts["seconds"] / 60 * rates["minute"]
        if "characters" in amounts:
            return amounts["characters"] / 1e6 * rates["million_characters"]
        fresh = amounts["input"] - amounts.get("cached", 0)
        cached = amounts.get("cached", 0) * rates.get("cached", rates["input"])
        return (fresh * rates["input"] + cached + amounts["output"] * rates["output"]) / 1e6
    except KeyError:
        return None


def _rates(table: Mapping[str, Rates], provider: str, model: str) -> Rates | None:
    name = f"{provider}:{model}"
    found = [key for key in table if key == provider or (name.startswith(key) and ":" in key)]
    return table[max(found, key=len)] if found else None

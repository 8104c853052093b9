"""What was used comes to dollars, by the price of the model, ours or the project's own."""

from __future__ import annotations

from datetime import date

import pytest

from pinecall_run.vendors.prices import AS_OF, PRICES, UNITS, price
from pinecall_run.vendors.table import PROVIDERS

OWN = {
    "acme": {"minute": 0.6, "million_characters": 50.0},
    "acme:big": {"input": 10.0, "cached": 1.0, "output": 40.0},
    "acme:bigger": {"input": 20.0, "output": 80.0},
}


@pytest.mark.parametrize(
    ("model", "amounts", "cost"),
    [("nova", {"seconds": 30.0}, 0.3), ("", {"characters": 1000}, 0.05),
     ("big-2026", {"input": 1_000_000, "cached": 500_000, "output": 100_000}, 5.0 + 0.5 + 4.0),
     ("bigger", {"input": 100_000, "cached": 50_000, "output": 0}, 2.0),
     ("big", {"input": 100_000, "output": 1, "audio_output": 1}, None),
     ("small", {"input": 1, "output": 1}, None), ("big", {"seconds": 1.0}, None)],
)  # fmt: skip
def test_amounts_cost(model: str, amounts: dict[str, float], cost: float | None) -> None:
    assert price("acme", model, amounts, OWN) == pytest.approx(cost)


def test_whoever_is_not_in_the_table_has_no_price() -> None:
    assert price("nobody", "x", {"seconds": 1.0}, {}) is None
    assert price("local", "", {"seconds": 100.0}, {}) == 0.0
    assert price("local", "", {"seconds": 60.0}, {"local": {"minute": 1.0}}) == 1.0


@pytest.mark.parametrize(
    ("provider", "model", "is_like"),
    [("openai", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"), ("openai", "gpt-5-2025-08-07", "gpt-5"),
     ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"), ("google", "gemini-2.5-flash-preview-09-2025",
     "gemini-2.5-flash"), ("openai", "gpt-5-pro", None), ("openai", "gpt-5.9", None), ("openai", "gpt-4o-audio", None),
     ("deepgram", "nova-3-medical", None), ("anthropic", "claude-opus-5-1", None), ("mistral", "mistral-large", None)],
)  # fmt: skip
def test_a_release_of_a_model_has_its_price_and_another_model_has_none(
    provider: str, model: str, is_like: str | None
) -> None:
    million = {"input": 1e6, "output": 1e6}
    assert price(provider, model, million, {}) == (None if is_like is None else price(provider, is_like, million, {}))
    assert is_like is None or price(provider, is_like, million, {})


def test_what_is_cached_costs_less() -> None:
    for key, rates in PRICES.items():
        if "cached" in rates:
            assert rates["cached"] < rates["input"] < rates["output"], key


def test_the_table_is_dated_and_speaks_of_vendors_that_there_are() -> None:
    date.fromisoformat(AS_OF)
    names = {name for stage in PROVIDERS.values() for name in stage}
    for key, rates in PRICES.items():
        assert key.partition(":")[0] in names, key
        assert rates.keys() <= set(UNITS), key
        assert all(0 <= rate < 1000 for rate in rates.values()), key

"""What a call used of its vendors, as they bill it: seconds heard, characters spoken, tokens read and written. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pinecall_run.providers.contracts import TokensUsed
from pinecall_run.vendors.prices import Rates, price

Vendor = tuple[str, str]
"""A provider and its model."""

MOST_DIGITS = 6
"""Of a price in dollars: the tokens of one answer may cost less than a thousandth of a cent."""


_TEXT = ("input", "cached", "output")
_SOUND = ("audio_input", "audio_cached", "audio_output")
"""Of the tokens above; told where there are any."""


class Usage:
    """Of one call, by vendor and model."""

    def __init__(self) -> None:
        self._heard: dict[Vendor, float] = {}
        self._spoken: dict[Vendor, int] = {}
        self._tokens: dict[Vendor, Counter[str]] = {}

    def heard(self, vendor: Vendor, seconds: float) -> None:
        """Sound went to speech to text: what was heard again after a failure counts again, as it is billed."""
        self._heard[vendor] = self._heard.get(vendor, 0.0) + seconds

    def spoken(self, vendor: Vendor, characters: int) -> None:
        """A sentence was asked for."""
        self._spoken[vendor] = self._spoken.get(vendor, 0) + characters

    def thought(self, vendor: Vendor, used: TokensUsed) -> None:
        """A model answered."""
        self._tokens.setdefault(vendor, Counter()).update({kind: getattr(used, kind) for kind in (*_TEXT, *_SOUND)})

    def told(self, rates: Mapping[str, Rates]) -> dict[str, Any]:
        """For people and programs: what was used, and in dollars what it costs where that is known.

        ``rates`` are the project's own prices (:mod:`pinecall_run.vendors.prices`). ``cost_usd`` is the sum of what is
        known; ``is_cost_complete`` tells whether that is all.
        """
        lines = [
            *(_line("stt", vendor, rates, seconds=round(seconds, 2)) for vendor, seconds in self._heard.items()),
            *(_line("tts", vendor, rates, characters=count) for vendor, count in self._spoken.items()),
            *(
                _line(
                    "llm", vendor, rates, **{kind: used[kind] for kind in (*_TEXT, *(_SOUND if _sounds(used) else ()))}
                )
                for vendor, used in self._tokens.items()
            ),
        ]
        costs = [line.get("cost_usd") for line in lines]
        known = [cost for cost in costs if cost is not None]
        return {
            "usage": lines,
            "cost_usd": round(sum(known), MOST_DIGITS),
            "is_cost_complete": len(known) == len(costs),
        }


def _sounds(used: Counter[str]) -> bool:
    return any(used[kind] for kind in _SOUND)


def _line(stage: str, vendor: Vendor, rates: Mapping[str, Rates], **amounts: float) -> dict[str, Any]:
    provider, model = vendor
    line: dict[str, Any] = {"stage": stage, "provider": provider, **({"model": model} if model else {}), **amounts}
    cost = price(provider, model, amounts, rates)
    return line if cost is None else {**line, "cost_usd": round(cost, MOST_DIGITS)}

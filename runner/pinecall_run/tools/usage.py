"""What a call used of vendors, and what that costs, as its server said when it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AMOUNTS = ("seconds", "characters", "input", "cached", "output")
"""What vendors bill: seconds heard, characters spoken, tokens read (``cached`` ones among them) and written."""

MAX_VENDORS = 64
"""Of one call; a server that tells of more is not believed."""

MOST = 1e15
"""Above any amount."""

_STAGES = ("stt", "tts", "llm")


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of one model of one vendor.

    Attributes:
        stage: ``stt``, ``tts`` or ``llm``.
        model: empty where the server does not say.
        amounts: some of :data:`AMOUNTS`.
        cost_usd: ``None`` where the price is not known.
    """

    stage: str
    provider: str
    model: str = ""
    amounts: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a whole call used. ``cost_usd`` is the sum of the costs that are known, which are all if
    ``is_cost_complete``."""

    vendors: tuple[Used, ...] = ()
    cost_usd: float = 0.0
    is_cost_complete: bool = True


def usage_in(metrics: Any) -> Usage | None:
    """The usage in the ``metrics`` of a call's last frame, as far as it has the form that ours has; ``None`` where the
    server tells none."""
    lines = metrics.get("usage") if isinstance(metrics, Mapping) else None
    if not isinstance(lines, list):
        return None
    vendors = tuple(used for line in lines[:MAX_VENDORS] if (used := _used(line)) is not None)
    is_complete = metrics.get("is_cost_complete") is not False and all(used.cost_usd is not None for used in vendors)
    return Usage(vendors, _amount(metrics.get("cost_usd")) or 0.0, is_complete)


def _used(line: Any) -> Used | None:
    if not isinstance(line, Mapping) or line.get("stage") not in _STAGES or not isinstance(line.get("provider"), str):
        return None
    found = {name: _amount(line.get(name)) for name in AMOUNTS}
    amounts = {name: amount for name, amount in found.items() if amount is not None}
    model = line.get("model")
    cost = _amount(line.get("cost_usd"))
    return Used(line["stage"], line["provider"], model if isinstance(model, str) else "", amounts, cost)


def _amount(written: Any) -> float | None:
    is_number = isinstance(written, int | float) and not isinstance(written, bool)
    return written if is_number and 0 <= written < MOST else None

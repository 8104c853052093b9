"""What a client's configuration of a session means, where the wire allows more than one form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pinecall_run.vendors.prices import Rates


def preparing_budget(written: Any) -> float:
    """Seconds that a chat waits for ``llm.ready``; 0 where the client did not ask for it."""
    if isinstance(written, dict) and written.get("enabled", True):
        asked = written.get("timeout_ms", 1500)
        return max(0.0, min(asked, 5000.0)) / 1000 if isinstance(asked, int | float) else 1.5
    return 1.5 if written is True else 0.0


def are_tools(written: Any) -> bool:
    """Whether tools have the wire's form, or are taken away."""
    return all(
        isinstance(tool, dict) and tool.get("type") == "function" and isinstance(tool.get("function"), dict)
        for tool in written or ()
    )


def prompt_in(llm: Any) -> str:
    """The prompt that may sit inside the model's mapping (protocol 6.3)."""
    return str(llm.get("prompt") or "") if isinstance(llm, dict) else ""


def greeting_in(written: Any, language: str) -> str:
    """The greeting in a language: a text as it is, of a map of languages the one that fits best; empty if there is
    none."""
    if isinstance(written, dict):
        base = language.partition("-")[0]
        written = written.get(language) or written.get(base) or next(iter(written.values()), None)
    return written if isinstance(written, str) else ""


def raw(configuration: Mapping[str, Any], key: str) -> Any:
    """A value of the raw session configuration (protocol 2.2: ``config``); ``None`` where it is not there."""
    config = configuration.get("config")
    return config.get(key) if isinstance(config, dict) else None


def rates_of(configuration: Mapping[str, Any]) -> Mapping[str, Rates]:
    """The project's own prices (``config.prices``), as far as they have the form."""
    written = raw(configuration, "prices")
    return {
        name: {unit: rate for unit, rate in rates.items() if isinstance(rate, int | float)}
        for name, rates in (written.items() if isinstance(written, dict) else ())
        if isinstance(rates, dict)
    }


def zone(name: Any) -> tzinfo:
    """The time zone of an IANA name; UTC where there is none."""
    try:
        return ZoneInfo(str(name)) if name else UTC
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return UTC

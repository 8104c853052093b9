"""Functions that the agents may call. They run in this project's own process."""

from __future__ import annotations

_HOURS = {"saturday": "10 to 14", "sunday": "closed"}


def opening_hours(day: str) -> dict[str, str]:
    """Say when we are open on a day.

    Args:
        day: The day of the week, in English.
    """
    return {"day": day.title(), "hours": _HOURS.get(day.lower(), "9 to 18")}

"""The time zones of this machine, looked up one by one: to list them all takes as long as to check a project."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache


class Timezones(Collection[str]):
    """IANA names. Only who counts or lists them pays for all of them."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _is_zone(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_all())

    def __len__(self) -> int:
        return len(_all())


@cache
def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    if name.startswith(("posix/", "right/")) or name == "posixrules":
        return False  # other editions of the same zones, which no list of names has
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # no such file, a folder, or a name that leads elsewhere
        return False
    return True


@cache
def _all() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())

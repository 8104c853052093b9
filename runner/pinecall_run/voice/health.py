"""Which vendors are to be spared because they failed a moment ago: one memory for all calls of a server.

A vendor that is down would otherwise cost every call the seconds until it is found out again. It is asked again after a
while, by one call at its beginning, like any other; if it fails again it rests for longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pinecall_run.providers.contracts import ProviderError

ENOUGH = 2
"""Failures in a row after which a vendor rests; one is enough where asking again is in vain, or was forbidden."""

REST_SECONDS, LONGEST_REST = 15.0, 240.0

_T = TypeVar("_T")


class Standing:
    """How one vendor has been doing. Time is given."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest = REST_SECONDS
        self._until = 0.0

    def failed(self, error: ProviderError | None, now: float) -> None:
        """It failed; ``None`` where nothing is known but that."""
        if (
            error is not None and error.kind == "request"
        ):  # what one agent asked for is wrong: that says nothing of others
            return
        self._failures += 1
        told = 0.0 if error is None else error.retry_after
        if self._failures >= ENOUGH or told or (error is not None and error.is_lasting):
            self._until = now + max(self._rest, told)
            self._rest = min(2 * self._rest, LONGEST_REST)

    def worked(self) -> None:
        """It did what was asked of it."""
        self._failures = 0
        self._rest = REST_SECONDS
        self._until = 0.0

    def is_resting(self, now: float) -> bool:
        """Whether others should be asked first."""
        return now < self._until


class Health:
    """The standing of every vendor of a server, by stage, name and model."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._standings: dict[tuple[str, ...], Standing] = {}

    def failed(self, key: tuple[str, ...], error: ProviderError | None = None) -> None:
        """See :class:`Standing`."""
        self._standings.setdefault(key, Standing()).failed(error, self._clock())

    def worked(self, key: tuple[str, ...]) -> None:
        """See :class:`Standing`."""
        standing = self._standings.get(key)
        if standing is not None:
            standing.worked()

    def in_order(self, vendors: Sequence[_T], key: Callable[[_T], tuple[str, ...]]) -> list[_T]:
        """Those that rest after those that do not, else as they were."""
        now = self._clock()
        return sorted(vendors, key=lambda one: (s := self._standings.get(key(one))) is not None and s.is_resting(now))

"""How much a person's page, or a stranger, may ask for at a time."""

from __future__ import annotations

from collections.abc import Callable

BURST, PER_SECOND = 60, 20
"""Messages: far more than a page that follows its person sends. Each may be a question to a paid model."""


class Allowance:
    """A bucket of messages. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float], burst: int = BURST, per_second: int = PER_SECOND) -> None:
        self._clock = clock
        self._burst, self._per_second = burst, per_second
        self._left = float(burst)
        self._since = clock()

    def take(self) -> bool:
        """Whether one more message is within it."""
        now = self._clock()
        self._left = min(self._left + (now - self._since) * self._per_second, self._burst)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

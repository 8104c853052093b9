"""How much a person's page may ask for at a time."""

from __future__ import annotations

from collections.abc import Callable

BURST, PER_SECOND = 60, 20
"""Messages: far more than a page that follows its person sends. Each may be a question to a paid model."""


class Allowance:
    """A bucket of messages. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(BURST)
        self._since = clock()

    def take(self) -> bool:
        """Whether one more message is within it."""
        now = self._clock()
        self._left = min(self._left + (now - self._since) * PER_SECOND, BURST)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

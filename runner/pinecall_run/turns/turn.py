"""What is known of the caller's turn, and of the voice that it is spoken with."""

from __future__ import annotations

from math import nan

UNREAD = 4
"""Voiced windows since the last final text from which on the speech to text still owes words, not just an echo."""


class Speech:
    """The caller's voice.

    Attributes:
        is_on: whether it is heard, short silences allowed for.
        turn_id: what its beginning was told with.
        began: when it began.
        last: when it was last heard. A pause is known by this: what was asked for in a pause counts in that pause only.
        unread: how many of its windows have come since the last final text.
        finish_asked: the pause in which the final text was asked for.
        end_asked: the pause in which the model was asked.
    """

    __slots__ = ("_verdict", "began", "end_asked", "finish_asked", "is_on", "last", "turn_id", "unread")

    def __init__(self, now: float) -> None:
        self.is_on = False
        self.turn_id = 0
        self.began = now
        self.last = now
        self.unread = 0
        self.finish_asked = nan
        self.end_asked = nan
        self._verdict: float | None = None

    @property
    def verdict(self) -> float | None:
        """What the model said in this pause."""
        return self._verdict if self.end_asked == self.last else None

    @verdict.setter
    def verdict(self, verdict: float | None) -> None:
        self._verdict = verdict

    @property
    def is_read(self) -> bool:
        """Whether the final texts cover what was heard."""
        return self.unread < UNREAD


class Turn:
    """One turn of the caller, open until it is over; then it waits for its answer, and may go on until that is heard.

    Attributes:
        told: the message and text of the last user message.
        is_open: whether the caller has not finished.
        is_waiting: whether the caller has finished and the answer has not been given.
        is_eager: whether its end was foretold.
        has_ended: whether its end was told, though it may have gone on since.
    """

    __slots__ = ("has_ended", "id", "is_eager", "is_open", "is_waiting", "message", "told")

    def __init__(self, turn_id: int, message: int, is_open: bool = True) -> None:
        self.id = turn_id
        self.message = message
        self.told: tuple[int, str] | None = None
        self.is_open = is_open
        self.is_waiting = False
        self.is_eager = False
        self.has_ended = False

    def end(self) -> None:
        """The caller has finished."""
        self.is_open = self.is_eager = False
        self.is_waiting = self.has_ended = True

    def reopen(self) -> None:
        """The caller had not finished."""
        self.is_open, self.is_waiting = True, False

    def close(self) -> None:
        """Nothing of it is left to be answered."""
        self.is_open = self.is_eager = self.is_waiting = False

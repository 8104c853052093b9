"""Frames of the server that nothing comes of: all are counted, each kind is told once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pinecall_run.live.notices import FrameIgnored
from pinecall_run.wire.codec import Malformed, Unknown

KINDS = 100
"""Kinds that are told of: a server that makes names up does not fill the log."""

NAME = 60
"""Characters of a name that are told: it is the server's."""

Reason = Literal["unknown event", "malformed", "unknown agent", "unknown call"]


class Ignored:
    """Takes note of what is ignored. ``notify`` is told of each, and whether it is the first of its kind."""

    def __init__(self, notify: Callable[[FrameIgnored], None]) -> None:
        self._notify = notify
        self._known: set[tuple[str, Reason]] = set()

    def not_understood(self, what: Unknown | Malformed) -> None:
        """A message that is no frame of the protocol, or one of a newer protocol."""
        if isinstance(what, Unknown):
            self.note(what.event, "unknown event")
        else:
            self.note(what.event, "malformed", what.reason)  # types and places: it quotes no value

    def note(self, frame: str, reason: Reason, detail: str = "") -> None:
        """A frame of a name is ignored; ``detail`` may be logged."""
        kind = frame[:NAME], reason
        is_first = kind not in self._known and len(self._known) < KINDS
        if is_first:
            self._known.add(kind)
        self._notify(FrameIgnored(*kind, detail, is_first))

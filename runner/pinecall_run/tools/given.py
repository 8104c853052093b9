"""What functions that are called for a call are given, by what they are for."""

from __future__ import annotations

from enum import Enum


class Given(Enum):
    """What a parameter receives: the :class:`Call`, the event, or what the project's lifespan yielded."""

    CALL = "the Call"
    EVENT = "the event"
    STATE = "what `lifespan` yields"


class Kind(Enum):
    """What a function is bound for."""

    HOOK = "on"
    CONTEXT = "context"
    MODEL = "model"


MAY_TAKE = {
    Kind.HOOK: frozenset(Given),
    Kind.CONTEXT: frozenset((Given.CALL, Given.STATE)),
    Kind.MODEL: frozenset(Given),
}


def gives(kind: Kind) -> str:
    """What functions of a kind are given, as an advice."""
    words = ["`call: Call`"]
    if Given.EVENT in MAY_TAKE[kind]:
        words.append("`event`")
    return f"it may take {', '.join(words)} and what `lifespan` yields, by its type"

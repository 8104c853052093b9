"""What happens in a call, as turn taking sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

WINDOW = 0.032
"""Seconds of sound that one :class:`Voice` speaks of."""


class Voice(NamedTuple):
    """The caller's sound over one window: how probably it holds a voice, and how loud it is (0..1, linear in dB)."""

    probability: float
    volume: float


@dataclass(frozen=True, slots=True)
class Partial:
    """What the caller seems to say since the last final text; replaces the one before."""

    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Final:
    """What the caller said for good. An empty text says that nothing was understood, and that none is to be expected.

    ``language`` is a BCP-47 tag where the speech to text tells it.
    """

    text: str
    confidence: float = 1.0
    language: str = ""


@dataclass(frozen=True, slots=True)
class NativeTurn:
    """What a speech to text that decides about turns says of one; ``text`` is its whole turn so far."""

    kind: Literal["started", "eager", "resumed", "ended"]
    text: str = ""
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """How probably the caller has finished, as the model says that was asked."""

    probability: float


@dataclass(frozen=True, slots=True)
class Typed:
    """The caller wrote: as if it had been said, and a turn at once."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentPending:
    """A reply goes on: after what is played, or was, more is being made. The end of a turn says so by itself."""


@dataclass(frozen=True, slots=True)
class AgentBegan:
    """An utterance begins to be heard. ``message`` is the user message that it answers, 0 where it does not."""

    message: int = 0


@dataclass(frozen=True, slots=True)
class AgentPlayed:
    """How much of the utterance has been played, in all."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AgentEnded:
    """All of the utterance was played, or there will be none; with ``is_all`` there will be no reply either."""

    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Muted:
    """The caller is not listened to; what is said is written down."""


@dataclass(frozen=True, slots=True)
class Unmuted:
    """The caller is listened to again."""


@dataclass(frozen=True, slots=True)
class Held:
    """The caller is on hold: nobody listens."""


@dataclass(frozen=True, slots=True)
class Unheld:
    """The caller is back."""


Input = (
    Voice | Partial | Final | NativeTurn | EndOfTurn | Typed
    | AgentPending | AgentBegan | AgentPlayed | AgentEnded
    | Muted | Unmuted | Held | Unheld
)  # fmt: skip

"""What turn taking wants done or told. Times are in seconds; ``message`` counts user messages, from 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller's voice is heard."""

    turn_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller's voice was heard for ``duration``, the silence after it not counted."""

    turn_id: int
    duration: float


@dataclass(frozen=True, slots=True)
class UserSpeaking:
    """What the turn seems to be so far; replaces the one before."""

    turn_id: int
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What the turn is so far, its text final. Replaces an earlier one of the same turn, whatever its ``message``.

    ``lag`` is the time since the voice was last heard.
    """

    turn_id: int
    message: int
    text: str
    confidence: float
    lag: float
    language: str = ""


@dataclass(frozen=True, slots=True)
class EagerTurn:
    """The turn is probably over: a model may begin. :class:`TurnEnded` or :class:`TurnContinued` follows.

    ``latency`` is the time since the voice was last heard.
    """

    turn_id: int
    message: int
    text: str
    probability: float
    latency: float


@dataclass(frozen=True, slots=True)
class TurnPaused:
    """The caller paused and has not finished, says the model."""

    turn_id: int
    probability: float
    latency: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The caller has finished: answer. ``is_continuation`` where this turn had ended before."""

    turn_id: int
    message: int
    text: str
    probability: float
    latency: float
    is_continuation: bool


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The caller goes on after :class:`TurnPaused`."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class TurnContinued:
    """The caller goes on after :class:`EagerTurn` or :class:`TurnEnded`: what answers an older message is void."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class FinishTranscript:
    """The caller pauses: the speech to text is to give its final text."""


@dataclass(frozen=True, slots=True)
class AskEndOfTurn:
    """The model is to say whether the caller has finished."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop the agent: its sound, its voice, its model. ``continuation`` where too little was heard to count."""

    reason: Literal["continuation", "user_spoke"]


@dataclass(frozen=True, slots=True)
class UnmutedWith:
    """The caller is listened to again, and said this meanwhile."""

    transcript: str | None


@dataclass(frozen=True, slots=True)
class IdleWarning:
    """The caller has been silent; in ``remaining`` seconds comes the next step, in the end that of hanging up."""

    remaining: float
    timeout: float


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Hang up. Nothing comes after it."""

    reason: Literal["idle_timeout", "max_duration"]


Action = (
    SpeechStarted | SpeechEnded | UserSpeaking | UserMessage | EagerTurn
    | TurnPaused | TurnEnded | TurnResumed | TurnContinued
    | FinishTranscript | AskEndOfTurn | Interrupt | UnmutedWith | IdleWarning | LimitReached
)  # fmt: skip

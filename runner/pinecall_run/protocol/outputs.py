"""What a peer asks its driver to do, and what it tells its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pinecall_run.wire.codec import Malformed, Unknown

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Open:
    """Driver: open a socket."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """Driver: send one text message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """Driver: send a WebSocket ping, and tell the peer of its pong. Every server answers one; frames need not be."""


@dataclass(frozen=True, slots=True)
class Shut:
    """Driver: close the socket."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Received(Generic[F]):
    """Owner: a frame that the peer itself does not deal with."""

    frame: F


@dataclass(frozen=True, slots=True)
class Ignored:
    """Owner: a message that was not understood, for counting."""

    what: Unknown | Malformed


@dataclass(frozen=True, slots=True)
class Up:
    """Owner: the key was accepted; registration begins. ``epoch`` counts the connections."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Down:
    """Owner: the connection is gone; the next try is in ``retry_in`` seconds. ``was_steady`` when it had lasted: then
    the server has had the time to speak of every call that goes on."""

    reason: str
    retry_in: float
    was_steady: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Owner: it is over; trying again would not help."""

    sentence: str


@dataclass(frozen=True, slots=True)
class AgentReady:
    """Owner: the server took an agent."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentRefused:
    """Owner: the server did not take an agent; tried again in ``retry_in`` seconds, or not at all."""

    agent_id: str
    code: str
    sentence: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class AgentStandingBy:
    """Owner: another process holds an agent, and the server gives it to us when that one lets go of it."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class ChannelRefused:
    """Owner: the server did not open a channel; tried again in ``retry_in`` seconds, or not at all."""

    agent_id: str
    type: str
    ref: str
    sentence: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """Owner: from here on, calls of an agent begin with what was proposed last."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """What the server said of a change that it did not take."""

    agent_id: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Owner: the server has taken what was proposed, but for ``refusals``."""

    refusals: tuple[ChangeRefused, ...] = ()


@dataclass(frozen=True, slots=True)
class Postponed:
    """Owner: there is no connection; the next one registers what was proposed, and ``Settled`` follows then."""


@dataclass(frozen=True, slots=True)
class AnswerDropped:
    """Owner: too much waits for the server; the answer to this tool call will not be sent again."""

    call_id: str
    msg_id: str

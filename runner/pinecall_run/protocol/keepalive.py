"""Whether the other side is still there: asked at intervals, believed for a while, and judged only by who was awake."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Pace:
    """The intervals of a connection, in seconds.

    Attributes:
        open: how long a socket may take to open, and its first exchange to be made.
        ping: how often each side asks for a sign of life. Servers may displace a runner silent for 45 s (protocol 1.4).
        silence: how long the other side may say nothing at all. Room for two pings and for an answer to the second.
        steady: what a connection must last for the delays to begin anew, so that a server which accepts us and hangs
            up is not hammered.
    """

    open: float = 10.0
    ping: float = 10.0
    silence: float = 22.0
    steady: float = 5.0

    @property
    def slack(self) -> float:
        """How late a deadline may be seen; whoever comes later was asleep, or busy, and has not listened."""
        return max(self.silence - 2 * self.ping, 0.0) / 2


PACE = Pace()


class Verdict(Enum):
    """What is to be done at a deadline."""

    ASK = auto()
    GONE = auto()


@dataclass(slots=True)
class Keepalive:
    """The signs of life of one connection, from ``heard`` on."""

    pace: Pace
    _heard: float
    _asked: float

    @classmethod
    def since(cls, now: float, pace: Pace) -> Keepalive:
        """For a connection that is up as of now."""
        return cls(pace, now, now)

    def heard(self, now: float) -> None:
        """The other side gave a sign of life."""
        self._heard = now

    def tick(self, now: float) -> Verdict | None:
        """Time passed."""
        overdue = now - self.deadline()
        if overdue < 0:
            return None
        self._asked = now
        if overdue > self.pace.slack:  # what the other side said meanwhile may lie unread: it gets another interval
            self._heard = max(self._heard, now - self.pace.silence + self.pace.ping)
            return Verdict.ASK
        return Verdict.GONE if now - self._heard >= self.pace.silence else Verdict.ASK

    def deadline(self) -> float:
        """When :meth:`tick` should be called next."""
        return min(self._asked + self.pace.ping, self._heard + self.pace.silence)

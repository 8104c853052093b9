"""Requests of ours until their final answer, through loss (RFC 3261, 17.1, and RFC 6026)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from pinecall_run.sip.agenda import Action, Agenda, Entry
from pinecall_run.sip.message import Headers, Request, Response, respond
from pinecall_run.sip.peer import Peer


@dataclass(frozen=True, slots=True)
class Timing:
    """The times that all others follow from, in seconds (RFC 3261, table 4).

    Attributes:
        t1: how long a message and its answer are thought to travel.
        t2: the longest pause between repetitions.
        t4: the longest that a message stays in the network.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def patience(self) -> float:
        """Timers B, D, F, H, J, L and M: how long anybody waits for anything."""
        return 64 * self.t1


TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Ground:
    """What transactions stand on."""

    agenda: Agenda
    send: Callable[[bytes, Peer], None]
    timing: Timing = TIMING


class State(Enum):
    """Where a transaction is; the names are RFC 3261's."""

    TRYING = auto()
    """Of an INVITE: calling."""
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


OnResponse = Callable[[Response, float], None]


class ClientTransaction:
    """One request. ``on_response`` is given its responses, and where none comes a 408 or 503 of our own (8.1.3.1);
    ``on_end`` is called once when nothing more can come."""

    def __init__(
        self, ground: Ground, request: Request, peer: Peer, *, on_response: OnResponse, on_end: Callable[[], None]
    ) -> None:
        self.request = request
        self.peer = peer
        self.state = State.TRYING
        self._ground = ground
        self._on_response = on_response
        self._on_end = on_end
        self._repetition: Entry | None = None
        self._limit: Entry | None = None
        self._pause = ground.timing.t1

    @property
    def is_invite(self) -> bool:
        """INVITE has three steps, and its own transaction."""
        return self.request.method == "INVITE"

    def start(self, now: float) -> None:
        """Send it, and again until something comes (timers A and E), as long as there is hope (timers B and F)."""
        self._transmit(self.request)
        self._limit = self._ground.agenda.add(now + self._ground.timing.patience, self._give_up)
        if not self.peer.is_reliable:
            self._later(self._repeat, self._pause, now)

    def receive(self, response: Response, now: float) -> None:
        """A response came."""
        if self.is_invite:
            self._invite_answered(response, now)
        elif self.state in (State.TRYING, State.PROCEEDING):
            self.state = State.PROCEEDING
            if response.is_final:
                self._finish(State.COMPLETED, self._ground.timing.t4, now)  # timer K
            self._on_response(response, now)

    def fail(self, now: float) -> None:
        """The transport cannot carry it."""
        if self.state in (State.TRYING, State.PROCEEDING):
            self._end()
            self._on_response(respond(self.request, 503), now)
        elif self.state is State.COMPLETED:
            self._end()

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        if self.state is not State.TERMINATED:
            self._end()

    def _invite_answered(self, response: Response, now: float) -> None:
        if self.state is State.COMPLETED:
            if response.status >= 300:
                self._transmit(acknowledgement(self.request, response))
            return
        if self.state is State.ACCEPTED and not response.is_success:
            return
        if self.state is State.ACCEPTED or not response.is_final:
            if self.state is State.TRYING:
                self.state = State.PROCEEDING
                self._cancel_timers()  # with a first sign of life, whoever called decides how long it may ring
        elif response.is_success:
            self._finish(State.ACCEPTED, self._ground.timing.patience, now)  # timer M
        else:
            self._transmit(acknowledgement(self.request, response))
            self._finish(State.COMPLETED, self._ground.timing.patience, now)  # timer D
        self._on_response(response, now)

    def _finish(self, state: State, seconds: float, now: float) -> None:
        """Wait for what may still come: repeated answers, or over a reliable transport only those of a fork."""
        self._cancel_timers()
        self.state = state
        if self.peer.is_reliable and state is State.COMPLETED:
            self._end()
        else:
            self._limit = self._ground.agenda.add(now + seconds, lambda _: self._end())

    def _repeat(self, now: float) -> None:
        self._transmit(self.request)
        self._pause *= 2
        if not self.is_invite:
            is_known = self.state is State.PROCEEDING
            self._pause = self._ground.timing.t2 if is_known else min(self._pause, self._ground.timing.t2)
        self._later(self._repeat, self._pause, now)

    def _give_up(self, now: float) -> None:
        self._end()
        self._on_response(respond(self.request, 408), now)

    def _later(self, action: Action, seconds: float, now: float) -> None:
        self._repetition = self._ground.agenda.add(now + seconds, action)

    def _transmit(self, request: Request) -> None:
        self._ground.send(bytes(request), self.peer)

    def _cancel_timers(self) -> None:
        for entry in (self._repetition, self._limit):
            if entry is not None:
                entry.cancel()

    def _end(self) -> None:
        self._cancel_timers()
        self.state = State.TERMINATED
        self._on_end()


def acknowledgement(request: Request, response: Response) -> Request:
    """The ACK of an INVITE that failed (17.1.1.3)."""
    return _beside(request, "ACK", response.headers.get("To"))


def cancellation(request: Request) -> Request:
    """The CANCEL of an INVITE (9.1)."""
    return _beside(request, "CANCEL", request.headers.get("To"))


def _beside(request: Request, method: str, to: str) -> Request:
    """A request in the same transaction, or beside it: same target, first hop, sender, call and number."""
    fields = [("Via", request.headers.values("Via")[0]), ("From", request.headers.get("From")), ("To", to)]
    fields += [("Call-ID", request.call_id), ("CSeq", f"{request.cseq[0]} {method}"), ("Max-Forwards", "70")]
    fields += [("Route", value) for value in request.headers.all("Route")]
    return Request(Headers(tuple(fields)), b"", method, request.uri)

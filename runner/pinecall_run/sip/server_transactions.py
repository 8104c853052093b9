"""Requests of others until our final answer has arrived, through loss (RFC 3261, 17.2, and RFC 6026)."""

from __future__ import annotations

from collections.abc import Callable

from pinecall_run.sip.agenda import Entry
from pinecall_run.sip.client_transactions import Ground, State
from pinecall_run.sip.message import Request, Response
from pinecall_run.sip.peer import Peer, answered_at


class ServerTransaction:
    """One request that came from ``peer``. ``on_end`` is called once when no repetition of it is expected any more."""

    def __init__(self, ground: Ground, request: Request, peer: Peer, *, on_end: Callable[[], None]) -> None:
        self.request = request
        self.peer = peer
        self.state = State.TRYING
        self.on_unacknowledged: Callable[[float], None] = _ignored
        """Called if nobody acknowledges a 2xx within timer L; a call is then over (13.3.1.4)."""
        self._ground = ground
        self._on_end = on_end
        self._target = answered_at(request, peer)
        self._response: Response | None = None
        self._repetition: Entry | None = None
        self._limit: Entry | None = None

    @property
    def is_invite(self) -> bool:
        """INVITE has three steps, and its own transaction."""
        return self.request.method == "INVITE"

    @property
    def is_open(self) -> bool:
        """Whether there is no final answer yet."""
        return self.state in (State.TRYING, State.PROCEEDING)

    def respond(self, response: Response, now: float) -> None:
        """Answer. What comes after a final answer is left out, for instance when a CANCEL won a race."""
        if not self.is_open:
            return
        self._response = response
        self._transmit()
        self.state = State.PROCEEDING
        if not response.is_final:
            return
        patience = self._ground.timing.patience
        if not self.is_invite:
            self._finish(State.COMPLETED, 0 if self.peer.is_reliable else patience, now)  # timer J
            return
        self.state = State.ACCEPTED if response.is_success else State.COMPLETED
        self._limit = self._ground.agenda.add(now + patience, self._give_up)  # timers L and H
        # A 2xx is repeated whatever the transport: further on it may travel over another one (13.3.1.4).
        if response.is_success or not self.peer.is_reliable:
            self._repeat_after(self._ground.timing.t1, now)  # timer G

    def receive(self, request: Request, now: float) -> None:
        """The request was repeated, or a failure was acknowledged."""
        if request.method == "ACK":
            if self.state is State.COMPLETED:
                self._finish(State.CONFIRMED, 0 if self.peer.is_reliable else self._ground.timing.t4, now)  # timer I
        elif self._response is not None and self.state in (State.PROCEEDING, State.COMPLETED):
            self._transmit()

    def acknowledged(self) -> None:
        """The ACK of a 2xx, which has a transaction of its own, came; repetitions of the request may still do."""
        if self._repetition is not None:
            self._repetition.cancel()
        self.on_unacknowledged = _ignored

    def fail(self) -> None:
        """The transport is gone."""
        if self.state in (State.COMPLETED, State.CONFIRMED):
            self._end()

    def _finish(self, state: State, seconds: float, now: float) -> None:
        self._cancel_timers()
        self.state = state
        if seconds:
            self._limit = self._ground.agenda.add(now + seconds, lambda _: self._end())
        else:
            self._end()

    def _repeat_after(self, pause: float, now: float) -> None:
        def repeat(later: float) -> None:
            self._transmit()
            self._repeat_after(min(2 * pause, self._ground.timing.t2), later)

        self._repetition = self._ground.agenda.add(now + pause, repeat)

    def _give_up(self, now: float) -> None:
        self._end()
        self.on_unacknowledged(now)

    def _transmit(self) -> None:
        if self._response is not None:
            self._ground.send(bytes(self._response), self._target)

    def _cancel_timers(self) -> None:
        for entry in (self._repetition, self._limit):
            if entry is not None:
                entry.cancel()

    def _end(self) -> None:
        self._cancel_timers()
        self.state = State.TERMINATED
        self._on_end()


def _ignored(_: float) -> None:
    """A failure that nobody acknowledges needs nothing more."""

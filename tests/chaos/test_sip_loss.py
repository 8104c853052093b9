"""Two user agents over a link that loses, repeats and overtakes: whatever it does, both come to the same end."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sip._script import Dice

from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.core import Settings
from pinecall_run.sip.digest import Account
from pinecall_run.sip.media import LocalAudio
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import (
    Answered,
    Close,
    Dtmf,
    Ended,
    EndReason,
    Ignored,
    IncomingCall,
    MediaChanged,
    Send,
)
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.sdp import Direction
from pinecall_run.sip.uri import NameAddr, read_uri

ANA, BOB = "192.0.2.1", "192.0.2.2"


@dataclass
class Party:
    """One of the two, and what happened to it."""

    host: str
    agent: UserAgent
    outputs: list[Any] = field(default_factory=list)
    call: str = ""

    def of(self, kind: type) -> list[Any]:
        return [output for output in self.outputs if isinstance(output, kind)]


class Weather:
    """A link between the two, and its clock. ``loss`` and ``repetition`` are chances; delays are up to ``delay``."""

    def __init__(
        self, seed: int, *, loss: float, repetition: float = 0.0, delay: float = 0.05, transport: str = "udp"
    ) -> None:
        self.random = Random(seed)
        self.loss, self.repetition, self.delay, self.transport = loss, repetition, delay, transport
        self.now = 0.0
        self.on_output: Callable[[Weather, Party, Any], None] = lambda weather, party, output: None
        self.parties = {
            host: Party(host, UserAgent(self._settings(host), Dice(f"{seed}{host}"))) for host in (ANA, BOB)
        }
        self._flying: list[tuple[float, int, str, bytes]] = []
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def _settings(self, host: str) -> Settings:
        return Settings(host, {self.transport: 5060}, users={"ana": "secret"})

    def later(self, seconds: float, plan: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._plans, (self.now + seconds, self._count, plan))

    def flush(self) -> None:
        """Let fly what is to be sent."""
        busy = True
        while busy:
            busy = False
            for party in self.parties.values():
                for output in party.agent.drain():
                    busy = True
                    if isinstance(output, Send):
                        self._send(output)
                    else:
                        assert not isinstance(output, Close)
                        party.outputs.append(output)
                        party.call = party.call or getattr(output, "call", "")
                        self.on_output(self, party, output)

    def _send(self, output: Send) -> None:
        copies = 0 if self.random.random() < self.loss else 2 if self.random.random() < self.repetition else 1
        for _ in range(copies):
            self._count += 1
            delay = self.delay if self.transport == "tcp" else self.random.uniform(0.001, self.delay)
            heapq.heappush(self._flying, (self.now + delay, self._count, output.peer.host, output.data))

    def run(self, until: float) -> None:
        """Let time pass until all is quiet, or a time has come."""
        self.flush()
        while (now := self._next()) is not None and now <= until:
            self.now = now
            while self._plans and self._plans[0][0] <= now:
                heapq.heappop(self._plans)[2]()
            while self._flying and self._flying[0][0] <= now:
                _, _, host, data = heapq.heappop(self._flying)
                sender = BOB if host == ANA else ANA
                self.parties[host].agent.receive(data, Peer(self.transport, sender, 5060), now)
            for party in self.parties.values():
                party.agent.tick(now)
            self.flush()

    def _next(self) -> float | None:
        deadlines = [party.agent.deadline() for party in self.parties.values()]
        times = [at for at in deadlines if at is not None]
        times += [queue[0][0] for queue in (self._flying, self._plans) if queue]  # type: ignore[attr-defined]
        return min(times, default=None)

    def dial(self, ring_seconds: float = 60.0) -> None:
        ana = self.parties[ANA]
        to = read_uri(f"sip:bob@{BOB};transport={self.transport}")
        me = NameAddr(read_uri(f"sip:ana@{ANA}"))
        audio, account = LocalAudio(ANA, 4000), Account("ana", "secret")
        ana.call = ana.agent.dial(Dial(to, me, audio, account=account, ring_seconds=ring_seconds), self.now)


def taking(weather: Weather, party: Party, output: Any) -> None:
    """Bob rings and takes it a second later."""
    if isinstance(output, IncomingCall):
        party.agent.ring(output.call, weather.now)
        weather.later(1.0, lambda: party.agent.answer(output.call, LocalAudio(BOB, 5000), weather.now))


def nothing_is_left(weather: Weather) -> None:
    for party in weather.parties.values():
        assert len(party.agent) == 0
        assert len(party.agent._core.transactions) == 0
        assert party.agent._core.dialogs == {}
        assert len(party.of(Ended)) == len({output.call for output in party.outputs if hasattr(output, "call")})


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_in_good_weather_a_whole_call(transport: str) -> None:
    weather = Weather(1, loss=0.0, transport=transport)
    ana, bob = weather.parties.values()
    weather.on_output = taking
    weather.dial()
    for at, plan in (
        (5.0, lambda: bob.agent.turn(bob.call, Direction.SENDONLY, weather.now)),
        (6.0, lambda: ana.agent.press(ana.call, "5", weather.now)),
        (7.0, lambda: bob.agent.turn(bob.call, Direction.SENDRECV, weather.now)),
        (4000.0, lambda: bob.agent.hang_up(bob.call, weather.now)),
    ):
        weather.later(at, plan)
    weather.run(5000.0)
    assert [output.media.direction for output in ana.of(MediaChanged)] == [Direction.RECVONLY, Direction.SENDRECV]
    assert [output.media.direction for output in bob.of(MediaChanged)] == [Direction.SENDONLY, Direction.SENDRECV]
    assert [(output.digit, output.milliseconds) for output in bob.of(Dtmf)] == [("5", 160)]
    assert bob.of(IncomingCall)[0].username == "ana"
    assert [output.reason for output in ana.of(Ended)] == [EndReason.HANGUP]
    assert [output.reason for output in bob.of(Ended)] == [EndReason.ENDED]
    assert (ana.of(Ignored), bob.of(Ignored)) == ([], [])
    nothing_is_left(weather)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), loss=st.floats(0, 0.3), delay=st.sampled_from([0.05, 0.4, 1.2]))
def test_calls_come_about_through_loss_repetition_and_overtaking(seed: int, loss: float, delay: float) -> None:
    weather = Weather(seed, loss=loss, repetition=0.2, delay=delay)
    ana, bob = weather.parties.values()
    weather.on_output = taking
    weather.dial()
    weather.later(45.0, lambda: ana.agent.hang_up(ana.call, weather.now))
    weather.run(400.0)
    if loss < 0.2:  # eight and more tries for each message: it would take a miracle
        assert (len(ana.of(Answered)), len(bob.of(Answered))) == (1, 1)
        assert [output.reason for output in bob.of(Ended)] == [EndReason.HANGUP]
    nothing_is_left(weather)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), at=st.floats(0.0, 3.0), loss=st.floats(0, 0.3), is_ana=st.booleans())
def test_whenever_somebody_hangs_up_both_come_to_an_end(seed: int, at: float, loss: float, is_ana: bool) -> None:
    weather = Weather(seed, loss=loss, repetition=0.2, delay=0.3)
    ana, bob = weather.parties.values()
    weather.on_output = taking
    weather.dial()
    who = ana if is_ana else bob
    weather.later(at, lambda: who.agent.hang_up(who.call, weather.now))
    weather.later(100.0, lambda: bob.agent.hang_up(bob.call, weather.now))
    weather.run(4000.0)
    nothing_is_left(weather)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), gap=st.floats(0.0, 0.2), loss=st.floats(0, 0.2))
def test_both_change_at_once_and_agree_in_the_end(seed: int, gap: float, loss: float) -> None:
    weather = Weather(seed, loss=loss, repetition=0.1, delay=0.1)
    ana, bob = weather.parties.values()
    weather.on_output = taking
    weather.dial()
    weather.later(40.0, lambda: ana.agent.turn(ana.call, Direction.SENDONLY, weather.now))
    weather.later(40.0 + gap, lambda: bob.agent.turn(bob.call, Direction.SENDONLY, weather.now))
    weather.run(140.0)
    theirs, ours = (party.agent._core.calls[party.call].negotiation.media for party in (ana, bob))
    assert theirs is not None
    assert ours is not None
    # Both hold: nobody hears anybody, and both know it.
    assert (theirs.direction, ours.direction) == (Direction.INACTIVE, Direction.INACTIVE)
    ana.agent.hang_up(ana.call, weather.now)
    weather.run(300.0)
    nothing_is_left(weather)


def test_a_link_that_dies_ends_the_call_by_its_missing_signs_of_life() -> None:
    weather = Weather(7, loss=0.0)
    ana, bob = weather.parties.values()
    weather.on_output = taking
    weather.dial()
    weather.run(100.0)
    weather.loss = 1.0
    weather.run(4000.0)
    assert [output.reason for party in (ana, bob) for output in party.of(Ended)] == [EndReason.LOST] * 2
    nothing_is_left(weather)

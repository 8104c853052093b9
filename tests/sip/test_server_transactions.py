"""Requests of others through loss, timer by timer (RFC 3261, 17.2; RFC 6026)."""

from __future__ import annotations

import pytest
from tests.sip.test_client_transactions import TCP, UDP, request, sums

from pinecall_run.sip.agenda import Agenda
from pinecall_run.sip.client_transactions import Ground, State
from pinecall_run.sip.message import respond
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.server_transactions import ServerTransaction


class Bench:
    """A transaction, a clock, and what it sent."""

    def __init__(self, method: str, peer: Peer = UDP) -> None:
        self.agenda, self.now = Agenda(), 0.0
        self.sent: list[tuple[float, int]] = []
        self.ends: list[float] = []
        self.missed: list[float] = []
        self.request = request(method)
        self.server = ServerTransaction(
            Ground(self.agenda, self._send), self.request, peer, on_end=lambda: self.ends.append(self.now)
        )
        self.server.on_unacknowledged = self.missed.append

    def _send(self, data: bytes, peer: Peer) -> None:
        self.sent.append((self.now, int(data.split(b" ")[1])))

    def until(self, end: float) -> Bench:
        while (at := self.agenda.deadline()) is not None and at <= end:
            self.now = at
            self.agenda.tick(at)
        self.now = end
        return self

    def say(self, *statuses: int) -> Bench:
        for status in statuses:
            self.server.respond(respond(self.request, status, tag="t"), self.now)
        return self

    def again(self, method: str = "") -> Bench:
        self.server.receive(request(method) if method else self.request, self.now)
        return self

    def times(self, status: int) -> list[float]:
        return [at for at, sent in self.sent if sent == status]


def test_before_an_answer_a_repetition_is_swallowed() -> None:
    for method in ("INVITE", "BYE"):
        assert Bench(method).again().sent == []


def test_a_repetition_brings_the_last_answer_again() -> None:
    assert Bench("INVITE").say(100).again().say(180).again().sent == [(0, 100), (0, 100), (0, 180), (0, 180)]
    assert Bench("BYE").say(200).again().again().sent == [(0, 200)] * 3


def test_timers_g_and_h_a_failure_is_repeated_until_it_is_given_up() -> None:
    bench = Bench("INVITE").say(486).until(100)
    assert bench.times(486) == sums([0.5, 1, 2, *[4] * 7])
    assert (bench.ends, bench.server.state) == ([32.0], State.TERMINATED)


def test_timer_i_after_the_ack_all_is_quiet() -> None:
    bench = Bench("INVITE").say(486).until(0.6).again("ACK")
    assert bench.server.state is State.CONFIRMED
    assert bench.again().again("ACK").until(5.5).times(486) == [0, 0.5]
    assert bench.until(6).ends == [pytest.approx(5.6)]


def test_over_a_reliable_transport_a_failure_is_sent_once() -> None:
    bench = Bench("INVITE", TCP).say(486).until(10)
    assert bench.times(486) == [0]
    assert bench.again("ACK").ends == [10]


@pytest.mark.parametrize("peer", [UDP, TCP])
def test_timer_l_a_2xx_is_repeated_until_it_is_acknowledged(peer: Peer) -> None:
    bench = Bench("INVITE", peer).say(200).again().until(2)
    assert bench.times(200) == [0, 0.5, 1.5]
    bench.server.acknowledged()
    assert bench.until(100).times(200) == [0, 0.5, 1.5]
    assert (bench.ends, bench.missed) == ([32.0], [])


def test_a_2xx_that_nobody_acknowledges() -> None:
    bench = Bench("INVITE").say(200).until(100)
    assert bench.times(200) == sums([0.5, 1, 2, *[4] * 7])
    assert (bench.ends, bench.missed) == ([32.0], [32.0])


def test_timer_j_answers_are_kept_for_repetitions() -> None:
    bench = Bench("BYE").say(200).until(31).again()
    assert bench.times(200) == [0, 31]
    assert bench.until(33).ends == [32.0]
    assert Bench("BYE", TCP).say(200).ends == [0.0]


def test_after_a_final_answer_no_other_counts() -> None:
    for method in ("INVITE", "BYE"):
        assert Bench(method).say(487, 200, 180).sent == [(0, 487)]


def test_a_transport_that_fails() -> None:
    bench = Bench("INVITE", TCP).say(486)
    bench.server.fail()
    assert bench.ends == [0.0]
    bench = Bench("INVITE", TCP).say(180)
    bench.server.fail()  # the answer may find another connection
    assert bench.ends == []

"""Requests of ours through loss, timer by timer (RFC 3261, 17.1; RFC 6026)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pinecall_run.sip.agenda import Agenda
from pinecall_run.sip.client_transactions import (
    TIMING,
    ClientTransaction,
    Ground,
    State,
    Timing,
    acknowledgement,
    cancellation,
)
from pinecall_run.sip.message import Headers, Request, Response, respond
from pinecall_run.sip.peer import Peer

UDP, TCP = Peer("udp", "h", 5060), Peer("tcp", "h", 5060)


def request(method: str) -> Request:
    fields = [("Via", "SIP/2.0/UDP me;branch=z9hG4bKx"), ("Route", "<sip:p;lr>"), ("From", "<sip:a@h>;tag=1")]
    fields += [("To", "<sip:b@h>"), ("Call-ID", "c"), ("CSeq", f"3 {method}"), ("X", "y")]
    return Request(Headers(tuple(fields)), b"", method, "sip:b@h")


class Bench:
    """A transaction, a clock, what it sent and what it told."""

    def __init__(self, method: str, peer: Peer = UDP, timing: Timing = TIMING) -> None:
        self.agenda, self.now, self.peer = Agenda(), 0.0, peer
        self.sent: list[tuple[float, str]] = []
        self.told: list[int] = []
        self.ends: list[float] = []
        ground = Ground(self.agenda, self._send, timing)
        self.transaction = ClientTransaction(
            ground,
            request(method),
            peer,
            on_response=lambda response, now: self.told.append(response.status),
            on_end=lambda: self.ends.append(self.now),
        )
        self.transaction.start(0.0)

    def _send(self, data: bytes, peer: Peer) -> None:
        assert peer == self.peer
        self.sent.append((self.now, data.split(b" ")[0].decode()))

    def until(self, end: float) -> Bench:
        while (at := self.agenda.deadline()) is not None and at <= end:
            self.now = at
            self.agenda.tick(at)
        self.now = end
        return self

    def hear(self, *statuses: int) -> Bench:
        for status in statuses:
            self.transaction.receive(respond(self.transaction.request, status, tag="t"), self.now)
        return self

    def times(self, method: str) -> list[float]:
        return [at for at, sent in self.sent if sent == method]


def sums(pauses: Iterable[float]) -> list[float]:
    total, found = 0.0, [0.0]
    for pause in pauses:
        total += pause
        found.append(total)
    return found


def test_timers_a_and_b_of_an_invite() -> None:
    bench = Bench("INVITE").until(100)
    assert bench.times("INVITE") == sums([0.5, 1, 2, 4, 8, 16])
    assert (bench.told, bench.ends, bench.transaction.state) == ([408], [32.0], State.TERMINATED)


def test_timers_e_and_f_of_any_other() -> None:
    bench = Bench("BYE").until(100)
    assert bench.times("BYE") == sums([0.5, 1, 2, *[4] * 7])
    assert (bench.told, bench.ends) == ([408], [32.0])


def test_after_a_word_of_progress_timer_e_is_slow() -> None:
    bench = Bench("BYE").until(0.1).hear(100).until(100)
    assert bench.times("BYE")[:4] == [0, 0.5, 4.5, 8.5]
    assert bench.told == [100, 408]


def test_over_a_reliable_transport_nothing_is_repeated() -> None:
    for method in ("INVITE", "BYE"):
        bench = Bench(method, TCP).until(100)
        assert (bench.times(method), bench.told, bench.ends) == ([0], [408], [32.0])


def test_an_invite_that_rings_is_waited_for() -> None:
    bench = Bench("INVITE").until(0.7).hear(100, 180, 180).until(1000)
    assert (bench.times("INVITE"), bench.told, bench.ends) == ([0, 0.5], [100, 180, 180], [])
    assert bench.transaction.state is State.PROCEEDING


def test_timer_d_a_repeated_failure_is_acknowledged_again() -> None:
    bench = Bench("INVITE").hear(486).until(10).hear(486, 200, 180).until(31.9)
    assert (bench.times("ACK"), bench.told, bench.ends) == ([0, 10], [486], [])
    assert bench.until(33).ends == [32.0]
    assert Bench("INVITE", TCP).hear(486).ends == [0.0]


def test_timer_m_more_than_one_may_take_it() -> None:
    bench = Bench("INVITE").hear(180, 200).until(5).hear(200, 486, 180).until(31.9)
    assert (bench.told, bench.times("ACK"), bench.ends) == ([180, 200, 200], [], [])
    assert bench.until(33).ends == [32.0]
    assert Bench("INVITE", TCP).hear(200).ends == []


def test_timer_k_repeated_answers_are_swallowed() -> None:
    bench = Bench("BYE").hear(200, 200, 500)
    assert (bench.told, bench.until(4.9).ends) == ([200], [])
    assert bench.until(6).ends == [5.0]
    assert Bench("BYE", TCP).hear(200).ends == [0.0]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_transport_that_fails(method: str) -> None:
    bench = Bench(method)
    bench.transaction.fail(0.0)
    assert (bench.told, bench.ends) == ([503], [0.0])
    assert bench.until(100).times(method) == [0]
    bench = Bench("INVITE").hear(486)
    bench.transaction.fail(0.0)
    assert (bench.told, bench.ends) == ([486], [0.0])


def test_abandoned_it_ends_once_and_says_nothing() -> None:
    bench = Bench("INVITE").hear(180)
    bench.transaction.abandon()
    bench.transaction.abandon()
    assert (bench.told, bench.ends, bench.until(100).times("INVITE")) == ([180], [0.0], [0])


def test_all_times_follow_from_t1_and_t2() -> None:
    bench = Bench("BYE", timing=Timing(t1=0.1, t2=0.3, t4=1)).until(100)
    assert bench.times("BYE")[:5] == pytest.approx([0, 0.1, 0.3, 0.6, 0.9])
    assert bench.ends == [pytest.approx(6.4)]


def test_the_ack_of_a_failure_and_a_cancel() -> None:
    invite = request("INVITE")
    response = Response(Headers((("To", "<sip:b@h>;tag=t"),)), b"", 486)
    for made, method, to in (
        (acknowledgement(invite, response), "ACK", "<sip:b@h>;tag=t"),
        (cancellation(invite), "CANCEL", "<sip:b@h>"),
    ):
        assert (made.method, made.uri, made.cseq) == (method, "sip:b@h", (3, method))
        assert made.headers.items == (
            ("Via", "SIP/2.0/UDP me;branch=z9hG4bKx"),
            ("From", "<sip:a@h>;tag=1"),
            ("To", to),
            ("Call-ID", "c"),
            ("CSeq", f"3 {method}"),
            ("Max-Forwards", "70"),
            ("Route", "<sip:p;lr>"),
        )

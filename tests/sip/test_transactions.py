"""Which transaction a message belongs to."""

from __future__ import annotations

from dataclasses import replace

from tests.sip._script import PEER, Line

from pinecall_run.sip.agenda import Agenda
from pinecall_run.sip.client_transactions import Ground
from pinecall_run.sip.message import Request, respond
from pinecall_run.sip.parser import read_datagram
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.transactions import Transactions


def transactions() -> Transactions:
    return Transactions(Ground(Agenda(), lambda data, peer: None))


def request(method: str = "INVITE", branch: str = "z9hG4bKb", number: int = 1, tag: str = "") -> Request:
    line = Line()
    text = line.request(method, number=number, branch="b").replace("branch=z9hG4bKb", f"branch={branch}")
    found = read_datagram((text.replace("192.0.2.1>\r", f"192.0.2.1>;tag={tag}\r") if tag else text).encode())
    assert isinstance(found, Request)
    return found


def test_answers_find_their_request_by_branch_and_method() -> None:
    all_ = transactions()
    told: list[int] = []
    invite = request()
    all_.begin(invite, PEER, lambda response, now: told.append(response.status)).start(0.0)
    assert all_.answered(respond(invite, 180), 0.0)
    assert not all_.answered(respond(request("BYE"), 200), 0.0)
    assert not all_.answered(respond(request(branch="z9hG4bKother"), 200), 0.0)
    assert told == [180]


def test_repetitions_acks_and_cancels_find_their_request() -> None:
    all_ = transactions()
    server = all_.open(request(), PEER)
    assert all_.repeated(request(), 0.0)
    assert not all_.repeated(request(branch="z9hG4bKother"), 0.0)
    assert not all_.repeated(request("BYE"), 0.0)
    assert all_.cancelled(request("CANCEL")) is server
    assert all_.cancelled(request("CANCEL", branch="z9hG4bKother")) is None
    server.respond(respond(request(), 486, tag="t"), 0.0)
    assert all_.repeated(replace(request("ACK"), uri="sip:rewritten@192.0.2.1"), 0.0)


def test_the_ack_of_a_2xx_belongs_to_the_dialog() -> None:
    all_ = transactions()
    all_.open(request(), PEER).respond(respond(request(), 200, tag="t"), 0.0)
    assert not all_.repeated(request("ACK"), 0.0)
    assert all_.repeated(request(), 0.0)


def test_senders_of_before_rfc_3261_are_told_apart_by_everything_else() -> None:
    all_ = transactions()
    for branch in ("1", "z9hG4bK"):
        server = all_.open(request(branch=branch), PEER)
        assert all_.repeated(request(branch=branch), 0.0)
        assert not all_.repeated(request(branch=branch, number=2), 0.0)
        server.respond(respond(request(branch=branch), 486, tag="t"), 0.0)
        assert all_.repeated(request("ACK", branch=branch, tag="t"), 0.0)


def test_a_request_that_came_by_two_ways() -> None:
    all_ = transactions()
    server = all_.open(request(), PEER)
    assert all_.is_merged(request(branch="z9hG4bKother"))
    assert not all_.is_merged(request(number=2))
    server.respond(respond(request(), 486, tag="t"), 0.0)
    server.receive(request("ACK"), 0.0)
    server.fail()
    assert not all_.is_merged(request(branch="z9hG4bKother"))
    assert len(all_) == 0


def test_what_went_over_a_lost_transport_fails() -> None:
    all_ = transactions()
    told: list[int] = []
    peers = [Peer("tcp", "198.51.100.7", port) for port in (1, 2)]
    for peer in peers:
        made = request(branch=f"z9hG4bK{peer.port}")
        all_.begin(made, peer, lambda response, now: told.append(response.status)).start(0.0)
    for peer in peers:
        server = all_.open(request(branch=f"z9hG4bKs{peer.port}"), peer)
        server.respond(respond(server.request, 486, tag="t"), 0.0)
    all_.lost(peers[0], 0.0)
    assert (told, len(all_)) == ([503], 2)
    assert all_.repeated(request(branch="z9hG4bKs2"), 0.0)
    assert not all_.repeated(request(branch="z9hG4bKs1"), 0.0)

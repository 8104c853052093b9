"""The relation of two user agents from both sides."""

from __future__ import annotations

from tests.sip._script import PEER, Line

from pinecall_run.sip.dialog import Dialog, called, calling
from pinecall_run.sip.message import Request, respond
from pinecall_run.sip.parser import read_datagram
from pinecall_run.sip.peer import Peer


def invite(*extra: str) -> Request:
    found = read_datagram(Line().invite("Record-Route: <sip:p1;lr>, <sip:p2;lr>", *extra).encode())
    assert isinstance(found, Request)
    return found


def both(peer: Peer = PEER) -> tuple[Dialog, Dialog]:
    request = invite()
    fields = [("Record-Route", value) for value in request.headers.all("Record-Route")]
    response = respond(request, 200, tag="ours", fields=[*fields, ("Contact", "<sip:desk@192.0.2.1:5060>")])
    return called(request, "ours", peer), calling(request, response, peer)


def test_both_sides_see_the_same_from_two_ends() -> None:
    ours, theirs = both()
    assert ours.key == ("c1@198.51.100.7", "ours", "theirs")
    assert theirs.key == ("c1@198.51.100.7", "theirs", "ours")
    assert [str(route.uri) for route in ours.routes] == ["sip:p1;lr", "sip:p2;lr"]
    assert [str(route.uri) for route in theirs.routes] == ["sip:p2;lr", "sip:p1;lr"]
    assert (str(ours.target), str(theirs.target)) == ("sip:ana@198.51.100.7:5060", "sip:desk@192.0.2.1:5060")


def test_requests_are_numbered_and_an_ack_is_not() -> None:
    _, theirs = both()
    assert theirs.request("INFO").cseq == (2, "INFO")
    assert theirs.request("ACK", sequence=1).cseq == (1, "ACK")
    assert theirs.request("BYE", [("X", "y")]).cseq == (3, "BYE")


def test_numbers_never_go_down() -> None:
    ours, _ = both()
    for number, is_in_order in ((5, True), (5, True), (4, False), (6, True)):
        request = read_datagram(Line().request("INFO", number=number).encode())
        assert isinstance(request, Request)
        assert ours.is_in_order(request) is is_in_order


def test_a_target_is_refreshed_by_a_contact_of_sip() -> None:
    ours, _ = both()
    before = ours.target
    for contact in ("*", "<tel:+1>", ""):
        text = Line().request("INFO").replace("<sip:ana@198.51.100.7:5060>", contact)
        ours.refresh(read_datagram(text.encode()))
        assert ours.target == before
    ours.refresh(read_datagram(Line().request("INFO").replace("<sip:ana@198.51.100.7:5060>", "<sip:b@h>").encode()))
    assert str(ours.target) == "sip:b@h"


def test_where_requests_are_sent() -> None:
    ours, _ = both()
    assert ours.next_hop() == Peer("udp", "p1", 5060)
    ours.routes = []
    assert ours.next_hop() == Peer("udp", "198.51.100.7", 5060)
    ours.target = invite().from_.uri.__class__("sip", "a", "h", None, {"transport": "sctp"})
    assert ours.next_hop() == PEER
    ours, _ = both(Peer("tls", "198.51.100.7", 40_000))
    assert ours.next_hop() == Peer("udp", "p1", 5060)
    ours.routes = []
    assert ours.next_hop() == Peer("tls", "198.51.100.7", 40_000)

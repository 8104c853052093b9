"""Where requests and their answers go."""

from __future__ import annotations

import pytest
from tests.sip._script import Line

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.message import Request
from pinecall_run.sip.parser import read_datagram
from pinecall_run.sip.peer import Peer, answered_at, peer_of, received
from pinecall_run.sip.uri import read_uri


@pytest.mark.parametrize(
    ("uri", "peer"),
    [
        ("sip:a@h", Peer("udp", "h", 5060)),
        ("sip:a@[::1]:5070;transport=TCP", Peer("tcp", "::1", 5070)),
        ("sip:a@h;transport=tls", Peer("tls", "h", 5061)),
        ("sips:a@h;transport=tcp", Peer("tls", "h", 5061)),
    ],
)
def test_where_requests_go(uri: str, peer: Peer) -> None:
    assert peer_of(read_uri(uri)) == peer
    assert peer.is_reliable is (peer.transport != "udp")


@pytest.mark.parametrize("uri", ["sip:a@h;transport=sctp", "tel:+1555"])
def test_where_they_cannot_go(uri: str) -> None:
    with pytest.raises(GrammarError):
        peer_of(read_uri(uri))


def invite(via: str) -> Request:
    line = Line()
    text = line.invite().replace("SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKb1", via)
    found = read_datagram(text.encode())
    assert isinstance(found, Request)
    return found


HERE = Peer("udp", "203.0.113.5", 777)


@pytest.mark.parametrize(
    ("via", "noted", "target"),
    [
        ("SIP/2.0/UDP 203.0.113.5:9;branch=x", "SIP/2.0/UDP 203.0.113.5:9;branch=x", 9),
        ("SIP/2.0/UDP h;branch=x", "SIP/2.0/UDP h;branch=x;received=203.0.113.5", 5060),
        ("SIP/2.0/UDP h;rport;branch=x", "SIP/2.0/UDP h;branch=x;received=203.0.113.5;rport=777", 777),
        (
            "SIP/2.0/UDP h;rport=1;received=9.9.9.9;maddr=8.8.8.8",
            "SIP/2.0/UDP h;maddr=8.8.8.8;received=203.0.113.5;rport=777",
            777,
        ),
        ("SIP/2.0/UDP h , SIP/2.0/UDP g", "SIP/2.0/UDP h;received=203.0.113.5", 5060),
    ],
)
def test_what_the_first_hop_cannot_know(via: str, noted: str, target: int) -> None:
    request = received(invite(via), HERE)
    assert request.headers.values("Via")[0] == noted
    assert answered_at(request, HERE) == Peer("udp", "203.0.113.5", target)
    assert received(invite("SIP/2.0/UDP h;rport"), Peer("udp", "::1", 5)).via.parameters["received"] == "[::1]"


def test_over_a_connection_the_answer_goes_back_over_it() -> None:
    peer = Peer("tcp", "203.0.113.5", 777)
    assert answered_at(received(invite("SIP/2.0/TCP h:9"), peer), peer) == peer

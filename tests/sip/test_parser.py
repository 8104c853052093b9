"""Messages are read from datagrams and streams, whatever their sender does with lines; what is none is refused."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.sip._script import Line, up

from pinecall_run.sip.message import Request, Response
from pinecall_run.sip.parser import MOST_BYTES, MOST_HEAD_BYTES, BadMessageError, StreamReader, read_datagram

INVITE = Line().invite().encode()


def test_a_request() -> None:
    request = read_datagram(INVITE)
    assert isinstance(request, Request)
    assert (request.method, request.uri, request.cseq) == ("INVITE", "sip:desk@192.0.2.1", (1, "INVITE"))
    assert request.body.startswith(b"v=0")


def test_what_is_written_is_read_again() -> None:
    request = read_datagram(INVITE)
    assert read_datagram(bytes(request)) == request


def test_a_response() -> None:
    response = read_datagram(INVITE.replace(b"INVITE sip:desk@192.0.2.1 SIP/2.0", b"SIP/2.0 183 Sess\xc3\xafon  x", 1))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (183, "Sessïon  x")


def changed(old: str, new: str) -> bytes:
    assert old.encode() in INVITE
    return INVITE.replace(old.encode(), new.encode("utf-8", "surrogateescape"), 1)


@pytest.mark.parametrize(
    "data",
    [
        changed("Call-ID:", "i  :"),
        changed("Call-ID: ", "Call-ID:\r\n\t  \r\n "),
        changed("CSeq: 1 INVITE", "CSEQ: 1\r\n  INVITE"),
        b"\n\n".join([INVITE.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n"), INVITE.partition(b"\r\n\r\n")[2]]),
        INVITE + b"trailing",
        changed("Max-Forwards: 70\r\n", ""),
        changed("Max-Forwards: 70", "X-Bytes: \udcff\udcfe"),
    ],
)
def test_ways_to_write_the_same(data: bytes) -> None:
    request = read_datagram(data)
    assert request.call_id == "c1@198.51.100.7"
    assert request.cseq == (1, "INVITE")
    assert len(request.body.split(b"\n")) == 10
    assert read_datagram(bytes(request)) == request


@pytest.mark.parametrize(
    ("data", "status", "is_answered"),
    [
        (changed("Content-Length: ", "Content-Length: 9"), 400, True),
        (changed("Content-Length: ", "Content-Length: -"), 400, True),
        (changed("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400, True),
        (changed("CSeq: 1 INVITE", "CSeq: x INVITE"), 400, True),
        (changed("SIP/2.0\r\n", "SIP/3.0\r\n"), 505, True),
        (changed("INVITE sip:desk@192.0.2.1", "INVITE  sip:desk@192.0.2.1"), 400, True),
        (changed("Max-Forwards: 70", "Max-Forwards: 300"), 400, True),
        (changed("Max-Forwards: 70", "To: <sip:b@h>"), 400, True),
        (changed("Max-Forwards: 70", "Supported: \"x"), 400, True),
        (changed("From: <", "From: <<"), 400, True),
        (changed("Max-Forwards: 70", "Route: sip"), 400, True),
        (changed("Max-Forwards: 70", "Route: " + "<sip:a>," * 101), 400, True),
        (changed("Max-Forwards: 70", "Via: " + "SIP/2.0/UDP h," * 101), 400, True),
        (changed("Max-Forwards: 70", "Record-Route: <sip:a>, x"), 400, True),
        (changed("Call-ID: c1@198.51.100.7\r\n", ""), 400, False),
        (changed("Via: ", "Via: x"), 400, False),
        (changed("Via: ", "X: "), 400, False),
        (changed("Max-Forwards: 70", "\r\n".join(["X: " + "a" * 8000] * 5)), 513, False),
        (changed("Max-Forwards: 70", "no field"), 400, False),
        (changed("Max-Forwards: 70", "X: \0"), 400, False),
        (changed("Max-Forwards: 70", "X: a\rb"), 400, False),
        (changed("Max-Forwards: 70", "X: " + "a" * 9000), 513, False),
        (changed("Max-Forwards: 70", "\r\n".join(["X: a"] * 300)), 513, False),
        (INVITE + b"x" * MOST_BYTES, 513, False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, False),
        (b"\x16\x03\x01\x02\x00\x01", 400, False),
        (b"", 400, False),
    ],
)  # fmt: skip
def test_what_is_no_message(data: bytes, status: int, is_answered: bool) -> None:
    with pytest.raises(BadMessageError) as caught:
        read_datagram(data)
    assert caught.value.status == status
    assert (caught.value.request is not None) is is_answered


def test_an_ack_is_never_answered() -> None:
    with pytest.raises(BadMessageError) as caught:
        read_datagram(changed("INVITE sip", "ACK sip"))
    assert caught.value.request is None


def feed(data: bytes, *cuts: int) -> list[Any]:
    reader, found = StreamReader(), []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        found += reader.feed(data[start:end])
    return found


@given(st.lists(st.integers(0, 2 * len(INVITE) + 4), max_size=8))
def test_a_stream_is_cut_into_messages_wherever_it_breaks(cuts: list[int]) -> None:
    one = read_datagram(INVITE)
    assert feed(INVITE + b"\r\n\r\n" + INVITE, *cuts) == [one, None, one]


def test_a_response_in_a_stream() -> None:
    data = INVITE.replace(b"INVITE sip:desk@192.0.2.1 SIP/2.0", b"SIP/2.0 200 OK", 1)
    assert feed(data) == [read_datagram(data)]


def test_a_line_break_before_a_message_is_left_out() -> None:
    assert feed(b"\r\n" + INVITE) == [read_datagram(INVITE)]


@pytest.mark.parametrize(
    "data",
    [
        changed("Content-Length:", "X-Length:"),
        changed("Content-Length: ", "Content-Length: 999999"),
        b"x" * (MOST_HEAD_BYTES + 1),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_stream_that_cannot_be_understood(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        feed(data)


PIECES = [
    b"\r\n",
    b"\r\n ",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b"%00",
    b"\0",
    b"\xff",
    b":",
    b"=",
    b"9" * 30,
    b"sip:",
    b"z9hG4bK",
    b"*",
    b"tag=",
]


@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(0, 12), st.sampled_from(PIECES) | st.binary(max_size=6)), max_size=6
    ),
    st.booleans(),
)
@example([(0, 0, b"")], True)
def test_no_mutation_breaks_a_user_agent(mutations: list[tuple[int, int, bytes]], is_inside: bool) -> None:
    line = up() if is_inside else Line()
    data = bytearray(line.invite("Supported: timer", "Session-Expires: 1800", "Record-Route: <sip:p;lr>").encode())
    for at, length, piece in mutations:
        data[at : at + length] = piece
    line.agent.receive(bytes(data), line.peer, line.now, is_trusted=True)
    for output in line.agent.drain():
        if call := getattr(output, "call", None):
            line.call = call
            line.answer(line)
            line.hang_up(line)
    line.agent.tick(line.now + 100)


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    for read in (read_datagram, lambda data: list(StreamReader().feed(data))):
        with contextlib.suppress(BadMessageError):
            read(data)

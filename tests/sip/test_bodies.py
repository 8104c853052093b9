"""Bodies: a description among others, keys, statuses."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.sip.bodies import Press, UnknownBodyError, description, pressed, told_status
from pinecall_run.sip.message import Headers, Request


def request(kind: str, body: bytes, *fields: tuple[str, str]) -> Request:
    return Request(Headers((("Content-Type", kind), *fields)), body)


PARTS = (
    b"--b\r\nContent-Type: application/isup\r\n\r\n\x00\xff\r\n"
    b"--b\r\ncontent-type:application/sdp;x=1\r\n\r\nv=0\r\n--b--\r\n"
)


def test_a_description_alone_and_among_others() -> None:
    assert description(request("application/sdp", b"v=0\r\n")) == b"v=0\r\n"
    assert description(request("text/plain", b" \r\n")) == b""
    assert description(request('multipart/mixed; boundary="b"', PARTS)).strip() == b"v=0"


@pytest.mark.parametrize(
    "message",
    [
        request("text/plain", b"x"),
        request("", b"x"),
        request("multipart/mixed", PARTS),
        request('multipart/mixed; boundary="', PARTS),
        request("multipart/mixed; boundary=c", PARTS),
        request("application/sdp", b"v=0", ("Content-Encoding", "gzip")),
    ],
)
def test_what_is_no_description(message: Request) -> None:
    with pytest.raises(UnknownBodyError):
        description(message)


def test_keys() -> None:
    assert pressed(request("application/dtmf-relay", b"Signal=d\nDuration=99999")) == Press("D", 99_999)
    assert pressed(request("application/dtmf", b" 7 ")) == Press("7")
    for kind, body in (("application/dtmf", b"77"), ("application/dtmf-relay", b"Duration=1"), ("text/plain", b"7")):
        assert pressed(request(kind, body)) is None


def test_statuses() -> None:
    assert told_status(request("message/sipfrag;version=2.0", b"SIP/2.0 180 Ringing\r\n")) == 180
    for kind, body in (
        ("message/sipfrag", b"SIP/2.0 700"),
        ("text/plain", b"SIP/2.0 200 OK"),
        ("message/sipfrag", b""),
    ):
        assert told_status(request(kind, body)) == 0


@given(st.sampled_from(["multipart/mixed; boundary=b", "application/dtmf-relay", "message/sipfrag", "x"]), st.binary())
def test_no_bytes_break_it(kind: str, body: bytes) -> None:
    message = request(kind, body)
    pressed(message), told_status(message)
    with contextlib.suppress(UnknownBodyError):
        description(message)

"""Messages: their fields, and how they are written."""

from __future__ import annotations

import pytest

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.message import Headers, Request, check_fields, full_name, read_cseq, read_via, respond

HEADERS = Headers(
    (
        ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b"),
        ("Via", "SIP/2.0/UDP c"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>"),
        ("Call-ID", "x"),
        ("CSeq", "7 INVITE"),
        ("Record-Route", "<sip:p;lr>"),
    )
)
REQUEST = Request(HEADERS, b"body", "INVITE", "sip:b@h")


def test_names_have_long_and_short_forms() -> None:
    assert [full_name(name) for name in ("v", "CALL-id", "x", "X-Other", "www-authenticate", "cseq")] == [
        "Via", "Call-ID", "Session-Expires", "X-Other", "WWW-Authenticate", "CSeq",
    ]  # fmt: skip


def test_fields() -> None:
    assert HEADERS.values("Via") == ["SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/TCP b", "SIP/2.0/UDP c"]
    assert (HEADERS.get("To"), HEADERS.get("Nothing")) == ("<sip:b@h>", "")
    assert HEADERS.without("Via").all("Via") == []
    assert (REQUEST.via.host, REQUEST.via.branch, REQUEST.cseq) == ("a", "z9hG4bK1", (7, "INVITE"))
    assert (REQUEST.from_.tag, REQUEST.to.tag, REQUEST.call_id, REQUEST.contacts) == ("1", "", "x", [])
    assert Headers((("Supported", "Timer, 100rel"),)).tokens("Supported") == {"timer", "100rel"}


def test_a_response_copies_what_it_must() -> None:
    response = respond(REQUEST, 200, tag="t", fields=[("Contact", "<sip:c>")], body=b"x")
    assert bytes(response).decode().split("\r\n") == [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b",
        "Via: SIP/2.0/UDP c",
        "From: <sip:a@h>;tag=1",
        "To: <sip:b@h>;tag=t",
        "Call-ID: x",
        "CSeq: 7 INVITE",
        "Contact: <sip:c>",
        "Content-Length: 1",
        "",
        "x",
    ]
    assert respond(REQUEST, 100, tag="t").to.tag == ""
    assert respond(REQUEST.with_fields([]), 999).reason == "Other"


def test_a_field_cannot_smuggle_another() -> None:
    for value in ("a\r\nX: b", "a\nb", "a\rb"):
        with pytest.raises(ValueError, match="line break"):
            bytes(REQUEST.with_fields([("X", value)]))


def test_fields_from_outside_are_looked_at() -> None:
    check_fields([("X-Order", "7"), ("P-Asserted-Identity", "<sip:a@h>")])
    for field in (("X", "a\r\nb"), ("X", "a\nb"), ("X Y", "a"), ("", "a"), ("X:", "a")):
        with pytest.raises(ValueError, match="a header field has"):
            check_fields([field])


def test_hops() -> None:
    via = read_via("SIP / 2.0 / udp\t[::1] : 5070 ; branch = x;rport;received=1.2.3.4")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "[::1]", 5070, "x")
    assert via.parameters["rport"] is None
    for text in ("", "SIP/x/UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:x", "UDP a"):
        with pytest.raises(GrammarError):
            read_via(text)


def test_numbers_of_requests() -> None:
    assert read_cseq(" 0009  INVITE ") == (9, "INVITE")
    for text in ("", "INVITE", "2147483648 INVITE", "-1 INVITE"):
        with pytest.raises(GrammarError):
            read_cseq(text)


def test_content_types() -> None:
    def kind(text: str) -> str:
        return Request(Headers((("Content-Type", text),))).content_type

    assert kind("Application/SDP ; charset=x") == "application/sdp"
    assert kind("") == ""

"""Each failure of a vendor's connection is one kind of error, in the vendor's words, without the key."""

from __future__ import annotations

import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from pinecall_run.providers.failures import MOST_WORDS, Vendor, words_of

ACME = Vendor("Acme", key="ACME_API_KEY", endpoint="ACME_URL", secrets=("s3cret",))


@pytest.mark.parametrize(
    ("status", "kind", "message", "hint"),
    [(401, "key", "Acme refused the key: no such key", "check ACME_API_KEY where the voice server runs"),
     (403, "key", "Acme refused the key: no such key", "check ACME_API_KEY where the voice server runs"),
     (402, "credit", "Acme has no credit left: no such key", "top up the account"),
     (400, "request", "Acme answered 400: no such key", ""),
     (404, "request", "Acme answered 404: no such key", ""),
     (408, "timeout", "Acme answered 408: no such key", "check the network and ACME_URL"),
     (429, "rate_limit", "Acme is asked too much at once: no such key", "it may be asked again in 2 s"),
     (500, "unavailable", "Acme answered 500: no such key", ""),
     (503, "unavailable", "Acme answered 503: no such key", ""),
     (504, "timeout", "Acme answered 504: no such key", "check the network and ACME_URL")],
)  # fmt: skip
def test_a_status_is_a_kind(status: int, kind: str, message: str, hint: str) -> None:
    headers = {"Retry-After": "2"} if status == 429 else {}
    error = ACME.of_status(status, '{"error": {"message": "no such\\nkey"}}', headers)
    assert (error.kind, str(error), error.hint) == (kind, message, hint)
    assert error.is_lasting == (kind in ("key", "credit", "request"))
    refused = InvalidStatus(Response(status, "No", Headers(headers), b'{"message": "no such key"}'))
    assert str(ACME.of_connecting(refused)) == message
    assert ACME.of_connecting(refused).retry_after == (2.0 if status == 429 else 0.0)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [(TimeoutError(), "timeout", "Acme did not answer in time"),
     (socket.gaierror(-2, "Name or service not known"), "network",
      "Acme cannot be reached: its name is not known to the network"),
     (ConnectionRefusedError(111, "Connection refused"), "network", "Acme cannot be reached: Connection refused"),
     (ssl.SSLError(1, "[SSL] wrong version"), "network", "Acme cannot be reached: TLS failed ([SSL] wrong version)"),
     (InvalidMessage("did not receive a valid HTTP response"), "garbage", "Acme answered what is no WebSocket"),
     (KeyError("s3cret"), "failed", "Acme failed with KeyError")],
)  # fmt: skip
def test_what_stands_in_the_way_of_a_connection(error: Exception, kind: str, message: str) -> None:
    found = ACME.of_connecting(error)
    assert (found.kind, str(found)) == (kind, message)


def test_a_closed_socket_says_why() -> None:
    assert str(ACME.of_closing(ConnectionClosedError(None, None))) == "Acme broke the connection off"
    closed = ConnectionClosedError(Close(1008, "key s3cret is wrong"), None)
    error = ACME.of_closing(closed)
    assert (str(error), error.kind) == ("Acme closed the connection (1008): key … is wrong", "request")
    assert ACME.of_closing(ConnectionClosedError(Close(1011, ""), None)).kind == "network"


def test_a_date_to_retry_after_is_counted_from_the_answers_own() -> None:
    headers = {"Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}
    assert ACME.of_status(429, "", headers).retry_after == 30.0
    assert ACME.of_status(429, "", {"Retry-After": "soon"}).retry_after == 0.0
    assert ACME.of_status(429, "", {"Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT"}).retry_after == 0.0


@pytest.mark.parametrize(
    ("body", "words"),
    [('{"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}', "Invalid credentials."),
     ('{"detail": {"status": "x", "message": "no voice"}}', "no voice"),
     ('{"detail": [{"loc": [], "message": "one"}, {"message": "two"}]}', "one"),
     ('[{"error": {"code": 400, "message": "bad"}}]', "bad"),
     ("plain words", "plain words"), ("<html>502</html>", ""), ("", ""), ("{}", ""), ("null", ""), ("5", "")],
)  # fmt: skip
def test_the_words_are_found_where_vendors_put_them(body: str, words: str) -> None:
    assert words_of(body) == words


@given(st.binary() | st.text(), st.integers(300, 599))
def test_any_answer_is_an_error_of_bounded_length_without_the_key(body: bytes | str, status: int) -> None:
    body = body + (b"s3cret" if isinstance(body, bytes) else "s3cret")
    error = ACME.of_status(status, body)
    assert "s3cret" not in str(error)
    assert len(str(error)) < MOST_WORDS + 60
    assert "\n" not in str(error)

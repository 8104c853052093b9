"""Signatures of Twilio's requests, beside Twilio's own validator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from pinecall_run.transports.twilio_signature import is_signed, signature

URL = "https://voice.example.com/twilio/voice"
NAMES = st.text("abAB_1é", min_size=1, max_size=6)
FORMS = st.dictionaries(NAMES, st.text(max_size=10), max_size=6)


@given(FORMS, st.text("abc123", max_size=12))
def test_signs_as_twilio_does(form: dict[str, str], token: str) -> None:
    theirs = RequestValidator(token).compute_signature(URL, form)
    assert signature(token, URL, form.items()) == theirs
    assert is_signed(token, URL, form.items(), theirs) is bool(token)


@pytest.mark.parametrize(
    "signed", [URL, "https://voice.example.com:443/twilio/voice", "https://voice.example.com:8443/twilio/voice"]
)
def test_a_port_may_be_signed_or_not(signed: str) -> None:
    given = RequestValidator("t").compute_signature(signed, {"a": "b"})
    ours = "https://voice.example.com:8443/twilio/voice" if "8443" in signed else URL
    assert is_signed("t", ours, [("a", "b")], given)


@pytest.mark.parametrize(
    ("url", "form", "token"),
    [
        (URL + "s", {"a": "b"}, "t"),
        (URL, {"a": "c"}, "t"),
        (URL, {"a": "b", "c": ""}, "t"),
        (URL, {}, "t"),
        (URL, {"a": "b"}, "u"),
        ("http" + URL[5:], {"a": "b"}, "t"),
        (URL + "?a=b", {"a": "b"}, "t"),
    ],
)
def test_anything_else_is_not_signed(url: str, form: dict[str, str], token: str) -> None:
    given = RequestValidator(token).compute_signature(url, form)
    assert not is_signed("t", URL, [("a", "b")], given)


@pytest.mark.parametrize("given", ["", "é", "\ud800", "x" * 28])
def test_nonsense_is_not_signed(given: str) -> None:
    assert not is_signed("t", URL, [("a", "b")], given)

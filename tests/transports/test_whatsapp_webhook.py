"""Webhooks as Meta documents them, and as nobody should send them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.transports.whatsapp_webhook import LONGEST_QUOTE, Media, Message, Status, read_webhook, signed_by

NUMBER, ADA = "106540352242922", "16505551234"
ABOUT = {"display_phone_number": "15550783881", "phone_number_id": NUMBER}


def body(**value: Any) -> bytes:
    changes = [{"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": ABOUT, **value}}]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


def one(kind: str, content: Any, **more: Any) -> Any:
    contacts = [{"profile": {"name": "Sheena\nNelson"}, "wa_id": ADA}]
    message = {"from": ADA, "id": "wamid.1", "timestamp": "1749416383", "type": kind, kind: content, **more}
    found = read_webhook(body(contacts=contacts, messages=[message]))
    assert found is not None
    return found[0] if found else None


def test_a_text_with_who_wrote_it() -> None:
    told = one("text", {"body": "Does it come in another color?"})
    assert told == Message(
        NUMBER, "wamid.1", ADA, 1749416383.0, "Sheena Nelson", "text", "Does it come in another color?"
    )


def test_a_voice_note_is_to_be_heard() -> None:
    audio = {"mime_type": "audio/ogg; codecs=opus", "sha256": "x", "id": "1003383421387256", "voice": True}
    told = one("audio", audio)
    assert (told.text, told.audio) == ("", Media("1003383421387256", "audio/ogg; codecs=opus", True))


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        (
            "image",
            {"id": "1", "mime_type": "image/jpeg", "caption": "is it\nthis [one]?"},
            '[the person sent an image (image/jpeg), with the caption "is it this (one)?"; you cannot see it]',
        ),
        (
            "document",
            {"id": "1", "mime_type": "application/pdf; x=1", "filename": "invoice.pdf"},
            "[the person sent a document named invoice.pdf (application/pdf); you cannot see it]",
        ),
        ("sticker", {}, "[the person sent a sticker (of an unknown type); you cannot see it]"),
        (
            "location",
            {"latitude": 37.44, "longitude": -122.16, "name": "Philz", "address": "101 Forest Ave"},
            "[the person sent a location: Philz, 101 Forest Ave at 37.44, -122.16]",
        ),
        ("contacts", None, "[the person sent the contact details of somebody; you cannot see them]"),
        ("button", {"text": "Yes", "payload": "y"}, "Yes"),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "a", "title": "Tuesday"}}, "Tuesday"),
        ("audio", {"mime_type": "audio/mpeg"}, "[the person sent a sound (audio/mpeg); you cannot see it]"),
        ("hologram", {}, "[the person sent something of a kind that cannot be shown to you]"),
    ],
)
def test_what_is_no_text_is_announced_as_what_it_is(kind: str, content: Any, text: str) -> None:
    assert one(kind, content).text == text


def test_what_is_quoted_is_short() -> None:
    assert len(one("image", {"caption": "x" * 9000}).text) < LONGEST_QUOTE + 100
    assert len(one("text", {"body": "x" * 9000}).text) == 8000


@pytest.mark.parametrize(
    "more",
    [{"from": "Ada"}, {"from": "٣٤"}, {"from": None}, {"id": ""}, {"timestamp": "soon"}, {"timestamp": "9" * 400}],
)
def test_a_message_of_nobody_or_never_is_left_out(more: dict[str, Any]) -> None:
    assert one("text", {"body": "x"}, **more) is None


def test_what_asks_for_no_answer_is_left_out() -> None:
    assert one("reaction", {"emoji": "👍", "message_id": "wamid.0"}) is None
    assert one("system", {"body": "changed number"}) is None
    assert one("text", {"body": ""}) is None


def test_a_status_says_why_it_failed() -> None:
    error = {"code": 131047, "title": "Re-engagement message", "error_data": {"details": "more than 24 hours"}}
    statuses = [
        {"id": "wamid.2", "status": "delivered", "timestamp": "1", "recipient_id": ADA},
        {"id": "wamid.3", "status": "failed", "timestamp": "1", "recipient_id": ADA, "errors": [error]},
        {"id": "wamid.4", "status": "failed", "timestamp": "1", "recipient_id": ADA, "errors": "x"},
    ]
    assert read_webhook(body(statuses=statuses)) == [
        Status(NUMBER, "wamid.2", "delivered", ADA),
        Status(NUMBER, "wamid.3", "failed", ADA, 131047, "more than 24 hours"),
        Status(NUMBER, "wamid.4", "failed", ADA),
    ]


@pytest.mark.parametrize("sent", [b"", b"[]", b"\xff", b'{"object":"page","entry":[]}', b"[" * 100_000])
def test_what_is_no_webhook_of_whatsapp_is_none(sent: bytes) -> None:
    assert read_webhook(sent) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = ("metadata", "contacts", "messages", "statuses")
MESSAGE_KEYS = ("from", "id", "timestamp", "type", "text", "audio", "interactive", "errors", "status", "profile")


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)),
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(MESSAGE_KEYS, JSON)), max_size=3),
)
def test_no_shape_breaks_the_reader(value: dict[str, Any], items: list[Any]) -> None:
    read_webhook(body(**value))
    found = read_webhook(body(messages=items, statuses=items, contacts=items))
    assert found is not None
    read_webhook(json.dumps({"object": "whatsapp_business_account", "entry": value}).encode())


def sign(data: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def test_a_signature_names_its_secret() -> None:
    data = body()
    assert signed_by(data, sign(data, "b"), ["a", "b"]) == "b"
    assert signed_by(data, sign(data, "c"), ["a", "b"]) is None
    assert signed_by(data + b" ", sign(data, "b"), ["a", "b"]) is None
    assert signed_by(data, sign(data, ""), ["", "b"]) is None, "an empty secret signs nothing"


@pytest.mark.parametrize("signature", ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "é" * 64, "sha256=" + "0" * 65])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    assert signed_by(b"x", signature, ["a"]) is None

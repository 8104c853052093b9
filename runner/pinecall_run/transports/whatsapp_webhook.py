"""Webhooks of the WhatsApp Cloud API as they come: whether Meta signed one, and what is in it. No I/O.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/, read in November 2026.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.wire.codec import object_from_json

MAX_BODY = 3 * 2**20
"""Bytes; Meta sends no more."""

LONGEST_TEXT = 8_000
"""Characters of a message that are read. People can send 4,096; what is announced quotes more than one field."""

LONGEST_QUOTE = 300
"""Characters of a caption, or of a file's name, that the model is shown in the announcement of a file."""

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_IGNORED = frozenset(("reaction", "system", "request_welcome", "ephemeral"))
"""Types of messages that nobody waits for an answer to."""


@dataclass(frozen=True, slots=True)
class Media:
    """A file that lies with Meta. ``is_voice``: it was spoken for this message."""

    id: str
    mime_type: str = ""
    is_voice: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody sent.

    Attributes:
        number: the business's phone-number id.
        sender: digits, without a plus; ``name`` as they call themselves.
        sent_at: epoch seconds.
        kind: Meta's type, such as ``text``, ``audio``, ``image``.
        text: what was written; of what is no text, a sentence in brackets that says what it is; empty for sound.
        audio: what is to be heard.
    """

    number: str
    id: str
    sender: str
    sent_at: float
    name: str = ""
    kind: str = "text"
    text: str = ""
    audio: Media | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a message of ours; ``code`` and ``error`` are Meta's, where it failed."""

    number: str
    id: str
    status: str
    recipient: str
    code: int = 0
    error: str = ""


def signed_by(body: bytes, signature: str, secrets: Iterable[str]) -> str | None:
    """The app secret that a body was signed with (``X-Hub-Signature-256``), compared in constant time."""
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        return None
    given = found[1].encode()
    for secret in secrets:
        made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        if secret and hmac.compare_digest(made, given):
            return secret
    return None


def read_webhook(body: bytes) -> list[Message | Status] | None:
    """What a body tells, in its order; ``None`` where it is no webhook of WhatsApp. What is not understood in it is
    left out."""
    told = object_from_json(body)
    if told is None or told.get("object") != "whatsapp_business_account":
        return None
    found: list[Message | Status] = []
    for entry in _objects(told.get("entry")):
        for change in _objects(entry.get("changes")):
            if change.get("field") == "messages" and isinstance(change.get("value"), dict):
                found += _changed(change["value"])
    return found


def _changed(value: Mapping[str, Any]) -> Iterator[Message | Status]:
    about = value.get("metadata")
    number = _text(about.get("phone_number_id")) if isinstance(about, dict) else ""
    names = {_text(each.get("wa_id")): _name(each) for each in _objects(value.get("contacts"))}
    for written in _objects(value.get("messages")):
        message = _message(number, written, names)
        if message is not None:
            yield message
    for written in _objects(value.get("statuses")):
        status = _status(number, written)
        if status is not None:
            yield status


def _message(number: str, written: Mapping[str, Any], names: Mapping[str, str]) -> Message | None:
    sender, id, kind = (_text(written.get(key)) for key in ("from", "id", "type"))
    sent_at = _seconds(written.get("timestamp"))
    if not (number and id and kind and sent_at and sender.isascii() and sender.isdigit()) or kind in _IGNORED:
        return None
    about = written.get(kind)
    content = about if isinstance(about, dict) else {}
    audio = None
    if kind == "audio" and _text(content.get("id")):
        audio = Media(_text(content["id"]), _text(content.get("mime_type")), content.get("voice") is True)
    text = "" if audio else _READERS.get(kind, _unknown)(content)[:LONGEST_TEXT]
    if not (text or audio):
        return None
    return Message(number, id, sender, sent_at, names.get(sender, ""), kind, text, audio)


def _status(number: str, written: Mapping[str, Any]) -> Status | None:
    id, status, recipient = (_text(written.get(key)) for key in ("id", "status", "recipient_id"))
    if not (number and id and status):
        return None
    error = next(_objects(written.get("errors")), {})
    code = error.get("code")
    details = error.get("error_data")
    sentence = (details.get("details") if isinstance(details, dict) else None) or error.get("title")
    return Status(number, id, status, recipient, code if isinstance(code, int) else 0, _text(sentence))


# what the model is told of a message that is no text


def _written(content: Mapping[str, Any]) -> str:
    return _text(content.get("body"))


def _button(content: Mapping[str, Any]) -> str:
    return _text(content.get("text"))


def _choice(content: Mapping[str, Any]) -> str:
    chosen = (content.get(key) for key in ("button_reply", "list_reply"))
    return next((_text(each.get("title")) for each in chosen if isinstance(each, dict)), "")


def _file(noun: str) -> Callable[[Mapping[str, Any]], str]:
    def announce(content: Mapping[str, Any]) -> str:
        name, caption = _quoted(content.get("filename")), _quoted(content.get("caption"))
        kind = _quoted(content.get("mime_type")).partition(";")[0]
        named = f" named {name}" if name else ""
        under = f', with the caption "{caption}"' if caption else ""
        return f"[the person sent {noun}{named} ({kind or 'of an unknown type'}){under}; you cannot see it]"

    return announce


def _location(content: Mapping[str, Any]) -> str:
    named = ", ".join(filter(None, (_quoted(content.get("name")), _quoted(content.get("address")))))
    at = f"{content.get('latitude')}, {content.get('longitude')}"[:60]
    return f"[the person sent a location: {named + ' at ' if named else ''}{at}]"


def _cards(content: Mapping[str, Any]) -> str:
    return "[the person sent the contact details of somebody; you cannot see them]"


def _unknown(content: Mapping[str, Any]) -> str:
    return "[the person sent something of a kind that cannot be shown to you]"


_READERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "text": _written,
    "button": _button,
    "interactive": _choice,
    "audio": _file("a sound"),
    "image": _file("an image"),
    "video": _file("a video"),
    "document": _file("a document"),
    "sticker": _file("a sticker"),
    "location": _location,
    "contacts": _cards,
}


def _objects(written: Any) -> Iterator[dict[str, Any]]:
    return (each for each in written if isinstance(each, dict)) if isinstance(written, list) else iter(())


def _text(written: Any) -> str:
    return written if isinstance(written, str) else ""


def _quoted(written: Any) -> str:
    """One line of what a person chose: it stands in a sentence of ours."""
    return " ".join(_text(written).replace("[", "(").replace("]", ")").split())[:LONGEST_QUOTE]


def _name(contact: Mapping[str, Any]) -> str:
    profile = contact.get("profile")
    return _quoted(profile.get("name")) if isinstance(profile, dict) else ""


def _seconds(written: Any) -> float:
    text = str(written)
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0.0

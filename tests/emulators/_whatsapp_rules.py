"""What Meta's Graph API takes of a WhatsApp business, and how it refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

TEXT_CHARACTERS = 4096
AUDIO_BYTES = 16 * 2**20
VOICE_TYPE = "audio/ogg"
TYPES = frozenset(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "image/jpeg", "image/png"))
"""Of media, as far as an answer may have them."""

_SAYS: Mapping[int, tuple[int, str, str]] = {
    100: (400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters."),
    190: (401, "Error validating access token", "The access token is not valid any more."),
    10: (403, "Application does not have permission for this action", "Permission is not granted."),
    130429: (429, "Rate limit hit", "Cloud API message throughput has been reached."),
    131000: (500, "Something went wrong", "Message failed to send due to an unknown error."),
    131009: (400, "Parameter value is not valid", "One or more parameter values are invalid."),
    131026: (400, "Message undeliverable", "Unable to deliver message."),
    131047: (
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    131051: (400, "Unsupported message type", "Message type is not currently supported."),
    131053: (400, "Media upload error", "Unable to upload the media used in the message."),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit", "Too many messages to one number."),
    132001: (404, "Template name does not exist in the translation", "The template is not approved."),
}


@dataclass(frozen=True)
class Fault:
    """One of Meta's errors: ``details`` in place of the usual sentence, ``subcode`` of the Graph API's own."""

    code: int
    details: str = ""
    subcode: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return _SAYS[self.code][0]

    @property
    def title(self) -> str:
        return _SAYS[self.code][1]

    @property
    def body(self) -> Mapping[str, Any]:
        """As the answer to a request."""
        details = self.details or _SAYS[self.code][2]
        return {
            "error": {
                "message": f"(#{self.code}) {self.title}",
                "type": "OAuthException",
                "code": self.code,
                **({"error_subcode": self.subcode} if self.subcode else {}),
                "error_data": {"messaging_product": "whatsapp", "details": details},
                "fbtrace_id": "Aemulated0trace1id2345",
            }
        }

    @property
    def in_webhook(self) -> Mapping[str, Any]:
        """As one of the ``errors`` of a status."""
        details = self.details or _SAYS[self.code][2]
        return {
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": {"details": details},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        }


_AROUND = {"messaging_product", "recipient_type", "to", "type", "context", "biz_opaque_callback_data"}


def wrong(body: Any) -> Fault | None:
    """What keeps a body from being a message, or a receipt, of the Cloud API."""
    if not isinstance(body, dict):
        return Fault(100, "The body is not a JSON object.")
    if body.get("messaging_product") != "whatsapp":
        return Fault(100, "The parameter messaging_product is required.")
    if "status" in body:
        return next(_wrong_receipt(body), None)
    kind = body.get("type", "text")
    if kind not in _KINDS:
        return Fault(131051)
    return next(_wrong_message(body, kind), None)


def _wrong_receipt(body: Mapping[str, Any]) -> Iterator[Fault]:
    if unknown := body.keys() - {"messaging_product", "status", "message_id", "typing_indicator"}:
        yield Fault(100, f"Unexpected key {sorted(unknown)}")
    if body["status"] != "read" or not isinstance(body.get("message_id"), str):
        yield Fault(131009, "status must be read, with a message_id")
    if "typing_indicator" in body and body["typing_indicator"] != {"type": "text"}:
        yield Fault(131009, "typing_indicator must have the type text")


def _wrong_message(body: Mapping[str, Any], kind: str) -> Iterator[Fault]:
    if unknown := body.keys() - _AROUND - {kind}:
        yield Fault(100, f"Unexpected key {sorted(unknown)}")
    if body.get("recipient_type", "individual") != "individual":
        yield Fault(131009, "recipient_type must be individual")
    if not re.fullmatch(r"\+?[0-9]{5,20}", str(body.get("to"))):
        yield Fault(131009, "to is no phone number")
    if not isinstance(body.get(kind), dict):
        yield Fault(100, f"The parameter {kind} is required.")
    else:
        yield from _KINDS[kind](body[kind])


def _wrong_text(text: Mapping[str, Any]) -> Iterator[Fault]:
    if unknown := text.keys() - {"body", "preview_url"}:
        yield Fault(100, f"Unexpected key {sorted(unknown)} on param text")
    written = text.get("body")
    if not isinstance(written, str) or not written.strip():
        yield Fault(100, "The parameter text['body'] is required.")
    elif len(written) > TEXT_CHARACTERS:
        yield Fault(100, f"Param text['body'] must be at most {TEXT_CHARACTERS} characters long.")
    if not isinstance(text.get("preview_url", False), bool):
        yield Fault(100, "Param text['preview_url'] must be a boolean.")


def _wrong_audio(audio: Mapping[str, Any]) -> Iterator[Fault]:
    if unknown := audio.keys() - {"id", "link", "voice"}:
        yield Fault(100, f"Unexpected key {sorted(unknown)} on param audio")
    if ("id" in audio) == ("link" in audio):
        yield Fault(100, "audio needs one of id and link")
    if not isinstance(audio.get("id", ""), str):
        yield Fault(100, "Param audio['id'] must be a string.")
    if not isinstance(audio.get("voice", False), bool):
        yield Fault(100, "Param audio['voice'] must be a boolean.")


def _wrong_template(template: Mapping[str, Any]) -> Iterator[Fault]:
    if unknown := template.keys() - {"name", "language", "components"}:
        yield Fault(100, f"Unexpected key {sorted(unknown)} on param template")
    if not re.fullmatch(r"[a-z0-9_]{1,512}", str(template.get("name"))):
        yield Fault(131009, "template['name'] is no name of a template")
    language = template.get("language")
    if not isinstance(language, dict) or not isinstance(language.get("code"), str):
        yield Fault(100, "The parameter template['language']['code'] is required.")


_KINDS = {"text": _wrong_text, "audio": _wrong_audio, "template": _wrong_template}
"""Messages that a business sends, as far as an answer may be one."""


@dataclass(frozen=True)
class Upload:
    """A file as it was uploaded."""

    data: bytes
    mime_type: str


def upload(content_type: str, body: bytes) -> Upload | Fault:
    """The file of a form, if the form is one that ``/media`` takes."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if form.get_content_type() != "multipart/form-data":
        return Fault(100, "An upload is multipart/form-data.")
    fields = {str(part.get_param("name", header="content-disposition")): part for part in form.iter_parts()}  # type: ignore[attr-defined]
    if fields.keys() != {"messaging_product", "type", "file"}:
        return Fault(100, f"The parameters are messaging_product, type and file, not {sorted(fields)}.")
    if _text(fields["messaging_product"]) != "whatsapp":
        return Fault(100, "messaging_product must be whatsapp")
    return _file(fields["file"], _text(fields["type"]))


def _file(part: Message, kind: str) -> Upload | Fault:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    if not part.get_filename():
        return Fault(131053, "The file has no name.")
    if kind.partition(";")[0].strip() not in TYPES or part.get_content_type() != kind.partition(";")[0].strip():
        return Fault(100, f"Param file must be a file with one of the following types: {sorted(TYPES)}.")
    if len(data) > AUDIO_BYTES:
        return Fault(131053, "The file is too large.")
    if kind.startswith(VOICE_TYPE) and not (data.startswith(b"OggS") and b"OpusHead" in data[:64]):
        return Fault(131053, "audio/ogg is taken with the codec Opus only.")
    return Upload(data, kind)


def _text(part: Message) -> str:
    written = part.get_payload(decode=True)
    assert isinstance(written, bytes)
    return written.decode()

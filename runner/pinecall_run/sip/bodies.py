"""Bodies of messages: the description among several parts (RFC 5621), and keys pressed in an INFO."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pinecall_run.sip.grammar import GrammarError, read_parameters, split
from pinecall_run.sip.message import Request, Response
from pinecall_run.sip.negotiation import CONTENT_TYPE

MOST_PARTS = 16

_SIGNAL = re.compile(rb"^[ \t]*Signal[ \t]*=[ \t]*([0-9*#A-Da-d])[ \t\r]*$", re.MULTILINE)
_DURATION = re.compile(rb"^[ \t]*Duration[ \t]*=[ \t]*([0-9]{1,5})[ \t\r]*$", re.MULTILINE)
_DIGIT = re.compile(rb"\s*([0-9*#A-Da-d])\s*")
_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})", re.IGNORECASE)


class UnknownBodyError(Exception):
    """A body that had to be understood is of another kind than we know."""


def description(message: Request | Response) -> bytes:
    """The description of a session in a message; empty if there is none.

    Raises:
        UnknownBodyError: there is a body, and it is none.
    """
    if not message.body.strip():
        return b""
    if message.headers.get("Content-Encoding").lower() not in ("", "identity"):
        raise UnknownBodyError("the body is encoded")
    if message.content_type == CONTENT_TYPE:
        return message.body
    if message.content_type.startswith("multipart/"):
        for part in _parts(message):
            head, _, body = part.replace(b"\r\n", b"\n").partition(b"\n\n")
            if re.search(rb"^content-type\s*:\s*application/sdp\b", head, re.IGNORECASE | re.MULTILINE):
                return body
    raise UnknownBodyError("the body is no description of a session")


def _parts(message: Request | Response) -> list[bytes]:
    try:
        _, *parameters = split(message.headers.get("Content-Type"), ";")
        boundary = read_parameters(parameters).get("boundary")
    except GrammarError:
        return []
    if not boundary:
        return []
    _, *parts = message.body.split(b"--" + boundary.encode("utf-8", "surrogateescape"), MOST_PARTS)
    return [part.lstrip(b"\r\n") for part in parts]


@dataclass(frozen=True, slots=True)
class Press:
    """A key of a telephone and for how many milliseconds it was pressed, 0 where nobody says it."""

    digit: str
    milliseconds: int = 0


def pressed(request: Request) -> Press | None:
    """The key in an INFO (``application/dtmf-relay``, ``application/dtmf``); ``None`` if it holds something else."""
    if request.content_type == "application/dtmf-relay":
        found, duration = _SIGNAL.search(request.body), _DURATION.search(request.body)
        return Press(found[1].decode().upper(), int(duration[1]) if duration else 0) if found else None
    found = _DIGIT.fullmatch(request.body) if request.content_type == "application/dtmf" else None
    return Press(found[1].decode().upper()) if found else None


def told_status(request: Request) -> int:
    """The status in a NOTIFY's piece of a message (``message/sipfrag``, RFC 3515, 2.4.5); 0 if there is none."""
    found = _STATUS.match(request.body.lstrip()) if request.content_type == "message/sipfrag" else None
    return int(found[1]) if found else 0

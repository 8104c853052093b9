"""Messages of SIP (RFC 3261, 7): requests, responses, their header fields, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pinecall_run.sip.grammar import HOST, TOKEN, GrammarError, Parameters, listed, number, read_parameters, split
from pinecall_run.sip.uri import NameAddr, read_name_addr

COOKIE = "z9hG4bK"
"""What a branch begins with whose sender holds to RFC 3261 (8.1.1.7)."""

Field = tuple[str, str]

_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "e": "Content-Encoding", "f": "From",
    "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
    "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via",
    "x": "Session-Expires", "d": "Request-Disposition", "y": "Identity",
}  # fmt: skip
_KNOWN = (
    "Accept Allow Allow-Events Authorization Call-ID Contact Content-Disposition Content-Encoding Content-Length "
    "Content-Type CSeq Date Event Expires From Max-Forwards Min-Expires Min-SE P-Asserted-Identity "
    "Proxy-Authenticate Proxy-Authorization Proxy-Require Reason Record-Route Refer-To Referred-By Require "
    "Retry-After Route Session-Expires Subject Subscription-State Supported To Unsupported User-Agent Via "
    "Warning WWW-Authenticate"
)
_NAMES = {name.lower(): name for name in _KNOWN.split()} | _COMPACT
_BREAK = re.compile(r"[\r\n]")
_VIA = re.compile(rf"SIP\s*/\s*[0-9]\.[0-9]\s*/\s*([A-Za-z0-9.!%*_+~-]+)\s+({HOST.pattern})(?:\s*:\s*([0-9]+))?")

REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 408: "Request Timeout", 413: "Request Entity Too Large",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
    500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable", 505: "Version Not Supported",
    513: "Message Too Large", 603: "Decline",
}  # fmt: skip


def full_name(name: str) -> str:
    """A field's name as it is usually written, of its compact form too; unknown ones as they are."""
    return _NAMES.get(name.lower(), name)


@dataclass(frozen=True, slots=True)
class Headers:
    """The header fields of a message, in order, under their full names."""

    items: tuple[Field, ...] = ()

    def get(self, name: str) -> str:
        """The first value of a field; empty where there is none."""
        return next((value for found, value in self.items if found == name), "")

    def all(self, name: str) -> list[str]:
        """The values of a field, one for each line."""
        return [value for found, value in self.items if found == name]

    def values(self, name: str) -> list[str]:
        """The elements of a field that is a list, over all its lines.

        Raises:
            GrammarError: they cannot be told apart.
        """
        return [element for value in self.all(name) for element in listed(value)]

    def tokens(self, name: str) -> frozenset[str]:
        """The elements of a list of names, in lower case."""
        return frozenset(element.lower() for element in self.values(name))

    def without(self, name: str) -> Headers:
        """The others."""
        return Headers(tuple(item for item in self.items if item[0] != name))


@dataclass(frozen=True, slots=True)
class Via:
    """One hop that a request went through."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = field(default_factory=dict)

    @property
    def branch(self) -> str:
        """Names the transaction."""
        return self.parameters.get("branch") or ""


@dataclass(frozen=True, slots=True)
class _Message:
    headers: Headers
    body: bytes = field(default=b"", repr=False)
    """May hold the keys of sound."""

    @property
    def call_id(self) -> str:
        """What all messages of a call, or of a registration, share."""
        return self.headers.get("Call-ID")

    @property
    def from_(self) -> NameAddr:
        """Who asks."""
        return read_name_addr(self.headers.get("From"))

    @property
    def to(self) -> NameAddr:
        """Who is asked."""
        return read_name_addr(self.headers.get("To"))

    @property
    def cseq(self) -> tuple[int, str]:
        """The request's number and method."""
        return read_cseq(self.headers.get("CSeq"))

    @property
    def via(self) -> Via:
        """The hop that the message came by last, or a response goes to next."""
        return read_via(self.headers.values("Via")[0])

    @property
    def contacts(self) -> list[NameAddr]:
        """Where the sender, or whom it names, can be reached."""
        return [read_name_addr(value) for value in self.headers.values("Contact")]

    @property
    def content_type(self) -> str:
        """``application/sdp`` and its like, in lower case, without parameters; empty without a body's type."""
        return self.headers.get("Content-Type").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Request(_Message):
    """A request. ``uri`` is its target as it is written."""

    method: str = ""
    uri: str = ""

    def __bytes__(self) -> bytes:
        return _write(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)

    def with_fields(self, fields: Iterable[Field]) -> Request:
        """The same with more fields."""
        return replace(self, headers=Headers((*self.headers.items, *fields)))


@dataclass(frozen=True, slots=True)
class Response(_Message):
    """A response."""

    status: int = 0
    reason: str = ""

    @property
    def is_final(self) -> bool:
        """Whether no other will follow."""
        return self.status >= 200

    @property
    def is_success(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300

    def __bytes__(self) -> bytes:
        return _write(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)


def respond(
    request: Request, status: int, *, tag: str = "", fields: Iterable[Field] = (), body: bytes = b""
) -> Response:
    """A response to a request (8.2.6), with what must be copied; ``tag`` is ours if the request's To has none."""
    to = request.headers.get("To")
    with suppress(GrammarError):  # what is answered with 400 may have no address there
        if tag and status != 100 and not request.to.tag:
            to = f"{to};tag={tag}"
    copied = [("Via", value) for value in request.headers.all("Via")]
    copied += [("From", request.headers.get("From")), ("To", to), ("Call-ID", request.call_id)]
    copied.append(("CSeq", request.headers.get("CSeq")))
    return Response(Headers((*copied, *fields)), body, status, REASONS.get(status, "Other"))


def check_fields(fields: Iterable[Field]) -> None:
    """Look at fields from outside of this room before anything is made with them.

    Raises:
        ValueError: one is no header field, or would be more than one.
    """
    for name, value in fields:
        if TOKEN.fullmatch(name) is None or _BREAK.search(value):
            raise ValueError("a header field has a name that is a token, and a value without line breaks")


def read_cseq(text: str) -> tuple[int, str]:
    """A number below 2**31 and a method.

    Raises:
        GrammarError: it is something else.
    """
    digits, _, method = text.strip().partition(" ")
    return number(digits, 2**31 - 1), method.strip()


def read_via(text: str) -> Via:
    """One hop.

    Raises:
        GrammarError: it is none.
    """
    head, *parameters = split(text, ";")
    found = _VIA.fullmatch(head)
    if found is None:
        raise GrammarError("a Via names no hop")
    port = number(found[3], 65_535) if found[3] else None
    return Via(found[1].upper(), found[2].lower(), port, read_parameters(parameters))


def _write(start: str, headers: Headers, body: bytes) -> bytes:
    fields = [f"{name}: {value}" for name, value in headers.items if name != "Content-Length"]
    lines = [start, *fields, f"Content-Length: {len(body)}"]
    if any(map(_BREAK.search, lines)):
        raise ValueError("a line of a message may not hold a line break")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body

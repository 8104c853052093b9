"""Reads messages of SIP from datagrams and from streams, within limits (RFC 3261, 7 and 18.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from pinecall_run.sip.grammar import TOKEN, GrammarError, number
from pinecall_run.sip.message import Field, Headers, Request, Response, full_name, read_cseq, read_via
from pinecall_run.sip.uri import read_name_addr, read_uri

MOST_BYTES, MOST_HEAD_BYTES = 65_535, 32_768
MOST_FIELDS, MOST_FIELD_CHARACTERS = 256, 8_192
MOST_ELEMENTS = 100
"""In a list of hops, routes or contacts: a request may travel over 70 hops."""

_REQUEST = re.compile(r"(\S+) (\S+) SIP/([0-9]+\.[0-9]+)", re.IGNORECASE)
_RESPONSE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) (.*)", re.IGNORECASE)
_FOLD = re.compile(r"\r?\n[ \t]+")
_LINE = re.compile(r"\r?\n")
_START = re.compile(rb"[!-~]+ ")
_END = re.compile(rb"\r?\n\r?\n")
_COPIED = ("From", "To", "Call-ID", "CSeq")
_ONCE = ("From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Expires", "Content-Type")


class BadMessageError(Exception):
    """What arrived is no message of SIP; the text says why.

    Attributes:
        status: what a request is to be answered with.
        request: what there is to answer to; ``None`` where nothing is to be answered.
    """

    def __init__(self, why: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.request = request


def read_datagram(data: bytes) -> Request | Response:
    """The message of one datagram; what lies behind its content length is left out (18.3).

    Raises:
        BadMessageError: it holds none.
    """
    head, body = _parted(data)
    message = _read(head, body)
    length = _content_length(message)
    if length is None or length == len(body):
        return message
    if length > len(body):
        raise _bad("the body is shorter than its length", message)
    return _with_body(message, body[:length])


class StreamReader:
    """Cuts a stream, a connection of TCP or TLS, into messages."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._head: tuple[Request | Response, int, int] | None = None
        """Read already while its body is still to come."""

    def feed(self, data: bytes) -> Iterator[Request | Response | None]:
        """The messages that are complete; ``None`` for a ping, to be answered by a line break (RFC 5626, 4.4.1).

        Raises:
            BadMessageError: nothing that follows can be understood: the connection is to be closed.
        """
        self._data += data
        while self._data:
            if self._head is None and self._data.startswith(b"\r\n"):
                if self._data.startswith(b"\r\n\r\n"):
                    yield None
                    del self._data[:4]
                    continue
                if bytes(self._data) in (b"\r\n", b"\r\n\r"):
                    return
                del self._data[:2]
                continue
            message = self._message()
            if message is None:
                return
            yield message

    def _message(self) -> Request | Response | None:
        self._head = self._head or self._next_head()
        if self._head is None:
            return None
        message, start, end = self._head
        if len(self._data) < end:
            return None
        body = bytes(self._data[start:end])
        del self._data[:end]
        self._head = None
        return _with_body(message, body)

    def _next_head(self) -> tuple[Request | Response, int, int] | None:
        """A message without its body, and where that begins and ends."""
        end = _END.search(self._data)
        if end is None:
            if len(self._data) > MOST_HEAD_BYTES:
                raise BadMessageError("the header fields are too long", 513)
            return None
        message = _read(bytes(self._data[: end.start()]), b"")
        length = _content_length(message)
        if length is None:
            raise _bad("over a stream a message says its length", message)
        if length > MOST_BYTES:
            raise _bad("the body is too long", message, 513)
        return message, end.end(), end.end() + length


def _parted(data: bytes) -> tuple[bytes, bytes]:
    if len(data) > MOST_BYTES:
        raise BadMessageError("the message is too long", 513)
    found = _END.search(data)
    if found is None:
        # A last field without the empty line behind it: some senders of messages without a body leave it out.
        return data.rstrip(b"\r\n"), b""
    return data[: found.start()], data[found.end() :]


def _read(head: bytes, body: bytes) -> Request | Response:
    start, headers = _head(head)
    if found := _RESPONSE.fullmatch(start):
        response = Response(headers, body, int(found[1]), found[2])
        _check(response)
        return response
    method, _, rest = start.partition(" ")
    found = _REQUEST.fullmatch(start)
    request = Request(headers, body, method, found[2] if found else rest)
    if start[:4].upper() == "SIP/" or not TOKEN.fullmatch(method):
        raise BadMessageError("the first line is none of SIP's")
    if found is None:
        raise _bad("the request line has another form than method, target and version", request)
    if found[3] != "2.0":
        raise _bad("the version is not 2.0", request, 505)
    _check(request)
    return request


def _head(head: bytes) -> tuple[str, Headers]:
    if _START.match(head) is None:  # noise is told from SIP before anything is made of it
        raise BadMessageError("the first line is none of SIP's")
    if len(head) > MOST_HEAD_BYTES:
        raise BadMessageError("the header fields are too long", 513)
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    start, *lines = _LINE.split(text)
    if len(lines) > MOST_FIELDS or any(len(line) > MOST_FIELD_CHARACTERS for line in lines):
        raise BadMessageError("there are too many header fields, or one is too long", 513)
    if "\0" in text or any("\r" in line for line in lines):
        raise BadMessageError("there is a control character in the header fields")
    return start, Headers(tuple(_field(line) for line in lines))


def _field(line: str) -> Field:
    name, colon, value = line.partition(":")
    if not colon or TOKEN.fullmatch(name.rstrip()) is None:
        raise BadMessageError("a line is no header field")
    return full_name(name.rstrip()), value.strip()


def _check(message: Request | Response) -> None:
    """That everything is there and well-formed that a transaction and a dialog need to know."""
    for name in _ONCE:
        if len(message.headers.all(name)) > 1:
            raise _bad(f"there is more than one {name}", message)
    try:
        _checked(message)
    except GrammarError as error:
        raise _bad(str(error), message) from error
    if isinstance(message, Request) and message.cseq[1] != message.method:
        raise _bad("the CSeq names another method", message)


def _checked(message: Request | Response) -> None:
    _every(message.headers, "Via", read_via)
    for name in ("From", "To"):
        read_name_addr(message.headers.get(name))
    read_cseq(message.headers.get("CSeq"))
    if not message.call_id:
        raise GrammarError("there is no Call-ID")
    if not message.headers.values("Via"):
        raise GrammarError("there is no Via")
    if message.headers.get("Contact") != "*":
        _every(message.headers, "Contact", read_name_addr)
    for name in ("Route", "Record-Route"):
        _every(message.headers, name, read_name_addr)
    for name, most in (("Max-Forwards", 255), ("Content-Length", 2**31)):
        if message.headers.all(name):
            number(message.headers.get(name), most)
    for name in ("Require", "Supported", "Allow", "Accept"):
        message.headers.values(name)
    if isinstance(message, Request) and (uri := read_uri(message.uri)).is_sip and uri.headers:
        raise GrammarError("the target holds header fields")


def _every(headers: Headers, name: str, read: Callable[[str], object]) -> None:
    values = headers.values(name)
    if len(values) > MOST_ELEMENTS:
        raise GrammarError(f"there are too many elements in {name}")
    for value in values:
        read(value)


def _content_length(message: Request | Response) -> int | None:
    text = message.headers.get("Content-Length")
    return number(text, 2**31) if text else None


def _with_body(message: Request | Response, body: bytes) -> Request | Response:
    if isinstance(message, Request):
        return Request(message.headers, body, message.method, message.uri)
    return Response(message.headers, body, message.status, message.reason)


def _bad(why: str, message: Request | Response, status: int = 400) -> BadMessageError:
    """With the request if it can be answered: if what an answer copies can be read, and it is no ACK."""
    if isinstance(message, Request) and message.method != "ACK":
        with suppress(GrammarError, IndexError):
            if message.via and all(message.headers.get(name) for name in _COPIED):
                return BadMessageError(why, status, message)
    return BadMessageError(why, status)

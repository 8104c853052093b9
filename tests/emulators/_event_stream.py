"""Amazon's event stream encoding: one message with headers and a payload, and the two checksums that guard it.

Written from https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html, and used by no client: the tests hold
it against botocore's parser and amazon-transcribe's serializer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from zlib import crc32

PRELUDE = struct.Struct(">III")
CHECKSUM = struct.Struct(">I")
OVERHEAD = PRELUDE.size + CHECKSUM.size
MAX_HEADERS = 128 * 1024
MAX_PAYLOAD = 16 * 1024 * 1024

FIXED = {0: "", 1: "", 2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q", 9: "16s"}
"""How the types of a fixed length are unpacked; 6 (bytes) and 7 (text) carry their length."""
BYTES, TEXT, TIME = 6, 7, 8

Value = str | bytes | int | bool | datetime


class BadMessageError(Exception):
    """The bytes are no message of an event stream; the text says why."""


@dataclass(frozen=True)
class Message:
    """What a message holds; ``raw_headers`` are the headers as they were sent, which signatures cover."""

    headers: Mapping[str, Value]
    payload: bytes
    raw_headers: bytes = b""


def pack(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message whose headers are all text."""
    packed = b"".join(_pack_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", OVERHEAD + len(packed) + len(payload), len(packed))
    message = lengths + CHECKSUM.pack(crc32(lengths)) + packed + payload
    return message + CHECKSUM.pack(crc32(message))


def unpack(data: bytes) -> Message:
    """The one message that the bytes are.

    Raises:
        BadMessageError: they are less or more than one message, a checksum or a header is wrong.
    """
    if len(data) < OVERHEAD:
        _refuse(f"{len(data)} bytes are no message")
    total, header_length, checksum = PRELUDE.unpack_from(data)
    if checksum != crc32(data[:8]):
        _refuse("the checksum of the prelude does not match")
    if total != len(data):
        _refuse(f"the message says that it has {total} bytes, and has {len(data)}")
    if header_length > MAX_HEADERS or total - header_length - OVERHEAD > MAX_PAYLOAD:
        _refuse("the headers or the payload are too long")
    if header_length > total - OVERHEAD:
        _refuse("the headers are longer than the message")
    if CHECKSUM.unpack_from(data, total - 4)[0] != crc32(data[:-4]):
        _refuse("the checksum of the message does not match")
    headers_end = PRELUDE.size + header_length
    raw = data[PRELUDE.size : headers_end]
    headers: dict[str, Value] = {}
    for name, value in _headers(raw):
        if name in headers:
            _refuse(f"the header {name} is there twice")
        headers[name] = value
    return Message(headers, data[headers_end:-4], raw)


def _pack_header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">BH", TEXT, len(value)) + value


def _headers(raw: bytes) -> Iterator[tuple[str, Value]]:
    at = 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            name = raw[at + 1 : name_end].decode()
            kind, at = raw[name_end], name_end + 1
            if kind in (BYTES, TEXT):
                (length,) = struct.unpack_from(">H", raw, at)
                value, at = raw[at + 2 : at + 2 + length], at + 2 + length
                yield name, value.decode() if kind == TEXT else value
            else:
                form = FIXED[kind]
                (number,) = struct.unpack_from(form, raw, at) if form else (kind == 0,)
                at += struct.calcsize(form)
                yield name, datetime.fromtimestamp(number / 1000, UTC) if kind == TIME else number
    except (IndexError, KeyError, ValueError, OverflowError, OSError, struct.error):
        _refuse("the headers cannot be read")
    if at != len(raw):
        _refuse("the headers cannot be read")


def _refuse(why: str) -> NoReturn:
    raise BadMessageError(why)

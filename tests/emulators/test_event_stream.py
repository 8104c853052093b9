"""The emulator's event stream encoding, held against botocore's parser and amazon-transcribe's serializer."""

from __future__ import annotations

import datetime
import uuid
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators._aws_client import SERIALIZER, audio_event, read_frame
from tests.emulators._event_stream import BadMessageError, pack, unpack

LETTERS = ":-aZé☎\0"
TEXTS = st.dictionaries(st.text(LETTERS, min_size=1, max_size=20), st.text(LETTERS, max_size=30), max_size=5)


@given(headers=TEXTS, payload=st.binary(max_size=300))
def test_botocore_reads_what_is_packed(headers: dict[str, str], payload: bytes) -> None:
    assert read_frame(pack(headers, payload)) == (headers, payload)


@given(headers=TEXTS, payload=st.binary(max_size=300))
def test_what_amazon_transcribe_packs_is_the_same(headers: dict[str, str], payload: bytes) -> None:
    assert SERIALIZER.serialize(dict(headers), payload) == pack(headers, payload)


def test_headers_of_every_type_are_read() -> None:
    at = datetime.datetime(2026, 11, 26, 1, 2, 3, tzinfo=datetime.UTC)
    headers: dict[str, Any] = {
        "yes": True,
        "no": False,
        "number": -7,
        "bytes": b"\0\xff",
        "text": "é",
        "at": at,
        "id": uuid.uuid4(),
    }
    read = unpack(SERIALIZER.serialize(dict(headers), b"x")).headers
    assert read == headers | {"id": headers["id"].bytes}


@given(at=st.integers(0, 10_000), change=st.integers(1, 255))
def test_every_changed_byte_is_seen(at: int, change: int) -> None:
    data = bytearray(audio_event(b"sound"))
    data[at % len(data)] ^= change
    with pytest.raises(BadMessageError):
        unpack(bytes(data))


@given(st.binary(max_size=200))
def test_noise_is_no_message(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        unpack(data)


@given(raw=st.binary(min_size=1, max_size=60))
def test_headers_that_botocore_cannot_read_cannot_be_read(raw: bytes) -> None:
    lengths = (16 + len(raw)).to_bytes(4, "big") + len(raw).to_bytes(4, "big")
    start = lengths + crc32(lengths).to_bytes(4, "big") + raw
    data = start + crc32(start).to_bytes(4, "big")
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    try:
        headers = unpack(data).headers
    except BadMessageError:
        return
    assert buffer.next().headers.keys() == headers.keys()


@pytest.mark.parametrize("data", [audio_event(b"a") * 2, audio_event(b"a")[:-1], pack({":date": "x"}, b"") + b"\0"])
def test_it_must_be_one_message(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        unpack(data)


def test_a_header_must_not_be_there_twice() -> None:
    raw = SERIALIZER.encode_headers({"a": "b"}) * 2
    lengths = (16 + len(raw)).to_bytes(4, "big") + len(raw).to_bytes(4, "big")
    start = lengths + crc32(lengths).to_bytes(4, "big") + raw
    with pytest.raises(BadMessageError, match="twice"):
        unpack(start + crc32(start).to_bytes(4, "big"))

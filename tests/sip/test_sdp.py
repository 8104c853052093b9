"""Descriptions of sessions: read and written, and what is none."""

from __future__ import annotations

import contextlib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sip._script import OFFER

from pinecall_run.sip.sdp import (
    BadDescriptionError,
    Direction,
    Section,
    direction,
    read_description,
    write_description,
)


def test_a_description() -> None:
    text = OFFER.replace("m=audio", "a=recvonly\r\nm=audio") + "m=video 9 RTP/AVP 31\r\nc=IN IP6 ::1\r\n"
    audio, video = read_description(text).sections
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == ("audio", 30_000, "RTP/AVP", ["8", "0", "101"])
    assert (audio.host, video.host) == ("198.51.100.7", "::1")
    assert (audio.direction, video.direction) == (Direction.SENDRECV, Direction.RECVONLY)
    assert audio.get("rtpmap") == "101 telephone-event/8000"
    assert (audio.has("sendrecv"), audio.has("crypto"), audio.get("ptime")) == (True, False, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_address_of_zeros_asks_for_silence(host: str) -> None:
    assert Section("audio", 1, "RTP/AVP", ["0"], host).direction is Direction.SENDONLY


def test_directions() -> None:
    for sends, receives in product((True, False), repeat=2):
        named = direction(sends=sends, receives=receives)
        assert (named.can_send, named.can_receive) == (sends, receives)
        assert (named.reversed().can_send, named.reversed().can_receive) == (receives, sends)
        assert named.within(Direction.SENDRECV) is named
        assert named.within(Direction.INACTIVE) is Direction.INACTIVE


@pytest.mark.parametrize(
    "text",
    ["", "v=1\r\n", "v=0\r\nnonsense", "v=0\r\nm=audio", "v=0\r\nm=audio x RTP/AVP 0", "v=0\r\nm=audio 70000 RTP/AVP 0",
     "v=0\r\nc=IN IP4 a b", "v=0\r\nm=audio 1 RTP/AVP \udc80", "v=0\r\n" + "m=audio 1 RTP/AVP 0\r\n" * 33,
     "v=0\r\n" + "a=x\r\n" * 2000, "v=0\r\na=" + "x" * 40_000],
)  # fmt: skip
def test_what_is_no_description(text: str) -> None:
    with pytest.raises(BadDescriptionError):
        read_description(text)


def test_what_is_written_is_read_again() -> None:
    section = Section("audio", 40_000, "RTP/AVP", ["0"], "", [("rtpmap", "0 PCMU/8000"), ("sendonly", "")])
    text = write_description([section], host="::1", session=5, version=7)
    assert text.splitlines()[:4] == ["v=0", "o=- 5 7 IN IP6 ::1", "s=-", "c=IN IP6 ::1"]
    (found,) = read_description(text).sections
    assert (found.host, found.direction, found.attributes) == ("::1", Direction.SENDONLY, list(section.attributes))


@given(st.text(), st.integers(0, 300))
def test_no_text_breaks_it(text: str, at: int) -> None:
    for broken in (text, OFFER[:at] + text + OFFER[at:]):
        with contextlib.suppress(BadDescriptionError):
            read_description(broken)

"""Codecs and what was agreed on."""

from __future__ import annotations

from pinecall_run.sip.media import G722, OPUS, PCMU, Media
from pinecall_run.sip.sdes import Crypto
from pinecall_run.sip.sdp import Direction


def test_names_in_descriptions() -> None:
    assert [codec.rtpmap for codec in (PCMU, G722, OPUS)] == ["PCMU/8000", "G722/8000", "opus/48000/2"]
    assert (PCMU.is_static, OPUS.is_static) == (True, False)


def test_held_is_not_being_listened_to() -> None:
    def held(direction: Direction) -> bool:
        return Media("h", 1, PCMU, 0, 0, 2, direction=direction).is_held

    assert [held(direction) for direction in Direction] == [False, False, True, True]


def test_encrypted_is_with_a_key() -> None:
    key = Crypto(1, "AES_CM_128_HMAC_SHA1_80", b"\x07" * 30)
    media = Media("h", 1, PCMU, 0, 0, 2, send_key=key, receive_key=key)
    assert media.is_encrypted
    assert repr(key.key) not in f"{media} {media!r}"
    assert not Media("h", 1, PCMU, 0, 0, 2).is_encrypted

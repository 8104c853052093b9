"""Codecs and what was agreed on."""

from __future__ import annotations

from pinecall_run.sip.media import G722, OPUS, PCMU, Media
from pinecall_run.sip.sdp import Direction


def test_names_in_descriptions() -> None:
    assert [codec.rtpmap for codec in (PCMU, G722, OPUS)] == ["PCMU/8000", "G722/8000", "opus/48000/2"]
    assert (PCMU.is_static, OPUS.is_static) == (True, False)


def test_held_is_not_being_listened_to() -> None:
    def held(direction: Direction) -> bool:
        return Media("h", 1, PCMU, 0, 0, 2, direction=direction).is_held

    assert [held(direction) for direction in Direction] == [False, False, True, True]

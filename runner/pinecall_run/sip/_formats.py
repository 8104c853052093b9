"""Payload types in a section of sound: what stands for what (RFC 8866, 6.6; RFC 3551; RFC 4733)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pinecall_run.sip.media import Codec
from pinecall_run.sip.sdp import Attribute, Section

_EVENTS = "telephone-event"
_FIRST_EVENT, _DYNAMIC = 101, range(96, 128)


def events(clock_rate: int) -> str:
    """How telephone-events of a rate are called among payload types. They have the rate of the sound that they go with
    (RFC 4733, 2.1), so that who offers codecs of two offers events of two."""
    return f"{_EVENTS}/{clock_rate}"


def offered_codecs(section: Section, ours: Sequence[Codec]) -> list[tuple[int, Codec]]:
    """The payload types of a section that are codecs of ours, in the section's order."""
    maps = _maps(section)
    found = []
    for payload_type in _numbers(section):
        codec = next((codec for codec in ours if _is_named(codec, payload_type, maps)), None)
        if codec is not None:
            found.append((payload_type, codec))
    return found


def offered_events(section: Section, clock_rate: int) -> tuple[int, int] | None:
    """The payload type and rate of telephone-events: those of a codec's rate, else those that everybody has."""
    named = (
        (payload_type, rate)
        for payload_type, (name, rate, _) in _maps(section).items()
        if name == _EVENTS.upper() and payload_type in _numbers(section)
    )
    return min(named, key=lambda found: (found[1] != clock_rate, found[1] != 8_000), default=None)


def packet_time(section: Section) -> int:
    """The milliseconds of sound in a packet that a section asks for: whole tens up to 60, and 20 otherwise."""
    asked = section.get("ptime") or "20"
    most = section.get("maxptime") or "60"
    if not (asked.isascii() and asked.isdigit() and most.isascii() and most.isdigit()):
        return 20
    wanted = min(int(asked[:4]), int(most[:4]))
    return wanted if wanted in range(10, 61, 10) else 20


def numbered(codecs: Sequence[Codec], rates: Iterable[int], known: Mapping[str, int]) -> dict[str, int]:
    """A payload type for each codec and for events of each rate: the one that is known in this session, else its own or
    a free one (a number keeps its meaning for as long as a session lasts: RFC 3264, 8.3.2)."""
    types = dict(known)
    wishes = [
        *((codec.name, codec.payload_type) for codec in codecs),
        *((events(rate), _FIRST_EVENT) for rate in rates),
    ]
    for name, wanted in wishes:
        if name not in types:
            taken = set(types.values())
            types[name] = wanted if wanted not in taken else next(free for free in _DYNAMIC if free not in taken)
    return types


def attributes(codecs: Sequence[Codec], types: Mapping[str, int], rates: Iterable[int]) -> list[Attribute]:
    """What says of payload types what they are."""
    lines = []
    for codec in codecs:
        lines.append(("rtpmap", f"{types[codec.name]} {codec.rtpmap}"))
        if codec.parameters:
            lines.append(("fmtp", f"{types[codec.name]} {codec.parameters}"))
    for rate in rates:
        lines += [("rtpmap", f"{types[events(rate)]} {events(rate)}"), ("fmtp", f"{types[events(rate)]} 0-16")]
    return lines


def _numbers(section: Section) -> list[int]:
    return [int(text) for text in section.formats if text.isascii() and text.isdigit() and int(text) < 128]


def _maps(section: Section) -> dict[int, tuple[str, int, int]]:
    """Name, clock rate and channels by payload type."""
    found = {}
    for value in section.all("rtpmap"):
        payload_type, _, encoding = value.partition(" ")
        name, rate, channels = (*encoding.strip().split("/"), "", "")[:3]
        if all(text.isascii() and text.isdigit() and len(text) < 7 for text in (payload_type, rate, channels or "1")):
            found[int(payload_type)] = (name.upper(), int(rate), int(channels or "1"))
    return found


def _is_named(codec: Codec, payload_type: int, maps: Mapping[int, tuple[str, int, int]]) -> bool:
    if payload_type in maps:
        return maps[payload_type] == (codec.name, codec.clock_rate, codec.channels)
    return codec.is_static and codec.payload_type == payload_type

"""A browser's offer to data, and our answer to it (RFC 8829): one audio section, one of data, one way for both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aioice.candidate import Candidate
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS, RTCDtlsParameters
from aiortc.rtcicetransport import candidate_to_aioice
from aiortc.sdp import MediaDescription, SessionDescription

from pinecall_run.transports.jitter import CLOCK_RATE

MAX_TEXT, MAX_SECTIONS = 20_000, 16
"""A browser's offer has 3,000 characters and two sections. It is read before its token, which a bad one leaves good."""

_USERNAME, _PASSWORD = re.compile(r"[A-Za-z0-9+/]{4,256}"), re.compile(r"[A-Za-z0-9+/]{22,256}")
"""RFC 8839, 5.4. Every check that goes to an address of the offer holds the name."""


class BadOfferError(Exception):
    """An offer that cannot be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class DataSection:
    """The section of data channels."""

    mid: str
    port: int
    max_message_size: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What we need of an offer. ``sections`` has every one's kind, mid, profile and formats, in order."""

    sections: Sequence[tuple[str, str, str, str]]
    mid: str
    payload_type: int
    direction: str
    ufrag: str
    password: str
    is_lite: bool
    candidates: Sequence[Candidate]
    dtls: RTCDtlsParameters
    data: DataSection | None

    @property
    def is_dtls_server(self) -> bool:
        """Whether ours is the server's part: the answerer's choice, unless the offerer insists (RFC 8842, 5.3)."""
        return self.dtls.role == "client"


def read_offer(text: str) -> Offer:
    """The offer in an SDP.

    Raises:
        BadOfferError: it is no SDP, or has no audio that we could hear.
    """
    if len(text) > MAX_TEXT:
        raise BadOfferError(f"the offer has more than {MAX_TEXT:,} characters")
    try:
        description = SessionDescription.parse(text)
    except Exception as error:  # the parser raises whatever it happens upon
        raise BadOfferError("sdp is not a session description") from error
    if len(description.media) > MAX_SECTIONS:
        raise BadOfferError(f"the offer has more than {MAX_SECTIONS} sections")
    audio = next((each for each in description.media if each.kind == "audio" and each.port), None)
    if audio is None:
        raise BadOfferError("the offer has no audio: add the microphone's track before createOffer()")
    if audio.direction in ("recvonly", "inactive"):
        raise BadOfferError(f"the offer's audio is {audio.direction}: add the microphone's track before createOffer()")
    _check_way(audio)
    assert audio.dtls is not None
    assert audio.ice is not None
    bundle = next((group.items for group in description.group if group.semantic == "BUNDLE"), [])
    return Offer(
        sections=[_section(media) for media in description.media],
        mid=audio.rtp.muxId,
        payload_type=_opus(audio),
        direction="recvonly" if audio.direction == "sendonly" else "sendrecv",
        ufrag=audio.ice.usernameFragment or "",
        password=audio.ice.password or "",
        is_lite=audio.ice.iceLite,
        candidates=[candidate_to_aioice(each) for media in description.media for each in media.ice_candidates],
        dtls=audio.dtls,
        data=_data([media for media in description.media if media.rtp.muxId in bundle and audio.rtp.muxId in bundle]),
    )


def _check_way(audio: MediaDescription) -> None:
    """That media can come to us, encrypted, on one port."""
    if not audio.rtcp_mux:
        raise BadOfferError("the offer has RTP and RTCP on two ports: rtcp-mux is needed")
    name, password = (audio.ice.usernameFragment, audio.ice.password) if audio.ice else ("", "")
    if not _USERNAME.fullmatch(name or "") or not _PASSWORD.fullmatch(password or ""):
        raise BadOfferError("the offer has no ICE credentials")
    if audio.dtls is None or not any(
        print_.algorithm.lower() in X509_DIGEST_ALGORITHMS for print_ in audio.dtls.fingerprints
    ):
        raise BadOfferError("the offer has no DTLS fingerprint that we know: sha-256 is one")


def _opus(audio: MediaDescription) -> int:
    for codec in audio.rtp.codecs:
        kind = codec.payloadType
        if codec.mimeType.lower() == "audio/opus" and codec.clockRate == CLOCK_RATE and kind in audio.fmt:
            assert kind is not None
            return kind
    raise BadOfferError("the offer's audio has no Opus")


def _section(media: MediaDescription) -> tuple[str, str, str, str]:
    return media.kind, media.rtp.muxId, media.profile, " ".join(map(str, media.fmt))


def _data(bundled: Sequence[MediaDescription]) -> DataSection | None:
    """The section that shares the audio's way; one apart is declined."""
    for media in bundled:
        if media.kind == "application" and media.sctp_port:
            limit = media.sctpCapabilities.maxMessageSize if media.sctpCapabilities else 65_536
            return DataSection(media.rtp.muxId, media.sctp_port, limit)
    return None


@dataclass(frozen=True, slots=True)
class OurSide:
    """What we say of ourselves."""

    ufrag: str
    password: str
    candidates: Sequence[Candidate]
    fingerprints: Sequence[tuple[str, str]]
    ssrc: int
    sctp_port: int
    max_message_size: int


def write_answer(offer: Offer, ours: OurSide) -> str:
    """The answer. It asks for what is cheap to hear: wide band, without the error correction that we cannot use."""
    taken = [offer.mid, *([offer.data.mid] if offer.data else [])]
    bundled = [mid for _, mid, _, _ in offer.sections if mid in taken]
    lines = ["v=0", f"o=- {ours.ssrc} 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    if any(bundled):
        lines += [f"a=group:BUNDLE {' '.join(bundled)}"]
    lines += ["a=msid-semantic: WMS *"]
    is_open = set(taken)
    for kind, mid, profile, formats in offer.sections:
        if kind == "audio" and mid in is_open:
            lines += [*_audio_lines(offer, ours), *_way_lines(offer, ours)]
        elif kind == "application" and offer.data and mid in is_open:
            lines += [*_data_lines(profile, formats, ours), f"a=mid:{mid}", *_way_lines(offer, ours)]
        else:
            lines += [f"m={kind} 0 {profile} {formats}", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines += [f"a=mid:{mid}"] if mid else []
            continue
        is_open.discard(mid)
    return "\r\n".join(lines) + "\r\n"


def _audio_lines(offer: Offer, ours: OurSide) -> list[str]:
    kind = offer.payload_type
    return [
        f"m=audio 9 UDP/TLS/RTP/SAVPF {kind}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        *([f"a=mid:{offer.mid}"] if offer.mid else []),
        f"a={offer.direction}",
        "a=msid:agent voice",
        f"a=ssrc:{ours.ssrc} cname:agent",
        f"a=ssrc:{ours.ssrc} msid:agent voice",
        f"a=rtpmap:{kind} opus/48000/2",
        f"a=fmtp:{kind} minptime=20;useinbandfec=0;maxplaybackrate=16000;sprop-maxcapturerate=16000",
        "a=ptime:20",
    ]


def _data_lines(profile: str, formats: str, ours: OurSide) -> list[str]:
    return [
        f"m=application 9 {profile} {formats}",
        "c=IN IP4 0.0.0.0",
        f"a=sctp-port:{ours.sctp_port}",
        f"a=max-message-size:{ours.max_message_size}",
    ]


def _way_lines(offer: Offer, ours: OurSide) -> list[str]:
    return [
        *(f"a=candidate:{candidate.to_sdp()}" for candidate in ours.candidates),
        "a=end-of-candidates",
        f"a=ice-ufrag:{ours.ufrag}",
        f"a=ice-pwd:{ours.password}",
        *(f"a=fingerprint:{algorithm} {value}" for algorithm, value in ours.fingerprints),
        f"a=setup:{'passive' if offer.is_dtls_server else 'active'}",
    ]

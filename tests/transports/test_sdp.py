"""Offers of a real browser, of aiortc, and broken ones; and answers as another peer reads them."""

from __future__ import annotations

import pytest
from aioice.candidate import Candidate
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecall_run.transports.sdp import BadOfferError, DataSection, OurSide, read_offer, write_answer

FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)

AUDIO = f"""m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 11111111-2222-3333-4444-555555555555.local 50000 typ host generation 0 network-cost 999
a=candidate:2 1 udp 2113937150 127.0.0.1 50001 typ host generation 0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:- track
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:123 cname:x
a=ssrc:123 msid:- track
"""
VIDEO = AUDIO.replace("m=audio", "m=video").replace("a=mid:0", "a=mid:7").replace("opus/48000/2", "VP8/90000")
DATA = f"""m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
"""
HEAD = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
"""
OFFER = HEAD + AUDIO + DATA

OURS = OurSide(
    ufrag="wxyz",
    password="p" * 22,
    candidates=[Candidate.from_sdp("1 1 udp 2130706431 127.0.0.1 40000 typ host")],
    fingerprints=[("sha-256", ":".join(["CD"] * 32))],
    ssrc=99,
    sctp_port=5000,
    max_message_size=65_536,
)


def without(text: str, start: str) -> str:
    kept = [line for line in text.splitlines() if not line.startswith(start)]
    assert len(kept) < len(text.splitlines())
    return "\n".join(kept) + "\n"


def test_what_a_browser_offers() -> None:
    offer = read_offer(OFFER)
    assert (offer.mid, offer.payload_type, offer.direction) == ("0", 111, "sendrecv")
    assert (offer.ufrag, offer.password, offer.is_lite) == ("abcd", "abcdefghijklmnopqrstuvwx", False)
    assert [candidate.host.partition("-")[0] for candidate in offer.candidates] == ["11111111", "127.0.0.1"]
    assert offer.data == DataSection("1", 5000, 262_144)
    assert not offer.is_dtls_server


def test_our_answer_as_another_peer_reads_it() -> None:
    answer = SessionDescription.parse(write_answer(read_offer(OFFER), OURS))
    audio, data = answer.media
    assert [group.items for group in answer.group] == [["0", "1"]]
    (codec,) = audio.rtp.codecs
    assert (codec.mimeType, codec.payloadType, codec.parameters["maxplaybackrate"]) == ("audio/opus", 111, 16_000)
    assert (audio.direction, audio.rtcp_mux, audio.ssrc[0].ssrc) == ("sendrecv", True, 99)
    assert audio.rtp.headerExtensions == []
    assert (data.rtp.muxId, data.sctp_port, data.port) == ("1", 5000, 9)
    for media in answer.media:
        assert media.ice is not None
        assert media.dtls is not None
        assert (media.ice.usernameFragment, media.dtls.role) == ("wxyz", "client")
        assert [candidate.ip for candidate in media.ice_candidates] == ["127.0.0.1"]
        assert media.ice_candidates_complete


def test_sections_that_are_not_ours_are_declined_in_their_places() -> None:
    offer = read_offer(HEAD.replace("0 1", "7 0 1") + VIDEO + AUDIO + DATA + AUDIO.replace("a=mid:0", "a=mid:8"))
    answer = SessionDescription.parse(write_answer(offer, OURS))
    assert [(media.kind, media.port, media.rtp.muxId) for media in answer.media] == [
        ("video", 0, "7"),
        ("audio", 9, "0"),
        ("application", 9, "1"),
        ("audio", 0, "8"),
    ]
    assert [group.items for group in answer.group] == [["0", "1"]]


@pytest.mark.parametrize(
    ("setup", "ours", "is_server"),
    [("actpass", "client", False), ("passive", "client", False), ("active", "server", True)],
)
def test_who_begins_dtls(setup: str, ours: str, is_server: bool) -> None:
    offer = read_offer(OFFER.replace("a=setup:actpass", f"a=setup:{setup}"))
    assert offer.is_dtls_server is is_server
    media = SessionDescription.parse(write_answer(offer, OURS)).media[0]
    assert media.dtls is not None
    assert media.dtls.role == ours


def test_data_that_would_need_a_way_of_its_own_is_declined() -> None:
    for head in (HEAD.replace("a=group:BUNDLE 0 1\n", ""), HEAD.replace("0 1", "0")):
        offer = read_offer(head + AUDIO + DATA)
        assert offer.data is None
        answer = SessionDescription.parse(write_answer(offer, OURS))
        assert [media.port for media in answer.media] == [9, 0]


def test_who_only_speaks_is_only_heard() -> None:
    offer = read_offer(OFFER.replace("a=sendrecv", "a=sendonly"))
    assert "\r\na=recvonly\r\n" in write_answer(offer, OURS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no audio"),
        ("hello", "has no audio"),
        (HEAD, "has no audio"),
        (HEAD + DATA, "has no audio"),
        (HEAD + VIDEO, "has no audio"),
        (OFFER.replace("m=audio 9", "m=audio 0"), "has no audio"),
        (OFFER.replace("a=sendrecv", "a=recvonly"), "audio is recvonly"),
        (OFFER.replace("a=sendrecv", "a=inactive"), "audio is inactive"),
        (HEAD + without(AUDIO, "a=rtcp-mux"), "rtcp-mux"),
        (HEAD + without(AUDIO, "a=ice-ufrag"), "no ICE credentials"),
        (HEAD + without(AUDIO, "a=ice-pwd"), "no ICE credentials"),
        (OFFER.replace("a=ice-ufrag:abcd", "a=ice-ufrag:" + "a" * 257), "no ICE credentials"),  # each check holds it
        (OFFER.replace("a=ice-ufrag:abcd", "a=ice-ufrag:a:b c"), "no ICE credentials"),
        (OFFER.replace("a=ice-pwd:", "a=ice-pwd:" + "a" * 257), "no ICE credentials"),
        (OFFER.replace("a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=ice-pwd:short"), "no ICE credentials"),
        (OFFER + DATA * 20, "more than 16 sections"),
        (OFFER + "a=ssrc:1 x:y\n" * 2000, "more than 20,000 characters"),  # the parser takes their square
        (HEAD + without(AUDIO, "a=fingerprint"), "no DTLS fingerprint"),
        (HEAD + without(AUDIO, "a=setup"), "no DTLS fingerprint"),
        (OFFER.replace("sha-256", "md5"), "no DTLS fingerprint"),
        (OFFER.replace("opus/48000/2", "opus/16000/2"), "has no Opus"),
        (HEAD + without(without(AUDIO, "a=rtpmap:111"), "a=fmtp:111"), "has no Opus"),
        (OFFER.replace("SAVPF 111", "SAVPF 112"), "has no Opus"),
        (HEAD + without(AUDIO, "a=rtpmap:111"), "not a session description"),  # parameters of no codec
        (OFFER.replace("a=setup:actpass", "a=setup:maybe"), "not a session description"),
        (OFFER.replace("a=candidate:2 1 udp", "a=candidate:2 x"), "not a session description"),
        (OFFER.replace("m=audio 9", "m=audio nine"), "not a session description"),
        (OFFER.replace("SAVPF 111", "SAVPF 999"), "not a session description"),
        ("\ud800", "has no audio"),
    ],
)
def test_offers_that_cannot_be_answered(text: str, says: str) -> None:
    with pytest.raises(BadOfferError) as refused:
        read_offer(text)
    assert says in str(refused.value)


@settings(max_examples=300)
@given(st.data())
def test_a_broken_offer_is_refused_or_answered_and_nothing_else(data: st.DataObject) -> None:
    lines = OFFER.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[at])))
        match data.draw(st.sampled_from(["drop", "double", "cut", "text", "swap"])):
            case "drop":
                lines.pop(at)
            case "double":
                lines.insert(at, lines[at])
            case "cut":
                lines[at] = lines[at][:cut]
            case "text":
                lines[at] = lines[at][:cut] + data.draw(st.text("a09:/= \t\x00é\ud800", max_size=8)) + lines[at][cut:]
            case "swap":
                lines[at], lines[0] = lines[0], lines[at]
    try:
        offer = read_offer("\r\n".join(lines))
    except BadOfferError:
        return
    write_answer(offer, OURS)

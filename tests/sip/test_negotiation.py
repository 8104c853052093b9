"""Offers and answers: what is chosen, what is refused, what stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sip._script import AUDIO, OFFER, Dice

from pinecall_run.sip.media import CODECS, G722, OPUS, PCMA, PCMU, Codec, Encryption, LocalAudio
from pinecall_run.sip.negotiation import Negotiation, NotAcceptableError
from pinecall_run.sip.sdes import SUITES, read_crypto
from pinecall_run.sip.sdp import Direction, Section, read_description

ALL = LocalAudio("192.0.2.1", 40_000, CODECS, encryption=Encryption.WELCOME)
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
HEAD = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
WIDE = (
    "m=audio 30000 RTP/AVP 111 9 110 0 126\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 maxplaybackrate=16000\r\n"
    "a=rtpmap:9 G722/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=ptime:40\r\n"
)
SECURE = (
    "m=audio 30000 RTP/SAVP 0\r\na=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA\r\n"
    f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^31\r\n"
)


def answered(body: str, local: LocalAudio = ALL) -> tuple[Negotiation, Section]:
    negotiation = Negotiation(local, Dice())
    text = negotiation.answer((HEAD + body).encode()).decode()
    return negotiation, read_description(text).sections[0]


def test_the_first_codec_of_the_offer_that_is_ours() -> None:
    negotiation, section = answered(WIDE)
    assert section.formats == ["111", "110"]
    assert section.all("rtpmap") == ["111 opus/48000/2", "110 telephone-event/48000"]
    media = negotiation.media
    assert media is not None
    assert (media.codec, media.sends, media.receives, media.ptime) == (OPUS, 111, 111, 40)
    assert (media.dtmf_sends, media.dtmf_receives, media.dtmf_rate) == (110, 110, 48_000)
    negotiation, section = answered(WIDE, LocalAudio("192.0.2.1", 40_000, (PCMU, G722)))
    assert section.formats == ["9", "126"]
    assert negotiation.media is not None
    assert (negotiation.media.codec, negotiation.media.dtmf_rate) == (G722, 8_000)


def test_a_number_means_what_the_offer_says() -> None:
    negotiation, section = answered("m=audio 1 RTP/AVP 97 8\r\na=rtpmap:97 pcmu/8000/1\r\n")
    assert section.formats == ["97"]
    assert negotiation.media is not None
    assert (negotiation.media.codec, negotiation.media.sends, negotiation.media.dtmf_sends) == (PCMU, 97, None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=video 1 RTP/AVP 0\r\n",
        "m=audio 1 RTP/AVP 18\r\n",
        "m=audio 1 RTP/AVP 96\r\n",
        "m=audio 1 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000\r\n",
        "m=audio 1 UDP/TLS/RTP/SAVPF 0\r\n",
        "m=audio 1 RTP/SAVP 0\r\n",
        "m=audio 1 RTP/SAVP 0\r\na=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA\r\n",
        "m=audio 1 RTP/AVP 999999999999999999999 0x0\r\na=rtpmap:x\r\n",
    ],
)
def test_offers_that_cannot_be_answered(body: str) -> None:
    negotiation = Negotiation(ALL, Dice())
    with pytest.raises(NotAcceptableError):
        negotiation.answer((HEAD + body).encode())
    assert negotiation.media is None


def test_every_other_stream_is_refused_in_its_place() -> None:
    body = "m=image 5 udptl t38\r\nm=audio 3 RTP/AVP 18\r\nm=audio 4 RTP/AVP 8\r\nm=video 6 RTP/AVP 31 32\r\nb=AS:9\r\n"
    negotiation = Negotiation(ALL, Dice())
    sections = read_description(negotiation.answer((HEAD + body).encode()).decode()).sections
    assert [(found.kind, found.port, found.formats) for found in sections] == [
        ("image", 0, ["t38"]), ("audio", 0, ["18"]), ("audio", 40_000, ["8"]), ("video", 0, ["31", "32"]),
    ]  # fmt: skip
    again = read_description(negotiation.offer().decode()).sections
    assert [(found.kind, found.port) for found in again] == [
        ("image", 0),
        ("audio", 0),
        ("audio", 40_000),
        ("video", 0),
    ]
    answer = "m=image 0 udptl t38\r\nm=audio 0 RTP/AVP 18\r\nm=audio 9 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\n"
    assert negotiation.accept((HEAD + answer).encode()).port == 9


@pytest.mark.parametrize("named", ["sendrecv", "sendonly", "recvonly", "inactive"])
def test_directions_are_mirrored(named: str) -> None:
    negotiation, section = answered(f"m=audio 1 RTP/AVP 0\r\na={named}\r\n")
    assert section.direction is Direction(named).reversed()
    assert negotiation.media is not None
    assert negotiation.media.direction is section.direction


def test_keys_are_answered_and_stay() -> None:
    negotiation, section = answered(SECURE)
    ours = read_crypto(section.get("crypto"))
    assert ours is not None
    assert (section.protocol, ours.tag, ours.suite) == ("RTP/SAVP", 2, "AES_CM_128_HMAC_SHA1_32")
    media = negotiation.media
    assert media is not None
    assert media.send_key == ours
    assert media.receive_key is not None
    assert media.receive_key.key[:6] == b"YS___s"
    again = negotiation.answer((HEAD + SECURE.replace("crypto:2", "crypto:7")).encode()).decode()
    found = read_crypto(read_description(again).sections[0].get("crypto"))
    assert found is not None
    assert (found.tag, found.key) == (7, ours.key)


def test_encryption_may_be_required_or_out_of_the_question() -> None:
    required = LocalAudio("192.0.2.1", 40_000, encryption=Encryption.REQUIRED)
    for local, body in ((required, OFFER[len(HEAD) :]), (AUDIO, SECURE)):
        with pytest.raises(NotAcceptableError):
            answered(body, local)
    negotiation = Negotiation(required, Dice())
    (section,) = read_description(negotiation.offer().decode()).sections
    ours = [read_crypto(line) for line in section.all("crypto")]
    assert (section.protocol, [key.suite for key in ours if key]) == ("RTP/SAVP", list(SUITES))
    media = negotiation.accept((HEAD + SECURE).encode())
    assert (media.send_key, media.receive_key is not None) == (ours[1], True)
    for refused in (OFFER, HEAD + "m=audio 1 RTP/SAVP 0\r\n", HEAD + SECURE.replace("SAVP", "AVP")):
        with pytest.raises(NotAcceptableError):
            negotiation.accept(refused.encode())


def test_what_is_encrypted_stays_so() -> None:
    negotiation, _ = answered(SECURE)
    before = negotiation.media
    for refused in (OFFER, HEAD + "m=audio 1 RTP/SAVP 0\r\n"):
        with pytest.raises(NotAcceptableError):
            negotiation.answer(refused.encode())
    assert negotiation.media is before
    (section,) = read_description(negotiation.offer().decode()).sections
    assert before is not None
    assert before.send_key is not None
    keys = [read_crypto(line) for line in section.all("crypto")]
    assert [(key.suite, key.key) for key in keys if key] == [(before.send_key.suite, before.send_key.key)]
    with pytest.raises(NotAcceptableError):
        negotiation.accept(OFFER.encode())


def test_plain_sound_may_become_encrypted() -> None:
    negotiation, _ = answered(OFFER[len(HEAD) :])
    assert negotiation.media is not None
    assert not negotiation.media.is_encrypted
    negotiation.answer((HEAD + SECURE).encode())
    assert negotiation.media.is_encrypted


@pytest.mark.parametrize(("encryption", "is_encrypted"), [("NEVER", False), ("WELCOME", True), ("OFFERED", True)])
def test_keys_beside_plain_sound_are_an_invitation(encryption: str, is_encrypted: bool) -> None:
    local = LocalAudio("192.0.2.1", 40_000, encryption=Encryption[encryption])
    negotiation, section = answered(SECURE.replace("SAVP", "AVP"), local)
    assert negotiation.media is not None
    assert (negotiation.media.is_encrypted, section.has("crypto")) == (is_encrypted, is_encrypted)
    assert section.protocol == "RTP/AVP"


def test_an_invitation_of_ours_may_be_taken_or_left() -> None:
    local = LocalAudio("192.0.2.1", 40_000, encryption=Encryption.OFFERED)
    negotiation = Negotiation(local, Dice())
    (section,) = read_description(negotiation.offer().decode()).sections
    assert (section.protocol, len(section.all("crypto"))) == ("RTP/AVP", 2)
    assert not negotiation.accept(OFFER.encode()).is_encrypted
    taken = Negotiation(local, Dice())
    taken.offer()
    assert taken.accept((HEAD + SECURE.replace("SAVP", "AVP")).encode()).is_encrypted
    other = Negotiation(local, Dice())
    other.offer()
    with pytest.raises(NotAcceptableError):
        other.accept((HEAD + SECURE).encode())


def test_our_own_key_is_no_answer() -> None:
    negotiation = Negotiation(LocalAudio("192.0.2.1", 40_000, encryption=Encryption.REQUIRED), Dice())
    (section,) = read_description(negotiation.offer().decode()).sections
    answer = f"m=audio 30000 RTP/SAVP 0\r\na=crypto:{section.get('crypto')}\r\n"
    with pytest.raises(NotAcceptableError):
        negotiation.accept((HEAD + answer).encode())


def test_the_encrypted_one_of_two_streams_is_taken() -> None:
    negotiation = Negotiation(ALL, Dice())
    body = "m=audio 4 RTP/AVP 0\r\n" + SECURE + "m=audio 6 RTP/SAVP 0\r\n"
    sections = read_description(negotiation.answer((HEAD + body).encode()).decode()).sections
    assert [(found.protocol, found.port) for found in sections] == [
        ("RTP/AVP", 0), ("RTP/SAVP", 40_000), ("RTP/SAVP", 0),
    ]  # fmt: skip


def test_our_offer_and_the_answer_to_it() -> None:
    negotiation = Negotiation(ALL, Dice())
    text = negotiation.offer().decode()
    assert text.splitlines()[5:] == [
        "m=audio 40000 RTP/AVP 96 9 0 8 101 97",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 maxplaybackrate=16000;sprop-maxcapturerate=16000",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=rtpmap:97 telephone-event/48000",
        "a=fmtp:97 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]
    answer = "m=audio 30000 RTP/AVP 107 99\r\na=rtpmap:107 opus/48000/2\r\na=rtpmap:99 telephone-event/8000\r\n"
    media = negotiation.accept((HEAD + answer).encode())
    assert (media.codec, media.sends, media.receives) == (OPUS, 107, 96)
    assert (media.dtmf_sends, media.dtmf_receives, media.dtmf_rate) == (99, 101, 8_000)
    answer += "a=rtpmap:98 telephone-event/48000\r\n"
    media = negotiation.accept((HEAD + answer.replace("107 99", "107 99 98")).encode())
    assert (media.dtmf_sends, media.dtmf_receives, media.dtmf_rate) == (98, 97, 48_000)


def test_events_of_a_rate_that_was_not_offered_are_none() -> None:
    negotiation = Negotiation(ALL, Dice())
    negotiation.offer()
    answer = "m=audio 30000 RTP/AVP 0 99\r\na=rtpmap:99 telephone-event/16000\r\n"
    assert negotiation.accept((HEAD + answer).encode()).dtmf_sends is None


def test_an_answer_may_name_codecs_to_change_to() -> None:
    negotiation = Negotiation(ALL, Dice())
    negotiation.offer()
    media = negotiation.accept((HEAD + "m=audio 30000 RTP/AVP 0 9 107 8\r\na=rtpmap:107 opus/48000/2\r\n").encode())
    assert (media.codec, media.sends, media.also) == (PCMU, 0, {9: G722, 96: OPUS, 8: PCMA})


def test_the_version_grows_only_with_a_change() -> None:
    negotiation, _ = answered(OFFER[len(HEAD) :])
    first = negotiation.answer(OFFER.encode())
    assert negotiation.answer(OFFER.encode()) == first
    held = negotiation.answer(OFFER.replace("sendrecv", "sendonly").encode()).splitlines()
    assert int(held[1].split()[2]) == int(first.splitlines()[1].split()[2]) + 1


def test_numbers_keep_their_meaning_in_offers_of_ours() -> None:
    negotiation, _ = answered(
        "m=audio 1 RTP/AVP 101 0 96\r\na=rtpmap:101 opus/48000/2\r\na=rtpmap:96 telephone-event/8000\r\n"
    )
    (section,) = read_description(negotiation.offer().decode()).sections
    assert section.formats == ["101", "9", "0", "8", "96", "97"]


def test_a_number_that_was_taken_away_is_not_used_for_two() -> None:
    negotiation = Negotiation(ALL, Dice())
    negotiation.offer()
    negotiation.answer((HEAD + "m=audio 1 RTP/AVP 101\r\na=rtpmap:101 opus/48000/2\r\n").encode())
    (section,) = read_description(negotiation.offer().decode()).sections
    assert section.formats == ["101", "9", "0", "8", "96", "97"]


def test_what_we_do_not_wish_is_not_offered_or_answered() -> None:
    negotiation, _ = answered(OFFER[len(HEAD) :])
    negotiation.wish = Direction.SENDONLY
    assert b"a=sendonly" in negotiation.offer()
    assert negotiation.accept(OFFER.replace("sendrecv", "recvonly").encode()).direction is Direction.SENDONLY
    assert b"a=inactive" in negotiation.answer(OFFER.replace("sendrecv", "sendonly").encode())


@pytest.mark.parametrize(
    ("lines", "rtcp_port", "is_mux"),
    [
        ("", 30_001, False),
        ("a=rtcp:30009\r\n", 30_009, False),
        ("a=rtcp:x\r\n", 30_001, False),
        ("a=rtcp:65535\r\n", 65_535, False),
        ("a=rtcp:65536\r\n", 30_001, False),
        ("a=rtcp:0\r\n", 30_001, False),
        ("a=rtcp-mux\r\n", 30_000, True),
    ],
)
def test_where_reports_go(lines: str, rtcp_port: int, is_mux: bool) -> None:
    negotiation, section = answered("m=audio 30000 RTP/AVP 0\r\n" + lines)
    assert negotiation.media is not None
    assert (negotiation.media.rtcp_port, negotiation.media.is_rtcp_mux, section.has("rtcp-mux")) == (
        rtcp_port,
        is_mux,
        is_mux,
    )
    assert (b"rtcp-mux" in negotiation.offer()) is is_mux


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ("a=ptime:30", 30),
        ("a=ptime:5", 20),
        ("a=ptime:200", 60),
        ("a=ptime:x", 20),
        ("a=ptime:60\r\na=maxptime:40", 40),
    ],
)
def test_milliseconds_in_a_packet(lines: str, ptime: int) -> None:
    negotiation, _ = answered(f"m=audio 1 RTP/AVP 0\r\n{lines}\r\n")
    assert negotiation.media is not None
    assert negotiation.media.ptime == ptime


@pytest.mark.parametrize(
    "answer", ["", "m=audio 0 RTP/AVP 0\r\n", "m=audio 1 RTP/AVP 18\r\n", "m=audio 1 RTP/SAVP 0\r\n"]
)
def test_answers_that_are_none(answer: str) -> None:
    negotiation = Negotiation(ALL, Dice())
    negotiation.offer()
    with pytest.raises(NotAcceptableError):
        negotiation.accept((HEAD + answer).encode())


def test_an_answer_without_an_address() -> None:
    negotiation = Negotiation(ALL, Dice())
    negotiation.offer()
    with pytest.raises(NotAcceptableError):
        negotiation.accept(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n")


@given(st.permutations(CODECS), st.permutations(CODECS), st.sampled_from(Direction), st.sampled_from(Encryption))
def test_two_of_ours_agree(all_codecs: list[Codec], some: list[Codec], wish: Direction, encryption: Encryption) -> None:
    some = some[:2]
    expected = next(codec for codec in all_codecs if codec in some)
    ana = Negotiation(LocalAudio("192.0.2.1", 1000, tuple(all_codecs), encryption=encryption), Dice("a"))
    bob = Negotiation(LocalAudio("192.0.2.2", 2000, tuple(some), encryption=encryption), Dice("b"))
    for one, other in ((ana, bob), (bob, ana)):
        one.wish, other.wish = wish, Direction.SENDRECV
        ours = one.accept(other.answer(one.offer()))
        theirs = other.media
        assert theirs is not None
        assert ours.codec is theirs.codec is expected
        assert (ours.sends, ours.dtmf_sends) == (theirs.receives, theirs.dtmf_receives)
        assert (ours.direction, theirs.direction) == (wish, wish.reversed())
        assert (ours.send_key, ours.receive_key) == (theirs.receive_key, theirs.send_key)
        assert {(ours.host, ours.port), (theirs.host, theirs.port)} == {("192.0.2.1", 1000), ("192.0.2.2", 2000)}


LINES = (
    *(f"m={kind} {port} {protocol} {formats}" for kind, port, protocol, formats in (
        ("audio", 30_000, "RTP/AVP", "0 8 101"),
        ("audio", 30_000, "RTP/SAVP", "9 96 101"),
        ("audio", 30_000, "RTP/SAVPF", "96 97 8"),
        ("audio", 0, "RTP/AVP", "0"),
        ("audio", 30_000, "UDP/TLS/RTP/SAVPF", "0"),
        ("video", 30_002, "RTP/SAVP", "31"),
    )),
    *(f"a=crypto:{number} {suite} inline:{KEY}{more}" for number, suite, more in (
        (1, SUITES[0], ""),
        (2, SUITES[1], "|2^31"),
        (3, SUITES[0], "|1:4"),
        (4, "F8_128_HMAC_SHA1_80", ""),
        (999_999_999, SUITES[1], " WSH=64"),
    )),
    "a=rtpmap:96 opus/48000/2",
    "a=rtpmap:97 telephone-event/48000",
    "a=rtpmap:101 telephone-event/8000",
    "a=rtpmap:101 G722/8000",
    "a=sendonly",
    "a=inactive",
    "a=rtcp-mux",
    "a=ptime:40",
    "c=IN IP4 0.0.0.0",
)  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from(Encryption), st.booleans())
def test_whatever_is_offered_the_answer_fits(lines: list[str], encryption: Encryption, is_changed: bool) -> None:
    negotiation = Negotiation(LocalAudio("192.0.2.1", 40_000, encryption=encryption), Dice())
    if is_changed and encryption is not Encryption.REQUIRED:
        negotiation.answer(OFFER.encode())
    before = negotiation.media
    offer = (HEAD + "".join(f"{line}\r\n" for line in lines)).encode()
    try:
        answer = read_description(negotiation.answer(offer).decode()).sections
    except NotAcceptableError:
        assert negotiation.media is before
        return
    offered, media = read_description(offer.decode()).sections, negotiation.media
    assert media is not None
    assert [(each.kind, each.protocol) for each in answer] == [(each.kind, each.protocol) for each in offered]
    ((theirs, ours),) = [(one, other) for one, other in zip(offered, answer, strict=True) if other.port]
    assert set(ours.formats) <= set(theirs.formats)
    assert len(ours.all("crypto")) == media.is_encrypted == (media.receive_key is not None)
    if media.is_encrypted:
        assert encryption is not Encryption.NEVER
        assert ours.get("crypto").split()[:2] in [line.split()[:2] for line in theirs.all("crypto")]
    else:
        assert encryption is not Encryption.REQUIRED
        assert "SAVP" not in ours.protocol


def test_numbers_do_not_run_out_whatever_is_offered_again_and_again() -> None:
    it = Negotiation(AUDIO, Dice())
    for at in range(32):
        lines = f"m=audio 30000 RTP/AVP 0 {96 + at}\r\na=rtpmap:{96 + at} telephone-event/{9_000 + at}\r\n"
        head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
        it.answer((head + lines).encode())
    assert b"telephone-event/8000" in it.offer()

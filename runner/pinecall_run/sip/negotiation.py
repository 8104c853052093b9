"""Offers and answers about the sound of one call (RFC 3264): one stream, every other refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pinecall_run.sip import _formats
from pinecall_run.sip.digest import Chance
from pinecall_run.sip.media import Codec, Encryption, LocalAudio, Media
from pinecall_run.sip.sdes import KEY_BYTES, SUITES, Crypto, read_crypto
from pinecall_run.sip.sdp import (
    BadDescriptionError,
    Description,
    Direction,
    Section,
    read_description,
    write_description,
)

CONTENT_TYPE = "application/sdp"

_PLAIN, _SECURE = ("RTP/AVP", "RTP/AVPF"), ("RTP/SAVP", "RTP/SAVPF")


class NotAcceptableError(Exception):
    """The two sides cannot agree; the message says why."""


class Negotiation:
    """The sound of one call. ``wish`` is which way it should go as far as we are concerned."""

    def __init__(self, local: LocalAudio, chance: Chance) -> None:
        self.media: Media | None = None
        self.wish = Direction.SENDRECV
        self._local = local
        self._chance = chance
        self._session = int.from_bytes(chance(4))
        self._version = 0
        self._text = ""
        self._types: dict[str, int] = {}
        self._sections: Sequence[Section] = ()
        """Those of the last description, of either side: their number and order stay (RFC 3264, 8)."""
        self._at = 0
        self._key: Crypto | None = None
        self._offered = Direction.SENDRECV

    def answer(self, body: bytes) -> bytes:
        """Our answer to an offer; ``media`` is then what was agreed on.

        Raises:
            NotAcceptableError: there is no stream in it that we can do; nothing has changed.
        """
        offer = _read(body)
        at, codec, payload_type = self._chosen(offer)
        section = offer.sections[at]
        theirs = self._their_key(section)
        events = _formats.offered_events(section, codec.clock_rate)
        self._sections, self._at = offer.sections, at
        named = {codec.name: payload_type} | ({_formats.EVENTS: events[0]} if events else {})
        self._types = {name: kept for name, kept in self._types.items() if kept not in named.values()} | named
        ours = self._our_key(theirs) if theirs else None
        media = _media(section, codec, payload_type, receives=payload_type)
        media = replace(media, direction=self.wish.within(section.direction.reversed()))
        if events:
            media = replace(media, dtmf_sends=events[0], dtmf_receives=events[0], dtmf_rate=events[1])
        self.media = replace(media, send_key=ours, receive_key=theirs)
        return self._write(self._answered(section, codec, self.media))

    def offer(self) -> bytes:
        """An offer of ours: all that we can do, in a session that goes on as it was. What is spoken now comes first."""
        codecs = sorted(self._local.codecs, key=lambda codec: self.media is None or codec is not self.media.codec)
        self._types = _formats.numbered(codecs, self._types)
        self._offered = self.wish
        protocol, attributes = self._protection()
        lines = _formats.attributes(codecs, self._types, [8_000])
        lines += [("ptime", str(self._local.ptime)), (str(self.wish), ""), *attributes]
        if self.media is not None and self.media.is_rtcp_mux:
            lines.append(("rtcp-mux", ""))
        formats = [str(self._types[name]) for name in (*(codec.name for codec in codecs), _formats.EVENTS)]
        return self._write(Section("audio", self._local.port, protocol, formats, "", lines))

    def accept(self, body: bytes) -> Media:
        """Take the other side's answer to our offer.

        Raises:
            NotAcceptableError: it refuses the stream, or answers what was not offered.
        """
        answer = _read(body)
        section = answer.sections[self._at] if self._at < len(answer.sections) else None
        if section is None or not section.port or not section.host:
            raise NotAcceptableError("the answer refuses the stream of sound")
        found = _formats.offered_codecs(section, self._local.codecs)
        is_secure = self._protection()[0] in _SECURE
        if not found or (section.protocol in _SECURE) is not is_secure:
            raise NotAcceptableError("the answer names no codec of the offer, or another protection")
        payload_type, codec = found[0]
        media = _media(section, codec, payload_type, receives=self._types[codec.name])
        events = _formats.offered_events(section, codec.clock_rate)
        if events:
            media = replace(media, dtmf_sends=events[0], dtmf_receives=self._types[_formats.EVENTS])
        if is_secure:
            theirs = self._their_key(section)
            if theirs is None or self._key is None or theirs.suite != self._key.suite:
                raise NotAcceptableError("the answer has no key for the suite of the offer")
            media = replace(media, send_key=self._key, receive_key=theirs)
        self.media = replace(media, direction=self._offered.within(section.direction.reversed()))
        return self.media

    def _chosen(self, offer: Description) -> tuple[int, Codec, int]:
        """The first stream that we can do: where it stands, and its first codec that is ours."""
        for at, section in enumerate(offer.sections):
            found = _formats.offered_codecs(section, self._local.codecs)
            is_plain = section.protocol in _PLAIN and self._local.encryption is not Encryption.REQUIRED
            is_secure = section.protocol in _SECURE and self._local.encryption is not Encryption.NEVER
            is_fit = is_plain or (is_secure and self._their_key(section) is not None)
            if section.kind == "audio" and section.port and section.host and found and is_fit:
                return at, found[0][1], found[0][0]
        raise NotAcceptableError("no stream of the offer has a codec, a protection and an address that we can do")

    def _answered(self, section: Section, codec: Codec, media: Media) -> Section:
        types = {codec.name: media.receives}
        formats, rates = [str(media.receives)], []
        if media.dtmf_receives is not None:
            types[_formats.EVENTS] = media.dtmf_receives
            formats.append(str(media.dtmf_receives))
            rates.append(media.dtmf_rate)
        lines = _formats.attributes([codec], types, rates)
        lines += [("ptime", str(self._local.ptime)), (str(media.direction), "")]
        if media.send_key is not None:
            lines.append(("crypto", str(media.send_key)))
        if media.is_rtcp_mux:
            lines.append(("rtcp-mux", ""))
        return Section("audio", self._local.port, section.protocol, formats, "", lines)

    def _protection(self) -> tuple[str, list[tuple[str, str]]]:
        """The protocol of our offer, and the key in it: as the session has it, else as the door wants it."""
        is_secure = self._local.encryption is Encryption.REQUIRED
        if self.media is not None:
            is_secure = self.media.send_key is not None
        if not is_secure:
            return _PLAIN[0], []
        self._key = self._key or Crypto(1, SUITES[0], self._chance(KEY_BYTES))
        return _SECURE[0], [("crypto", str(self._key))]

    def _their_key(self, section: Section) -> Crypto | None:
        if section.protocol not in _SECURE:
            return None
        return next(filter(None, map(read_crypto, section.all("crypto"))), None)

    def _our_key(self, theirs: Crypto) -> Crypto:
        """The key that we have sent with before, as long as the suite stays: a new one would cost a silence."""
        if self._key is None or self._key.suite != theirs.suite:
            self._key = Crypto(theirs.tag, theirs.suite, self._chance(KEY_BYTES))
        self._key = replace(self._key, tag=theirs.tag)
        return self._key

    def _write(self, ours: Section) -> bytes:
        """With every other stream refused, under the version before unless something changed (RFC 3264, 8)."""
        sections = [ours if at == self._at else _refused(found) for at, found in enumerate(self._sections)] or [ours]
        self._sections = sections
        text = self._text_of(sections)
        if text != self._text:
            self._version += 1
            text = self._text = self._text_of(sections)
        return text.encode()

    def _text_of(self, sections: Sequence[Section]) -> str:
        return write_description(sections, host=self._local.host, session=self._session, version=self._version)


def _media(section: Section, codec: Codec, sends: int, *, receives: int) -> Media:
    is_mux = section.has("rtcp-mux")
    named = section.get("rtcp").partition(" ")[0]
    rtcp = int(named) if named.isascii() and named.isdigit() and 0 < int(named) < 65_536 else section.port + 1
    port = section.port if is_mux else min(rtcp, 65_535)
    return Media(
        host=section.host,
        port=section.port,
        codec=codec,
        sends=sends,
        receives=receives,
        rtcp_port=port,
        is_rtcp_mux=is_mux,
        ptime=_formats.packet_time(section),
    )


def _refused(section: Section) -> Section:
    return Section(section.kind, 0, section.protocol, section.formats)


def _read(body: bytes) -> Description:
    try:
        return read_description(body.decode("utf-8", "replace"))
    except BadDescriptionError as error:
        raise NotAcceptableError(str(error)) from error

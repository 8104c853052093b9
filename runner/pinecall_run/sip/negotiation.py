"""Offers and answers about the sound of one call (RFC 3264): one stream, every other refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pinecall_run.sip import _formats
from pinecall_run.sip.digest import Chance
from pinecall_run.sip.media import Codec, Encryption, LocalAudio, Media
from pinecall_run.sip.sdes import SUITES, Crypto, Keys, read_crypto
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
        self._session = int.from_bytes(chance(4))
        self._version = 0
        self._text = ""
        self._types: dict[str, int] = {}
        self._sections: Sequence[Section] = ()
        """Those of the last description, of either side: their number and order stay (RFC 3264, 8)."""
        self._at = 0
        self._keys = Keys(chance)
        self._offered = Direction.SENDRECV
        self._offered_keys: Sequence[Crypto] = ()

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
        named = {codec.name: payload_type} | ({_formats.events(events[1]): events[0]} if events else {})
        # Names of theirs alone are forgotten: with a new one in each offer the numbers would run out.
        own = {codec.name for codec in self._local.codecs} | set(map(_formats.events, _event_rates(self._local.codecs)))
        free = own - {name for name, kept in self._types.items() if kept in named.values()}
        self._types = {name: kept for name, kept in self._types.items() if name in free} | named
        ours = self._keys.answering(theirs) if theirs else None
        media = _media(section, codec, payload_type, receives=payload_type)
        media = replace(media, direction=self.wish.within(section.direction.reversed()))
        if events:
            media = replace(media, dtmf_sends=events[0], dtmf_receives=events[0], dtmf_rate=events[1])
        self.media = replace(media, send_key=ours, receive_key=theirs)
        return self._write(self._answered(section, codec, self.media))

    def offer(self) -> bytes:
        """An offer of ours: all that we can do, in a session that goes on as it was. What is spoken now comes first."""
        codecs = sorted(self._local.codecs, key=lambda codec: self.media is None or codec is not self.media.codec)
        rates = _event_rates(codecs)
        self._types = _formats.numbered(codecs, rates, self._types)
        self._offered = self.wish
        protocol, self._offered_keys = self._protection()
        lines = _formats.attributes(codecs, self._types, rates)
        lines += [("ptime", str(self._local.ptime)), (str(self.wish), "")]
        lines += [("crypto", key.line) for key in self._offered_keys]
        if self.media is not None and self.media.is_rtcp_mux:
            lines.append(("rtcp-mux", ""))
        names = [*(codec.name for codec in codecs), *map(_formats.events, rates)]
        formats = [str(self._types[name]) for name in names]
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
        is_savp = self._sections[self._at].protocol in _SECURE
        if not found or (section.protocol in _SECURE) is not is_savp:
            raise NotAcceptableError("the answer names no codec of the offer, or another protection")
        ours, theirs = self._agreed_keys(section, is_savp=is_savp)
        payload_type, codec = found[0]
        media = _media(section, codec, payload_type, receives=self._types[codec.name])
        also = {self._types[other.name]: other for _, other in found[1:] if other is not codec}
        events = _formats.offered_events(section, codec.clock_rate)
        if events and events[1] in _event_rates(self._local.codecs):
            ours_of_events = self._types[_formats.events(events[1])]
            media = replace(media, dtmf_sends=events[0], dtmf_receives=ours_of_events, dtmf_rate=events[1])
        direction = self._offered.within(section.direction.reversed())
        self.media = replace(media, direction=direction, send_key=ours, receive_key=theirs, also=also)
        return self.media

    def _chosen(self, offer: Description) -> tuple[int, Codec, int]:
        """The first stream that we can do, an encrypted one if there is any: where it stands, and its first codec that
        is ours."""
        fits = []
        for at, section in enumerate(offer.sections):
            found = _formats.offered_codecs(section, self._local.codecs)
            is_secure = self._their_key(section) is not None
            is_plain = section.protocol in _PLAIN and not self._must_be_secure
            if section.kind == "audio" and section.port and section.host and found and (is_secure or is_plain):
                fits.append((not is_secure, at, found[0]))
        if not fits:
            raise NotAcceptableError("no stream of the offer has a codec, a protection and an address that we can do")
        _, at, (payload_type, codec) = min(fits, key=lambda fit: fit[:2])
        return at, codec, payload_type

    def _answered(self, section: Section, codec: Codec, media: Media) -> Section:
        types = {codec.name: media.receives}
        formats, rates = [str(media.receives)], []
        if media.dtmf_receives is not None:
            types[_formats.events(media.dtmf_rate)] = media.dtmf_receives
            formats.append(str(media.dtmf_receives))
            rates.append(media.dtmf_rate)
        lines = _formats.attributes([codec], types, rates)
        lines += [("ptime", str(self._local.ptime)), (str(media.direction), "")]
        if media.send_key is not None:
            lines.append(("crypto", media.send_key.line))
        if media.is_rtcp_mux:
            lines.append(("rtcp-mux", ""))
        return Section("audio", self._local.port, section.protocol, formats, "", lines)

    @property
    def _must_be_secure(self) -> bool:
        """What was encrypted once stays so, whoever changes the call."""
        return self._local.encryption is Encryption.REQUIRED or (self.media is not None and self.media.is_encrypted)

    def _protection(self) -> tuple[str, list[Crypto]]:
        """The protocol of our offer, and the keys in it: as the session has them, else as the door wants them. Keys
        under the plain protocol leave it to the other side (RFC 8643)."""
        if self.media is not None:
            known = self.media.send_key
            return self._sections[self._at].protocol, self._keys.offered([known.suite]) if known else []
        if self._local.encryption in (Encryption.NEVER, Encryption.WELCOME):
            return _PLAIN[0], []
        return (_SECURE if self._must_be_secure else _PLAIN)[0], self._keys.offered(SUITES)

    def _their_key(self, section: Section) -> Crypto | None:
        """The first key of a section that we can do."""
        if section.protocol not in (*_PLAIN, *_SECURE) or self._local.encryption is Encryption.NEVER:
            return None
        return next(filter(None, map(read_crypto, section.all("crypto"))), None)

    def _agreed_keys(self, section: Section, *, is_savp: bool) -> tuple[Crypto | None, Crypto | None]:
        """Ours and theirs, after an answer to our offer; ``None`` both where it leaves the offer's keys alone."""
        theirs = self._their_key(section) if self._offered_keys else None
        ours = next((key for key in self._offered_keys if theirs and key.suite == theirs.suite), None)
        is_echo = ours is not None and theirs is not None and ours.key == theirs.key
        if is_echo or (ours is None and (theirs or is_savp or self._must_be_secure)):
            raise NotAcceptableError("the answer has no key of its own for a suite of the offer")
        return ours, theirs

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


def _event_rates(codecs: Sequence[Codec]) -> list[int]:
    return sorted({codec.clock_rate for codec in codecs})


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

"""The sockets of one telephone call's sound: symmetric RTP (RFC 4961) from one place only, its keys and its reports."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterable

from pinecall_run.audio.chunk import Samples
from pinecall_run.sip.media import Codec, Media
from pinecall_run.transports import rtp
from pinecall_run.transports.srtp import Cipher
from pinecall_run.transports.telephone_events import Beat, KeyReader
from pinecall_run.transports.telephone_media import Ear, Mouth

Address = tuple[str, int]

TRIES = 100
"""Pairs of ports that are tried before it is said that none is free."""

AT_ONCE = 16
"""Datagrams read before others have their turn."""

MAX_DATAGRAM = 2_048

MOVED_SECONDS = 1.0
"""How long the place that sound comes from must be silent before another of its host is taken for it."""


class SourceLock:
    """From where sound is taken: the first place that sends any, if it is on a host that may.

    Those are the host of the description and the one that the call itself came from, which are two where a translator
    of addresses stands between. Whoever else sends, forges.
    """

    def __init__(self) -> None:
        self.address: Address | None = None
        self._expected: Address | None = None
        self._hosts: frozenset[str] = frozenset()
        self._heard_at = 0.0

    def expect(self, expected: Address, hosts: Iterable[str]) -> None:
        """Where sound is to come from; if that is another place than before, the one that was found counts no more."""
        if expected != self._expected:
            self._expected, self.address = expected, None
        self._hosts = frozenset(hosts)

    def may_be(self, address: Address, now: float) -> bool:
        """Whether sound from a place could be the call's."""
        if address == self.address:
            return True
        return address[0] in self._hosts and (self.address is None or now - self._heard_at > MOVED_SECONDS)

    def is_host(self, host: str) -> bool:
        """Whether it is on a host that may send."""
        return host in self._hosts

    def heard(self, address: Address, now: float) -> None:
        """There was sound from a place that may send it."""
        self.address, self._heard_at = address, now


class RtpSession:
    """One call's sound. ``on_key`` is told of keys that are pressed; ``clock`` gives seconds.

    Raises:
        OSError: no pair of ports is free.
    """

    def __init__(
        self,
        host: str,
        ports: tuple[int, int] | None,
        clock: Callable[[], float],
        *,
        on_key: Callable[[str], None],
    ) -> None:
        self.ignored = 0
        """Datagrams that are not the call's: forged, repeated, or nothing that was agreed on."""
        self.heard_at = clock()
        """When the other side was heard of last, by sound or by a report."""
        self._clock = clock
        self._on_key = on_key
        self._media: Media | None = None
        self._codecs: dict[int, Codec] = {}
        self._cipher = Cipher()
        self._ear = Ear()
        self._mouth = Mouth(secrets.randbits(32))
        self._keys = KeyReader()
        self._lock = SourceLock()
        self._to: Address | None = None
        self._reports_to: Address | None = None
        self._loop = asyncio.get_running_loop()
        self._sound, self._reports = _bound(host, ports)
        self.port = int(self._sound.getsockname()[1])
        self._loop.add_reader(self._sound, self._read, self._sound, self._take)
        self._loop.add_reader(self._reports, self._read, self._reports, self._take_report)

    @property
    def can_send_keys(self) -> bool:
        """Whether the other side takes keys beside the sound."""
        return self._media is not None and self._media.dtmf_sends is not None

    def agree(self, media: Media, origin: str) -> None:
        """What both sides agreed on; ``origin`` is the host that the call came from."""
        self._media = media
        self.heard_at = self._clock()
        self._ear.agree(media.codec)
        self._mouth.agree(media.codec, media.sends)
        self._codecs = {**media.also, media.receives: media.codec}
        self._cipher.agree(media.send_key, media.receive_key)
        named = _literal(media.host)
        self._lock.expect((media.host, media.port), [host for host in (named, _literal(origin)) if host])
        # A name is not looked up: the first packet shows the way.
        self._to = self._lock.address or ((named, media.port) if named else None)
        self._reports_to = (self._to[0], media.rtcp_port) if self._to else None

    def hear(self, now: float) -> list[Samples]:
        """The next 20 ms of the other side, in one chunk as a rule (:class:`Playout`)."""
        return self._ear.chunks(now)

    def say(self, chunk: Samples | None) -> None:
        """The next 20 ms for the other side."""
        self._send(self._sound, self._cipher.sealed(self._mouth.say(chunk)), self._to)

    def press(self, beat: Beat) -> None:
        """The next 20 ms of keys, instead of sound; nothing is heard of them unless :attr:`can_send_keys`."""
        payload_type = self._media.dtmf_sends if self._media else None
        if payload_type is None:
            self.skip()
            return
        for packet in self._mouth.press(beat, payload_type):
            self._send(self._sound, self._cipher.sealed(packet), self._to)

    def skip(self) -> None:
        """Nothing is said for 20 ms."""
        self._mouth.skip()

    def report(self) -> None:
        """Tell the other side what was sent, and what arrived."""
        is_mux = self._media is not None and self._media.is_rtcp_mux
        way = (self._sound, self._to) if is_mux else (self._reports, self._reports_to)
        self._send(way[0], self._cipher.sealed_report(self._mouth.report(self._ear.incoming)), way[1])

    def close(self) -> None:
        """Give the ports back. Closing twice does no harm."""
        for each in (self._sound, self._reports):
            if each.fileno() >= 0:
                self._loop.remove_reader(each)
                each.close()

    def _read(self, source: socket.socket, take: Callable[[bytes, Address], None]) -> None:
        for _ in range(AT_ONCE):
            try:
                data, address = source.recvfrom(MAX_DATAGRAM)
            except OSError:  # nothing more, or a port that nobody listens on
                return
            take(data, address[:2])
            if source.fileno() < 0:
                return

    def _take(self, data: bytes, address: Address) -> None:
        now = self._clock()
        if self._media is None or not self._lock.may_be(address, now) or len(data) < 2:
            self.ignored += 1
        elif self._media.is_rtcp_mux and rtp.is_rtcp(data):
            self._hear_report(data, now)
        elif (packet := self._packet(data)) is not None and self._is_taken(packet, self._media, now):
            self._lock.heard(address, now)
            self._to, self.heard_at = address, now
        else:
            self.ignored += 1

    def _packet(self, data: bytes) -> rtp.Packet | None:
        opened = self._cipher.opened(data)
        return rtp.parse(opened) if opened is not None else None

    def _hear_report(self, data: bytes, now: float) -> bool:
        is_theirs = self._cipher.opened_report(data) is not None
        if is_theirs:
            self.heard_at = now
        self.ignored += not is_theirs
        return is_theirs

    def _is_taken(self, packet: rtp.Packet, media: Media, now: float) -> bool:
        if (codec := self._codecs.get(packet.payload_type)) is not None:
            return self._ear.receive(packet, codec, now)
        if packet.payload_type != media.dtmf_receives:
            return False
        self._ear.count(packet)
        if key := self._keys.read(packet):
            self._on_key(key)
        return True

    def _take_report(self, data: bytes, address: Address) -> None:
        now = self._clock()
        if len(data) < 2 or not rtp.is_rtcp(data) or not self._lock.is_host(address[0]):
            self.ignored += 1
        elif self._hear_report(data, now):
            self._reports_to = address

    @staticmethod
    def _send(way: socket.socket, data: bytes, to: Address | None) -> None:
        if to is not None:
            try:
                way.sendto(data, to)
            except OSError:  # full, or nobody there: sound that is late is of no use
                return


def _literal(host: str) -> str:
    """An address in the form that sockets give it; empty for a name, and for the address that is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return "" if address.is_unspecified else str(address)


def _bound(host: str, ports: tuple[int, int] | None) -> tuple[socket.socket, socket.socket]:
    """An even port for sound and the next one for reports (RFC 3550, 11), from ``ports`` or any."""
    for _ in range(TRIES):
        port = _even(*ports) if ports else 0
        sound = None
        try:
            sound = _socket(host, port)
            given = int(sound.getsockname()[1])
            if given % 2 == 0:
                return sound, _socket(host, given + 1)
        except OSError:
            pass
        if sound is not None:
            sound.close()
    raise OSError("no pair of ports is free for a call's sound")


def _even(first: int, last: int) -> int:
    """An even port between two, with room for the next one."""
    lowest, highest = (first + 1) // 2, (last - 1) // 2
    return 2 * (lowest + secrets.randbelow(highest - lowest + 1))


def _socket(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made

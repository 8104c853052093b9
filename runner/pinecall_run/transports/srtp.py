"""SRTP and SRTCP (RFC 3711) with keys of descriptions, by libsrtp."""

from __future__ import annotations

from collections.abc import Callable

from pylibsrtp import Error, Policy, Session

from pinecall_run.sip.sdes import Crypto

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
"""By their names in descriptions. Reports have 80 bits of proof with either (RFC 4568, 6.2)."""

MOST_STREAMS = 8
"""Of one caller, who needs one; more when it begins anew. libsrtp never forgets one."""

REPLAY_PACKETS = 256
"""How far back packets are remembered: those that come again are not taken, nor are older ones."""

_SSRC, _SSRC_OF_REPORT = slice(8, 12), slice(4, 8)


class Cipher:
    """What encrypts and decrypts the datagrams of one call; without keys it leaves them as they are."""

    def __init__(self) -> None:
        self._sender: _Sender | None = None
        self._receiver: _Receiver | None = None

    def agree(self, send: Crypto | None, receive: Crypto | None) -> None:
        """The keys from now on. A key that stays goes on counting: no two packets may have one number under it."""
        if self._sender is None or not self._sender.has(send):
            self._sender = _Sender(send) if send else None
        if self._receiver is None or not self._receiver.has(receive):
            self._receiver = _Receiver(receive) if receive else None

    def sealed(self, packet: bytes) -> bytes:
        """A packet of sound as it is sent."""
        return self._sender.session.protect(packet) if self._sender else packet

    def sealed_report(self, packet: bytes) -> bytes:
        """A report as it is sent."""
        return self._sender.session.protect_rtcp(packet) if self._sender else packet

    def opened(self, data: bytes) -> bytes | None:
        """The packet in a datagram; ``None`` where that is forged, repeated, too old or not encrypted."""
        if self._receiver is None:
            return data
        return self._receiver.opened(data, data[_SSRC], self._receiver.session.unprotect)

    def opened_report(self, data: bytes) -> bytes | None:
        """The report in a datagram, likewise."""
        if self._receiver is None:
            return data
        return self._receiver.opened(data, data[_SSRC_OF_REPORT], self._receiver.session.unprotect_rtcp)


class _Half:
    """One direction."""

    def __init__(self, key: Crypto, streams: int) -> None:
        policy = Policy(key.key, ssrc_type=streams, srtp_profile=PROFILES[key.suite])
        policy.window_size = REPLAY_PACKETS
        self.session = Session(policy)
        self._key = key

    def has(self, key: Crypto | None) -> bool:
        """Whether a key is the one that is used, under whatever tag."""
        return key is not None and (key.suite, key.key) == (self._key.suite, self._key.key)


class _Sender(_Half):
    def __init__(self, key: Crypto) -> None:
        super().__init__(key, Policy.SSRC_ANY_OUTBOUND)


class _Receiver(_Half):
    def __init__(self, key: Crypto) -> None:
        super().__init__(key, Policy.SSRC_ANY_INBOUND)
        self._streams: set[bytes] = set()

    def opened(self, data: bytes, stream: bytes, unprotect: Callable[[bytes], bytes]) -> bytes | None:
        if stream not in self._streams and len(self._streams) >= MOST_STREAMS:
            return None
        try:
            packet = unprotect(data)
        except (Error, ValueError):  # ValueError: longer than libsrtp takes
            return None
        self._streams.add(stream)
        return packet

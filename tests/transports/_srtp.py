"""SRTP written down from RFC 3711 alone, for one stream each way: the other side that knows nothing of libsrtp."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pinecall_run.sip.sdes import Crypto

REPORT_TAG = 10


def keystream(key: bytes, iv: int, size: int) -> bytes:
    """AES in counter mode (4.1.1)."""
    return Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16, "big"))).encryptor().update(bytes(size))


def derived(master: bytes, salt: bytes, label: int, size: int) -> bytes:
    """A key of the session (4.3.1), which is never derived again."""
    return keystream(master, (int.from_bytes(salt, "big") ^ label << 48) << 16, size)


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


class Reference:
    """Packets without extensions, in one direction."""

    def __init__(self, key: Crypto) -> None:
        master, salt = key.key[:16], key.key[16:]
        self.cipher, self.proof, self.salt = (
            derived(master, salt, label, size) for label, size in ((0, 16), (1, 20), (2, 14))
        )
        self.report_cipher, self.report_proof, self.report_salt = (
            derived(master, salt, label, size) for label, size in ((3, 16), (4, 20), (5, 14))
        )
        self.tag = 10 if key.suite.endswith("80") else 4

    def protect(self, packet: bytes, rollovers: int = 0) -> bytes:
        sealed = self._sound(packet, rollovers)
        return sealed + self._tag(sealed + rollovers.to_bytes(4, "big"), self.proof, self.tag)

    def unprotect(self, data: bytes, rollovers: int = 0) -> bytes:
        sealed, tag = data[: -self.tag], data[-self.tag :]
        assert tag == self._tag(sealed + rollovers.to_bytes(4, "big"), self.proof, self.tag)
        return self._sound(sealed, rollovers)

    def protect_report(self, packet: bytes, index: int) -> bytes:
        sealed = self._report(packet, index) + (index | 1 << 31).to_bytes(4, "big")
        return sealed + self._tag(sealed, self.report_proof, REPORT_TAG)

    def unprotect_report(self, data: bytes) -> bytes:
        sealed, tag = data[:-REPORT_TAG], data[-REPORT_TAG:]
        assert tag == self._tag(sealed, self.report_proof, REPORT_TAG)
        word = int.from_bytes(sealed[-4:], "big")
        assert word >> 31, "encrypted"
        return self._report(sealed[:-4], word & 0x7FFF_FFFF)

    def _sound(self, packet: bytes, rollovers: int) -> bytes:
        index = rollovers << 16 | int.from_bytes(packet[2:4], "big")
        return self._crypt(packet, 12, (self.cipher, self.salt), int.from_bytes(packet[8:12], "big"), index)

    def _report(self, packet: bytes, index: int) -> bytes:
        return self._crypt(packet, 8, (self.report_cipher, self.report_salt), int.from_bytes(packet[4:8], "big"), index)

    @staticmethod
    def _crypt(packet: bytes, head: int, keys: tuple[bytes, bytes], ssrc: int, index: int) -> bytes:
        iv = int.from_bytes(keys[1], "big") << 16 ^ ssrc << 64 ^ index << 16
        return packet[:head] + xor(packet[head:], keystream(keys[0], iv, len(packet) - head))

    @staticmethod
    def _tag(data: bytes, key: bytes, size: int) -> bytes:
        return hmac.digest(key, data, hashlib.sha1)[:size]

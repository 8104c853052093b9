"""Keys of encrypted sound in descriptions of sessions (RFC 4568)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""What we can do, the better one first."""

KEY_BYTES = 30
"""A key of 16 bytes and a salt of 14 (RFC 4568, 6.2)."""

_CRYPTO = re.compile(r"([0-9]{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/]{40})((?:\|[^\s|;]+)*)((?:\s+\S+)*)")
_LIFETIME = re.compile(r"\|(?:2\^[0-9]{1,2}|[0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Crypto:
    """A key, and what one does with it. ``key`` holds the master key and the salt behind it, 30 bytes."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


def read_crypto(text: str) -> Crypto | None:
    """The value of an attribute ``crypto``; ``None`` for what we cannot do: another suite, several keys with their
    identifiers, or parameters that change what the suite does."""
    found = _CRYPTO.fullmatch(text.strip())
    if found is None or found[2] not in SUITES or found[5].strip():
        return None
    if found[4] and not _LIFETIME.fullmatch(found[4]):
        return None
    return Crypto(int(found[1]), found[2], base64.b64decode(found[3]))

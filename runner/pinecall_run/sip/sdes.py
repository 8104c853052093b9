"""Keys of encrypted sound in descriptions of sessions (RFC 4568)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""What we can do, the better one first."""

KEY_BYTES = 30
"""A key of 16 bytes and a salt of 14 (RFC 4568, 6.2)."""

_CRYPTO = re.compile(r"([0-9]{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/]{40})((?:\|[^\s|;]+)*)((?:\s+\S+)*)")
_HINT = re.compile(r"-\S+|WSH=[0-9]{2,4}")
_LIFETIME = re.compile(r"\|(?:2\^[0-9]{1,2}|[0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Crypto:
    """A key, and what one does with it. ``key`` holds the master key and the salt behind it, 30 bytes."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    @property
    def line(self) -> str:
        """The value of its attribute ``crypto``. It holds the key: it is for the other side, and for nothing else."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


def read_crypto(text: str) -> Crypto | None:
    """The value of an attribute ``crypto``; ``None`` for what we cannot do: another suite, several keys with their
    identifiers, or parameters that change what the suite does. A window is a hint, and what has a dash may be left
    out (6.3)."""
    found = _CRYPTO.fullmatch(text.strip())
    if found is None or found[2] not in SUITES or not all(map(_HINT.fullmatch, found[5].split())):
        return None
    if found[4] and not _LIFETIME.fullmatch(found[4]):
        return None
    return Crypto(int(found[1]), found[2], base64.b64decode(found[3]))


class Keys:
    """The keys that we send with in one call: one for each suite (RFC 4568, 6.1), which stays until another suite takes
    its place. ``chance`` gives bytes that nobody can guess.

    A new key without need would cost a silence; an old one that is used again, with its packets counted from the
    beginning, would encrypt two packets alike (RFC 3711, 9.1).
    """

    def __init__(self, chance: Callable[[int], bytes]) -> None:
        self._chance = chance
        self._keys: dict[str, Crypto] = {}

    def offered(self, suites: Sequence[str] = SUITES) -> list[Crypto]:
        """A key for each suite, the suites in the order in which we would like them."""
        return [self._key(suite, tag) for tag, suite in enumerate(suites, 1)]

    def answering(self, theirs: Crypto) -> Crypto:
        """The key that goes with one that was offered: of its suite, under its tag. Those of other suites are gone."""
        ours = self._key(theirs.suite, theirs.tag)
        self._keys = {ours.suite: ours}
        return ours

    def _key(self, suite: str, tag: int) -> Crypto:
        known = self._keys.get(suite) or Crypto(tag, suite, self._chance(KEY_BYTES))
        self._keys[suite] = replace(known, tag=tag)
        return self._keys[suite]

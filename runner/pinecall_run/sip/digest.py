"""Passwords without sending them: digest authentication (RFC 2617, RFC 7616, RFC 8760), asked for and answered."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from pinecall_run.sip.grammar import GrammarError, listed, quote, read_parameters

Chance = Callable[[int], bytes]
"""So many bytes that nobody can guess: ``secrets.token_bytes``."""

ALGORITHMS = ("SHA-256", "MD5")
"""The better one first: a client answers the first challenge that it understands (RFC 8760, 2.4)."""

NONCE_SECONDS = 30.0
"""How long a challenge may be answered. Then the client is asked anew, and told that it was not the password."""

MOST_NONCES = 10_000

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_BARE = ("algorithm", "qop", "nc")


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are to a server that asks."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    has_qop: bool = True
    opaque: str = ""
    is_stale: bool = False


def read_challenge(text: str) -> Challenge | None:
    """The challenge in a field's value; ``None`` for one that we cannot answer: another scheme or algorithm."""
    try:
        values = _directives(text)
    except GrammarError:
        return None
    algorithm = (values.get("algorithm") or "MD5").upper()
    qop = [word.strip().lower() for word in values.get("qop", "").split(",") if word.strip()]
    if algorithm not in _HASHES or "nonce" not in values or "realm" not in values or (qop and "auth" not in qop):
        return None
    is_stale = values.get("stale", "").lower() == "true"
    return Challenge(values["realm"], values["nonce"], algorithm, bool(qop), values.get("opaque", ""), is_stale)


def answer(challenge: Challenge, account: Account, method: str, uri: str, *, count: int, cnonce: str) -> str:
    """The value of Authorization or Proxy-Authorization; ``count`` is how often the nonce was used, this time too."""
    values = {
        "username": account.username,
        "realm": challenge.realm,
        "nonce": challenge.nonce,
        "uri": uri,
        "algorithm": challenge.algorithm,
    }
    if challenge.has_qop:
        values |= {"qop": "auth", "nc": f"{count:08x}", "cnonce": cnonce}
    values["response"] = _response(values, account.password, method)
    if challenge.opaque:
        values["opaque"] = challenge.opaque
    written = (f"{name}={value if name in _BARE else quote(value)}" for name, value in values.items())
    return "Digest " + ", ".join(written)


class Answers:
    """Answers the challenges of an account's servers, and from then on unasked."""

    def __init__(self, account: Account, chance: Chance) -> None:
        self._account = account
        self._chance = chance
        self._known: dict[str, tuple[Challenge, int]] = {}
        """The last challenge by the field that answers it, and how often it was answered."""

    def hear(self, field_name: str, values: Sequence[str]) -> Challenge | None:
        """The first challenge that we can answer, from now on in the field of this name."""
        challenge = next((found for found in map(read_challenge, values) if found), None)
        if challenge is not None:
            self._known[field_name] = challenge, 0
        return challenge

    def fields(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The header fields for a request."""
        fields = []
        for name, (challenge, count) in self._known.items():
            self._known[name] = challenge, count + 1
            cnonce = self._chance(8).hex()
            value = answer(challenge, self._account, method, uri, count=count + 1, cnonce=cnonce)
            fields.append((name, value))
        return fields


class Verdict(Enum):
    """What credentials are worth."""

    GOOD = auto()
    STALE = auto()
    BAD = auto()


class Gatekeeper:
    """Asks for passwords and checks the answers. Nothing is kept of who does not know one: a nonce says itself when it
    was made, signed. Only the count of one that was answered rightly is remembered, so that no answer is good twice."""

    def __init__(
        self, realm: str, users: Mapping[str, str], chance: Chance, algorithms: Sequence[str] = ALGORITHMS
    ) -> None:
        self._realm = realm
        self._algorithms = algorithms
        self._users = users
        self._chance = chance
        self._secret = chance(32)
        self._counts: dict[str, int] = {}
        """How often a nonce was used, oldest first; one without a quality of protection counts as used up."""

    def challenges(self, now: float, *, is_stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate, one for each algorithm."""
        stamp = f"{max(int(now * 1000), 0):x}.{self._chance(8).hex()}"
        nonce = f"{stamp}.{self._signature(stamp)}"
        stale = ", stale=true" if is_stale else ""
        return [
            f'Digest realm={quote(self._realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{stale}'
            for algorithm in self._algorithms
        ]

    def check(self, text: str, method: str, now: float) -> tuple[Verdict, str]:
        """What the value of an Authorization is worth, and the name in it.

        The URI that it names is not compared with the request's: proxies rewrite that, and some clients name the server
        alone. The count keeps an answer from being used for another request.
        """
        try:
            values = _directives(text)
            count = int(values.get("nc", ""), 16) if "qop" in values else 0
        except (GrammarError, ValueError):
            return Verdict.BAD, ""
        username = values.get("username", "")
        is_right = self._is_right(values, method)
        return (self._use(values.get("nonce", ""), count, now) if is_right else Verdict.BAD), username

    def _is_right(self, values: Mapping[str, str], method: str) -> bool:
        password = self._users.get(values.get("username", ""))
        algorithm = (values.get("algorithm") or "MD5").upper()
        is_asked = values.get("realm") == self._realm and algorithm in self._algorithms
        if not is_asked or values.get("qop", "auth") != "auth":
            return False
        # Computed for names that nobody has, too, so that the time that it takes tells nothing.
        expected = _response({**values, "algorithm": algorithm}, password or self._secret.hex(), method)
        is_same = hmac.compare_digest(expected.encode(), values.get("response", "").lower().encode("utf-8", "replace"))
        return is_same and password is not None

    def _use(self, nonce: str, count: int, now: float) -> Verdict:
        stamp, _, signature = nonce.rpartition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(stamp).encode()):
            return Verdict.STALE
        self._forget(now)
        if now - _made(nonce) > NONCE_SECONDS or count <= self._counts.get(nonce, -1):
            return Verdict.STALE
        self._counts[nonce] = count or 2**31
        return Verdict.GOOD

    def _forget(self, now: float) -> None:
        while self._counts:
            oldest = next(iter(self._counts))
            if now - _made(oldest) <= NONCE_SECONDS and len(self._counts) < MOST_NONCES:
                return
            del self._counts[oldest]

    def _signature(self, stamp: str) -> str:
        return hmac.digest(self._secret, stamp.encode("utf-8", "surrogateescape"), "sha256").hex()[:32]


def _made(nonce: str) -> float:
    return int(nonce.partition(".")[0], 16) / 1000


def _directives(text: str) -> dict[str, str]:
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        raise GrammarError("no digest")
    return {name: value or "" for name, value in read_parameters(listed(rest)).items()}


def _response(values: Mapping[str, str], password: str, method: str) -> str:
    """RFC 7616, 3.4.1."""

    def digest(*parts: str) -> str:
        data = ":".join(parts).encode("utf-8", "surrogateescape")
        return _HASHES[values["algorithm"]](data, usedforsecurity=False).hexdigest()

    who = digest(values.get("username", ""), values.get("realm", ""), password)
    what = digest(method, values.get("uri", ""))
    nonce = values.get("nonce", "")
    if "qop" not in values:
        return digest(who, nonce, what)
    return digest(who, nonce, values.get("nc", ""), values.get("cnonce", ""), "auth", what)

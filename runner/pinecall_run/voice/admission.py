"""Who may do what over HTTP: decisions about a request's headers, no I/O.

Three ways in: the server's key; for browsers an ``Origin`` that the agent allows; and, where the server was told
to be open on loopback, a request of this machine's own page or of a program on it. Another site's page in the
same browser is none of these: its requests carry ``Sec-Fetch-Site`` or ``Origin`` (https://www.w3.org/TR/fetch-metadata/),
and a name rebound to 127.0.0.1 shows in ``Host``. What a proxy passes on is none of these either, wherever it runs.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Access(Enum):
    """How far a request is trusted."""

    NONE = 0
    ORIGIN = 1
    """A browser on an allowed origin: may open a session, and no more."""
    DEVELOPER = 2
    """The key's holder, or this machine: may also look on and seal metadata."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The parts of a request that decide."""

    peer: str
    host: str
    origin: str | None = None
    fetch_site: str | None = None
    authorization: str | None = None
    scheme: str = "http"
    is_forwarded: bool = False
    """Somebody passed it on: ``peer`` says nothing of whose machine it comes from."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The server's rules. ``key`` is empty when no key opens the server."""

    key: str
    open_on_loopback: bool

    def accepts_key(self, key: str) -> bool:
        """Whether a key is the server's; compared in constant time."""
        given, held = (text.encode("utf-8", "surrogatepass") for text in (key, self.key))  # an environment's key too
        return bool(held) and hmac.compare_digest(given, held)

    def access(self, visitor: Visitor, allowed_origins: Iterable[str] = ()) -> Access:
        """How far to trust a visitor."""
        scheme, _, key = (visitor.authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self.accepts_key(key.strip()):
            return Access.DEVELOPER
        if self.open_on_loopback and is_this_machine(visitor):
            return Access.DEVELOPER
        if visitor.origin and any(matches_origin(visitor.origin, allowed) for allowed in allowed_origins):
            return Access.ORIGIN
        return Access.NONE


def is_this_machine(visitor: Visitor) -> bool:
    """Whether a request comes from this machine, and not from a foreign page in a browser on it."""
    if visitor.is_forwarded or not is_loopback(visitor.peer) or not is_loopback(_hostname(visitor.host)):
        return False
    if visitor.fetch_site not in (None, "same-origin", "none"):
        return False
    return visitor.origin is None or visitor.origin == f"{visitor.scheme}://{visitor.host}"


def matches_origin(origin: str, allowed: str) -> bool:
    """Whether an origin is an allowed one: exact, ``*``, ``https://*.host`` or ``http://localhost:*``."""
    if allowed == "*":
        return True
    pattern = re.escape(allowed.rstrip("/").lower())
    pattern = pattern.replace(r"//\*\.", r"//([a-z0-9-]+\.)+").replace(r":\*", r"(:\d+)?")
    return re.fullmatch(pattern, origin.lower()) is not None


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

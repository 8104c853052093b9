"""Tokens that let one browser open one session: signed, short-lived, good once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.wire.codec import object_from_json, to_json

LIFETIME_SECONDS = 60.0
PREFIXES = {"chat": "cht_", "webrtc": "wrt_", "stream": "stm_"}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: for which agent, with which rights, until when.

    ``scope`` is ``supervise`` for developers, who may see tools' results, else ``participate``.
    """

    agent: str
    kind: str
    expires: float
    nonce: str
    scope: str = "participate"
    metadata: dict[str, Any] = field(default_factory=dict)


class BadTokenError(Exception):
    """The token is not good; the message says why."""


class TokenMint:
    """Makes tokens and takes each back once."""

    def __init__(self, secret: bytes, new_id: Callable[[], str]) -> None:
        self._secret = secret
        self._new_id = new_id
        self._used: dict[str, float] = {}
        """Until when each may come again, in the order in which they came."""

    def mint(self, kind: str, agent: str, now: float, *, scope: str, metadata: dict[str, Any] | None = None) -> str:
        """A token that opens one session of ``kind`` with ``agent`` within the next minute."""
        claims = Claims(agent, kind, now + LIFETIME_SECONDS, self._new_id(), scope, metadata or {})
        payload = base64.urlsafe_b64encode(to_json(claims)).rstrip(b"=")
        return f"{PREFIXES[kind]}{payload.decode()}.{self._signature(payload)}"

    def redeem(self, kind: str, token: str, now: float) -> Claims:
        """What a token says, which it says only once.

        Raises:
            BadTokenError: forged, of another kind, expired, or used before.
        """
        payload, _, signature = token.removeprefix(PREFIXES[kind]).partition(".")
        encoded = payload.encode("ascii", "replace")
        if not token.startswith(PREFIXES[kind]) or not hmac.compare_digest(
            signature.encode("utf-8", "replace"), self._signature(encoded).encode()
        ):
            raise BadTokenError("the token is not one of this server's")
        try:
            said = object_from_json(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
            claims = Claims(**(said or {}))
        except (binascii.Error, TypeError) as error:
            raise BadTokenError("the token cannot be read") from error
        self._forget_expired(now)
        if claims.kind != kind:
            raise BadTokenError("the token is for another kind of session")
        if claims.expires <= now:
            raise BadTokenError("the token has expired; ask for a new one")
        if claims.nonce in self._used:
            raise BadTokenError("the token was used before; ask for a new one")
        self._used[claims.nonce] = claims.expires
        return claims

    def _forget_expired(self, now: float) -> None:
        while self._used and self._used[oldest := next(iter(self._used))] <= now:
            del self._used[oldest]

    def _signature(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, hashlib.sha256).hexdigest()

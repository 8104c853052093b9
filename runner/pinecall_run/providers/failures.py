"""What the failures of a vendor's connection come to: one kind of error each, with the vendor's words and a hint.

Nothing of a key gets through: the secrets of a connection are taken out of whatever a vendor says.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from pinecall_run.providers.contracts import FailureKind, ProviderError

MOST_WORDS = 160
"""Characters of what a vendor says of an error."""

_OF_STATUS: Mapping[int, FailureKind] = {
    401: "key", 402: "credit", 403: "key", 408: "timeout", 429: "rate_limit", 504: "timeout", 529: "unavailable"
}  # fmt: skip
_NAMES = ("err_msg", "message", "Message", "error", "detail", "reason", "description", "error_message", "title")
"""Where vendors put a sentence, the most telling first; ``error`` and ``detail`` may hold another object."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whom errors are about: ``name`` for people; ``key`` and ``endpoint`` are environment variables, for hints;
    ``secrets`` are never repeated."""

    name: str
    key: str = ""
    endpoint: str = ""
    secrets: Sequence[str] = ()

    def failed(self, what: str, kind: FailureKind, words: str = "", retry_after: float = 0.0) -> ProviderError:
        """An error: the vendor's name, what it did, and its words."""
        words = self._clean(words)
        message = f"{self.name} {what}" + (f": {words}" if words else "")
        return ProviderError(message, self._hint(kind, retry_after), kind=kind, retry_after=retry_after)

    def of_status(self, status: int, body: str | bytes = "", headers: Mapping[str, str] | None = None) -> ProviderError:
        """An HTTP status in place of an answer."""
        kind = _OF_STATUS.get(status) or ("request" if status < 500 else "unavailable")
        what = {
            "key": "refused the key", "credit": "has no credit left", "rate_limit": "is asked too much at once"
        }.get(kind, f"answered {status}")  # fmt: skip
        return self.failed(what, kind, words_of(body), _retry_after(headers or {}))

    def of_connecting(self, error: Exception) -> ProviderError:
        """What stood in the way of a connection."""
        match error:
            case InvalidStatus():
                response = error.response
                return self.of_status(response.status_code, bytes(response.body or b""), response.headers)
            case TimeoutError():
                return self.failed("did not answer in time", "timeout")
            case ssl.SSLCertVerificationError():
                return self.failed("shows a certificate that is not trusted", "network", error.verify_message)
            case ssl.SSLError():
                return self.failed("cannot be reached", "network", f"TLS failed ({error.strerror})")
            case socket.gaierror():
                return self.failed("cannot be reached", "network", "its name is not known to the network")
            case OSError():
                return self.failed("cannot be reached", "network", error.strerror or type(error).__name__)
            case InvalidHandshake() | EOFError() | ValueError():
                return self.failed("answered what is no WebSocket", "garbage")
            case _:
                return self.failed(f"failed with {type(error).__name__}", "failed")

    def of_closing(self, error: ConnectionClosed) -> ProviderError:
        """A WebSocket that ended when nobody had asked for it."""
        if error.rcvd is None:
            return self.failed("broke the connection off", "network")
        code, reason = error.rcvd.code, error.rcvd.reason
        kind: FailureKind = {1008: "request", 1013: "unavailable"}.get(code, "network")  # type: ignore[assignment]
        return self.failed(f"closed the connection ({code})", kind, reason)

    def of_garbage(self, what: str = "a message that is none of its interface") -> ProviderError:
        """A message that cannot be understood. It is not repeated: nobody knows what is in it."""
        return self.failed(f"sent {what}", "garbage")

    def _clean(self, words: str) -> str:
        for secret in self.secrets:
            if secret:
                words = words.replace(secret, "…")
        return " ".join(words.split())[:MOST_WORDS]

    def _hint(self, kind: FailureKind, retry_after: float) -> str:
        match kind:
            case "key":
                return f"check {self.key} where the voice server runs" if self.key else ""
            case "credit":
                return "top up the account"
            case "rate_limit":
                return f"it may be asked again in {retry_after:g} s" if retry_after else "try again later"
            case "network" | "timeout" | "garbage":
                where = f" and {self.endpoint}" if self.endpoint else ""
                return f"check the network{where}"
            case _:
                return ""


def words_of(body: str | bytes) -> str:
    """The sentence in a vendor's error, where there is one: of JSON its usual places, of text all."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        found = json.loads(text)
    except ValueError:
        return "" if "<" in text[:20] else text  # a page of a proxy says nothing
    return _sentence(found)


def _sentence(found: Any) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, list):
        return next((words for one in found if (words := _sentence(one))), "")
    if isinstance(found, Mapping):
        return next((words for name in _NAMES if (words := _sentence(found.get(name)))), "")
    return ""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of ``Retry-After``, which is a number of these or a date (RFC 9110, 10.2.3). A date is told without the
    clock: as the difference to the answer's own ``Date``."""
    written = headers.get("Retry-After") or headers.get("retry-after") or ""
    try:
        return max(float(written), 0.0)
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(written)
        now = parsedate_to_datetime(headers.get("Date") or headers.get("date") or "")
        return max((then - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0

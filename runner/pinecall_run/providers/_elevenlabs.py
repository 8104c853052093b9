"""What ElevenLabs' voice and ear have in common: the key, the address, languages, and how messages are read.

ElevenLabs' own library is not taken: its voices go over a thread's socket, one context each, and it reaches only
``wss``; its ear prints what goes wrong and drops it. Sources: https://elevenlabs.io/docs/eleven-api/resources/errors,
and the pages that the two name, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pinecall_run.providers.contracts import FailureKind, ProviderError
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.vendor_socket import Address
from pinecall_run.vendors.elevenlabs import ADDRESS, ENDPOINT, KEY
from pinecall_run.vendors.facts import Provider

Query = Mapping[str, Any]

_SOCKETS = {"https": "wss", "http": "ws", "wss": "wss", "ws": "ws"}
_SAME_LANGUAGE = {"cmn": "zh", "iw": "he", "nb": "no", "nn": "no", "tl": "fil", "yue": "zh"}
"""Primary subtags that ElevenLabs lists under another."""
_ANY_LANGUAGE = frozenset(("auto", "multi"))

_KINDS: Mapping[str, FailureKind] = {
    "auth_error": "key", "invalid_api_key": "key", "unauthorized": "key", "missing_permissions": "key",
    "quota_exceeded": "credit", "payment_required": "credit", "subscription_required": "credit",
    "chunk_size_exceeded": "request", "input_error": "request", "invalid_generation_config": "request",
    "invalid_message": "request", "invalid_parameters": "request", "invalid_request": "request",
    "invalid_voice_settings": "request", "model_not_found": "request", "unaccepted_terms": "request",
    "unsupported_language": "request", "unsupported_model": "request", "voice_id_does_not_exist": "request",
    "voice_not_found": "request",
    "commit_throttled": "rate_limit", "concurrent_limit_exceeded": "rate_limit", "rate_limited": "rate_limit",
    "max_active_conversations": "rate_limit", "too_many_concurrent_requests": "rate_limit",
    "input_timeout_exceeded": "network", "insufficient_audio_activity": "network",
    "session_time_limit_exceeded": "network",
    "internal_error": "unavailable", "internal_server_error": "unavailable", "queue_overflow": "unavailable",
    "resource_exhausted": "unavailable", "service_unavailable": "unavailable", "system_busy": "unavailable",
    "transcriber_error": "unavailable",
}  # fmt: skip
"""What its errors come to, by their names. Of a session that only ended another one may be opened: ``network``."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom errors are about, and where to connect with whose key."""

    vendor: Vendor
    base: str
    key: str

    def address(self, path: str, query: Query) -> Address:
        """Of a socket. What the query has no value for is left out; of lists each entry is a parameter."""
        given = {name: _written(value) for name, value in query.items() if value is not None}
        return Address(f"{self.base}{path}?{urlencode(given, doseq=True)}", {"xi-api-key": self.key})


def account(provider: Provider, environ: Mapping[str, str]) -> Account:
    """The account of the environment.

    Raises:
        ProviderError: there is no key, or the address is none.
    """
    key = environ.get(KEY, "")
    if not key:
        raise ProviderError(f"{provider.name} needs a key", f"set {KEY} where the voice server runs", kind="missing")
    scheme, _, rest = (environ.get(ENDPOINT) or ADDRESS).rstrip("/").partition("://")
    if scheme not in _SOCKETS or not rest:
        raise ProviderError(f"{ENDPOINT} is no address", f"write it like {ADDRESS}", kind="request")
    return Account(Vendor("ElevenLabs", KEY, ENDPOINT, (key,)), f"{_SOCKETS[scheme]}://{rest}", key)


def always(address: Address) -> Callable[[], Awaitable[Address]]:
    """An address that stays the same."""

    async def same() -> Address:
        return address

    return same


def language(tag: str) -> str:
    """How ElevenLabs writes the language of a BCP-47 tag; empty for any."""
    primary = tag.partition("-")[0].lower()
    return "" if primary in _ANY_LANGUAGE else _SAME_LANGUAGE.get(primary, primary)


def failure(vendor: Vendor, name: Any, words: Any) -> ProviderError:
    """What an error of that name comes to."""
    kind = _KINDS.get(str(name), "failed")
    what = {"key": "refused the key", "credit": "has no credit left"}.get(kind, "failed")
    return vendor.failed(what, kind, str(words or name or ""))


def _written(value: Any) -> str | Sequence[str]:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, list | tuple) else f"{value}"

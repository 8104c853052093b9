"""What Cartesia's voices and ears have in common: the key, the address, languages, and how errors are read.

Cartesia's own library is not taken: it keeps its own contexts and queues where all voices here share one kind of
socket, leaves a refusal as websockets raised it, and asks for TLS whatever the address says. What is left of it is a
JSON object. Sources: https://docs.cartesia.ai/use-the-api/api-conventions and …/api-errors, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.failures import Vendor, words_of
from pinecall_run.providers.vendor_socket import Address
from pinecall_run.vendors.cartesia import ADDRESS, ENDPOINT, KEY, VERSION
from pinecall_run.vendors.facts import Provider

_SAME_LANGUAGE = {"cmn": "zh", "fil": "tl", "iw": "he", "nb": "no", "nn": "no"}
"""Primary subtags that Cartesia lists under another."""

_STATUS = {"quota_exceeded": 402, "concurrency_limited": 429}
"""What its codes say that the status beside them may not."""


def account(provider: Provider, environ: Mapping[str, str]) -> Vendor:
    """Whom errors are about; its one secret is the key.

    Raises:
        ProviderError: there is no key.
    """
    key = environ.get(KEY, "")
    if not key:
        raise ProviderError(f"{provider.name} needs a key", f"set {KEY} where the voice server runs", kind="missing")
    return Vendor("Cartesia", KEY, ENDPOINT, (key,))


def address(vendor: Vendor, path: str, environ: Mapping[str, str]) -> Callable[[], Awaitable[Address]]:
    """Where to connect. The variable for another place holds what the library calls its base URL: that of HTTP."""
    base = (environ.get(ENDPOINT) or ADDRESS).rstrip("/")
    url = f"ws{base.removeprefix('http')}{path}" if base.startswith("http") else f"{base}{path}"
    found = Address(url, {"Authorization": f"Bearer {vendor.secrets[0]}", "Cartesia-Version": VERSION})

    async def same() -> Address:
        return found

    return same


def language(provider: Provider, known: frozenset[str], tag: str) -> str:
    """How Cartesia writes the language of a BCP-47 tag; empty where there is none to be told.

    Raises:
        ProviderError: it does not know the language.
    """
    primary = tag.partition("-")[0].lower()
    code = _SAME_LANGUAGE.get(primary, primary)
    if code and code not in known:
        what = "does not speak" if provider.stage == "voice" else "does not hear"
        hint = f"choose another {provider.stage}; see {provider.page}"
        raise ProviderError(f"cartesia {what} `{tag}`", hint, kind="request")
    return "" if code == "multi" else code


def failure(vendor: Vendor, message: Mapping[str, Any]) -> ProviderError:
    """What a message of the type ``error`` comes to."""
    words = words_of(json.dumps(message))
    status = _STATUS.get(str(message.get("error_code")), message.get("status_code"))
    if isinstance(status, int) and 400 <= status < 600:
        return vendor.of_status(status, words)
    return vendor.failed("failed", "unavailable", words)

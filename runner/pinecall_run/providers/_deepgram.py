"""What Nova and Flux have in common: the key, the address, the options that both take, and how messages are read.

Deepgram's own library is not taken: of a refusal it hides the vendor's words and the Retry-After, its errors carry our
headers with the key, and it talks through the part of websockets that is being given up. What is left of it is a JSON
object and a URL. Source: https://developers.deepgram.com/reference/authentication and …/docs/errors, read in
November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pinecall_run.audio.chunk import RATE
from pinecall_run.providers import messages
from pinecall_run.providers.contracts import FailureKind, ProviderError
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.vendor_socket import Address, Frame
from pinecall_run.vendors.deepgram import ADDRESS, ENDPOINT, KEY
from pinecall_run.vendors.facts import Provider

SILENT_SECONDS = 5.0
"""Both tell, every second or sooner, what they make of the sound, and be it nothing."""

CLOSE_STREAM = json.dumps({"type": "CloseStream"})

Parameters = Mapping[str, str | bool | float | Sequence[str]]

_SAME_LANGUAGE = {"cmn": "zh", "fil": "tl", "iw": "he", "nb": "no", "nn": "no"}
"""Primary subtags that Deepgram lists under another."""

_KINDS: Mapping[str, FailureKind] = {
    "SchemaError": "request", "UNPARSABLE_CLIENT_MESSAGE": "request", "NET-0001": "timeout"
}  # fmt: skip
"""What its own error messages come to; others are its fault."""


def vendor(provider: Provider, environ: Mapping[str, str]) -> Vendor:
    """Whom errors are about.

    Raises:
        ProviderError: there is no key.
    """
    key = environ.get(KEY, "")
    if not key:
        raise ProviderError(f"{provider.name} needs a key", f"set {KEY} where the voice server runs", kind="missing")
    return Vendor("Deepgram", KEY, ENDPOINT, (key,))


def address(path: str, parameters: Parameters, environ: Mapping[str, str]) -> Callable[[], Awaitable[Address]]:
    """Where a stream is opened, with its options. What is false or empty is left out, which comes to the same."""
    base = (environ.get(ENDPOINT) or ADDRESS).rstrip("/")
    sound: Parameters = {"encoding": "linear16", "sample_rate": RATE}
    query = urlencode([pair for name, value in {**parameters, **sound}.items() for pair in _pairs(name, value)])
    found = Address(f"{base}{path}?{query}", {"Authorization": f"Token {environ[KEY]}"})

    async def same() -> Address:
        return found

    return same


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list | tuple):
        yield from ((name, text) for text in value)
    elif value is True:
        yield name, "true"
    elif value:
        yield name, value if isinstance(value, str) else f"{value:.10g}"


def shared(options: Mapping[str, Any]) -> Parameters:
    """The parameters that both take."""
    same = ("profanity_filter", "numerals", "mip_opt_out", "tag", "redact")
    return {**{name: options.get(name, False) for name in same}, "keyterm": terms(options)}


def terms(options: Mapping[str, Any]) -> list[str]:
    """The keyterms; a blank one would be refused."""
    return [term for term in options.get("keyterms", ()) if term.strip()]


def hints(options: Mapping[str, Any]) -> list[str]:
    """The languages to expect."""
    hint = options.get("language_hint", [])
    return [hint] if isinstance(hint, str) else list(hint)


def closest(known: frozenset[str], tag: str) -> str | None:
    """How Deepgram writes the language of a BCP-47 tag: the tag itself, or its language where it knows no such region;
    ``None`` where it does not hear it."""
    primary = tag.partition("-")[0].lower()
    wanted = (tag.lower(), primary, _SAME_LANGUAGE.get(primary, ""))
    written = {code.lower(): code for code in known}
    return next((written[one] for one in wanted if one in written), None)


def read(vendor: Vendor, frame: Frame) -> Mapping[str, Any]:
    """A message.

    Raises:
        ProviderError: it is none, or tells of a failure.
    """
    message = messages.read(vendor, frame)
    if message.get("type") == "Error":
        code = str(message.get("code") or message.get("variant") or "")
        raise vendor.failed("failed", _KINDS.get(code, "unavailable"), str(message.get("description") or code))
    return message

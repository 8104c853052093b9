"""Whether a request is one of Twilio's (https://www.twilio.com/docs/usage/webhooks/webhooks-security)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


def signature(token: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """What Twilio writes into ``X-Twilio-Signature``: the address as Twilio has it, then each parameter of the form and
    its value, in the order of their names."""
    signed = url + "".join(name + value for name, value in sorted(set(parameters)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def is_signed(token: str, url: str, parameters: Iterable[tuple[str, str]], given: str) -> bool:
    """Whether a signature is right, compared in constant time. Twilio signs some addresses with their port and some
    without: either is taken. An empty token signs nothing."""
    pairs = list(parameters)
    offered = given.encode("utf-8", "replace")
    matches = [hmac.compare_digest(signature(token, each, pairs).encode(), offered) for each in _spellings(url)]
    return bool(token) and any(matches)


def _spellings(url: str) -> set[str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 80)
    return {url, parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()}

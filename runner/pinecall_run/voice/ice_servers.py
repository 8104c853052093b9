"""STUN and TURN servers from configuration: JSON in the form of RTCConfiguration's ``iceServers``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_HOST = r"[A-Za-z0-9.-]+(:\d{1,5})?"
_URL = re.compile(rf"stuns?:{_HOST}|turns?:{_HOST}(\?transport=(udp|tcp))?")
"""Of RFC 7064 and 7065, what aiortc reads, too: hosts by name or IPv4 address."""

EXAMPLE = '[{"urls": "turn:turn.example.com:3478", "username": "…", "credential": "…"}]'


class BadIceServersError(ValueError):
    """A list of servers that is none; the message says where, and shows no values: they may be secret."""


def read_ice_servers(text: str) -> list[dict[str, Any]]:
    """The servers in a JSON text; none in an empty one.

    Raises:
        BadIceServersError: it is not a list of servers.
    """
    if not text.strip():
        return []
    try:
        servers = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadIceServersError(f"not JSON; write {EXAMPLE}") from error
    if not isinstance(servers, list):
        raise BadIceServersError(f"not a list; write {EXAMPLE}")
    for number, server in enumerate(servers, 1):
        if problem := _problem(server):
            raise BadIceServersError(f"server {number}: {problem}; write {EXAMPLE}")
    return servers


def _problem(server: Any) -> str:
    if not isinstance(server, dict):
        return "not an object"
    if server.keys() - {"urls", "username", "credential"}:
        return "has keys other than urls, username and credential"
    urls = server.get("urls")
    listed: Sequence[Any] = urls if isinstance(urls, list) else [urls]
    if not listed or not all(isinstance(url, str) and _URL.fullmatch(url) for url in listed):
        return "urls is not one or more of stun:HOST:PORT, turn:HOST:PORT, turns:HOST:PORT?transport=tcp"
    secrets = [server.get("username", ""), server.get("credential", "")]
    if not all(isinstance(secret, str) for secret in secrets):
        return "username or credential is not a text"
    if any(url.startswith("turn") for url in listed) and not all(secrets):
        return "a TURN server needs username and credential"
    return ""

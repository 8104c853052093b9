"""What of a request decides who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers

from pinecall_run.voice.admission import Visitor
from pinecall_run.voice.proxies import origin_of


def visitor_of(scope: Mapping[str, Any]) -> Visitor:
    """Who sent a request, of which this is the scope."""
    headers, origin = Headers(raw=scope["headers"]), origin_of(scope)
    return Visitor(
        peer=origin.host,
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        authorization=headers.get("authorization"),
        scheme="https" if scope.get("scheme") in ("https", "wss") else "http",
        is_forwarded=origin.is_forwarded,
    )

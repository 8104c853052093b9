"""Everything that the server answers on its port: who may, how often, and how much they may send.

A route that is not here has the least of each. docs/public.md shows this table; a test holds the application to both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from pinecall_run.transports.rates import Rate
from pinecall_run.transports.whatsapp_webhook import MAX_BODY as MAX_WEBHOOK

MAX_FRAME = 4 * 1024 * 1024
"""Bytes of one WebSocket message: room for a long prompt and many tools."""

MAX_OFFER = 65_536
"""Bytes of an offer with its configuration and metadata; a browser's are about 3,000."""

MAX_FORM = 16_384
"""Bytes of a form; Twilio's have about 1,000."""


MOST_SOCKETS = 10_000
"""WebSockets of everybody."""


class Who(Enum):
    """Who may. A developer is whoever has the key, or is on a machine that was told to be open to itself."""

    ANYBODY = "anybody"
    DEVELOPER = "the key"
    ORIGIN = "the key, or a page of an allowed origin"
    ONCE = "a token that is good once"
    KEY_INSIDE = "the key, in the first message"
    SIGNED = "a vendor's signature"


PAGES = Rate(300, 30.0)
PEOPLE = Rate(120, 10.0)
VENDORS = Rate(500, 100.0)
"""Of one address, unless it is known by then. A vendor's are few, and others send by them, too: what is signed is not
counted."""

WRONG_KEYS = Rate(20, 0.2)


@dataclass(frozen=True, slots=True)
class Route:
    """One route, and what is below it.

    Attributes:
        body: bytes that a request may have.
        first, message: bytes of a socket's first message, and of any other.
        sockets: how many of it one visitor may have.
    """

    path: str
    who: Who
    rate: Rate = PEOPLE
    body: int = 1_024
    first: int = 0
    message: int = 0
    sockets: int = 200


ROUTES: tuple[Route, ...] = (
    Route("/", Who.ANYBODY, PAGES),
    Route("/page", Who.ANYBODY, PAGES),
    Route("/widget.js", Who.ANYBODY, PAGES),
    Route("/healthz", Who.ANYBODY, PAGES),
    Route("/metrics", Who.DEVELOPER),
    Route("/api/sdk/agents", Who.DEVELOPER),
    Route("/live", Who.DEVELOPER),
    Route("/live/{call}/player", Who.DEVELOPER),
    Route("/live/{call}/ws", Who.DEVELOPER, first=262_144, message=262_144),
    Route("/chat/token", Who.ORIGIN),
    Route("/stream/token", Who.ORIGIN),
    Route("/webrtc/token", Who.ORIGIN),
    Route("/webrtc/ice-servers", Who.ANYBODY),
    Route("/webrtc/offer", Who.ONCE, body=MAX_OFFER),
    Route("/client", Who.KEY_INSIDE, first=65_536, message=MAX_FRAME),
    Route("/chat/ws", Who.ONCE, first=65_536, message=65_536),
    Route("/audio/ws", Who.ONCE, first=262_144, message=262_144),
    Route("/twilio/stream", Who.ONCE, VENDORS, first=262_144, message=262_144, sockets=MOST_SOCKETS),
    Route("/twilio/voice", Who.SIGNED, VENDORS, body=MAX_FORM),
    Route("/twilio/status", Who.SIGNED, VENDORS, body=MAX_FORM),
    Route("/twilio/answered", Who.SIGNED, VENDORS, body=MAX_FORM),
    Route("/twilio/announce", Who.SIGNED, VENDORS, body=MAX_FORM),
    Route("/whatsapp/webhook", Who.SIGNED, VENDORS, body=MAX_WEBHOOK),
)

_BY_PATH = {route.path: route for route in ROUTES}
_BY_PATTERN = [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), route) for path, route in _BY_PATH.items() if "{" in path]
_MOST_STEPS = max(path.count("/") for path in _BY_PATH) + 1
_ELSEWHERE = Route("", Who.ANYBODY, first=1_024, message=1_024)


def route_of(path: str) -> Route:
    """The row of a path: its own, or that of the nearest one above it."""
    path = path.removesuffix("\n")  # Starlette's patterns end in $, which leaves one out
    for pattern, route in _BY_PATTERN:
        if pattern.fullmatch(path):
            return route
    steps = path.split("/", _MOST_STEPS)[:_MOST_STEPS]  # a stranger's path may have thousands
    above = ("/".join(steps[:end]) for end in range(len(steps), 1, -1))
    return next((_BY_PATH[each] for each in above if each in _BY_PATH), _ELSEWHERE)

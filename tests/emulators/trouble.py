"""How an emulated vendor fails when a test wants it to: one shape for all of them.

    server.trouble = Trouble("refuse", status=429, headers={"Retry-After": "2"})   # what connects or asks from now on
    server.trouble = Trouble("drop", after=3.0)                                    # what is open after 3 s of sound
    server.trouble = None                                                          # well again

Each emulator says in its first lines which kinds it knows and what its vendor's own errors look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["refuse", "hang", "close", "drop", "stall", "garbage", "error"]
"""``refuse``: an HTTP status in place of an answer or an upgrade. ``hang``: the connection is taken and nothing is ever
said on it. ``close``: a WebSocket is closed with ``code`` and ``reason``, an HTTP answer ends too early. ``drop``:
the connection is reset. ``stall``: it stays open, reads, and says nothing more. ``garbage``: what is no message of
the vendor's. ``error``: the vendor's own error message, with ``code`` and ``reason`` where it has such."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, and when.

    Attributes:
        after: what passes before it does: seconds of sound for ears, pieces of an answer for voices and models.
        times: how often it happens until the vendor is well again; 0 for ever.
    """

    kind: Kind
    after: float = 0.0
    times: int = 0
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int | str = 1011
    reason: str = "emulated trouble"

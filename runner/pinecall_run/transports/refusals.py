"""What the doors refuse or ignore: one counter for each kind of it, under a name that stays."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping

_LOG = logging.getLogger("pinecall_run.transports")

HANDSHAKES = ("slow handshakes", "failed handshakes", "too many handshakes")

KINDS: Mapping[str, tuple[str, ...]] = {
    "http": (
        "rates", "large bodies", "slow bodies", "too many bodies", "slow heads", "malformed requests",
        "too many connections", "keys", "origins", *HANDSHAKES,
    ),
    "sockets": ("rates", "too many", "giant frames"),
    "client": ("keys",),
    "tokens": ("chat", "webrtc", "stream"),
    "calls": ("agent full", "channel full", "server full", "caller rate", "dial rate", "message rate"),
    "twilio": (
        "signatures", "replays", "tokens", "floods", "media before start", "giant frames", "garbage", "no start",
    ),
    "whatsapp": ("forged", "replayed", "malformed", "unverified", "away"),
    "sip": ("requests", "messages without sense", "packets of forged sound", "calls of nobody", "floods", *HANDSHAKES),
}  # fmt: skip
"""By door. A name is a label of metrics, and in people's alerts: it is not changed."""


class Tally(Counter[str]):
    """The counters of one door. The log is told of the first of a kind, the tenth, the hundredth, …: floods do not fill
    it.

    Raises:
        KeyError: there is no such kind.
    """

    def __init__(self, door: str) -> None:
        self._door = door
        super().__init__()
        for kind in KINDS[door]:
            super().__setitem__(kind, 0)

    def __setitem__(self, kind: str, count: int) -> None:
        before = super().__getitem__(kind) if kind in self else None
        if before is None:
            raise KeyError(f"{kind} is no kind of refusal at {self._door}")
        super().__setitem__(kind, count)
        if len(str(count)) > len(str(before)) or (before == 0 and count):
            _LOG.warning("refused at the doors so far: %s, %d %s", self._door, count, kind)


class Refusals:
    """Those of one server."""

    def __init__(self) -> None:
        self._doors = {door: Tally(door) for door in KINDS}

    def at(self, door: str) -> Tally:
        """The counters of a door."""
        return self._doors[door]

    def all(self) -> Iterator[tuple[str, str, int]]:
        """Door, kind and number of each."""
        for door, tally in self._doors.items():
            for kind, count in tally.items():
                yield door, kind, count

    def told(self) -> str:
        """What there was, for a line of the log; empty where there was nothing."""
        return ", ".join(f"{door} {count} {kind}" for door, kind, count in self.all() if count)

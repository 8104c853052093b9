"""Keys of a telephone as packets beside those of the sound (RFC 4733): read, and pressed."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pinecall_run.transports.rtp import WORD, Packet

KEYS = "0123456789*#ABCD"
"""By the number of their event (RFC 4733, 3.2)."""

WAIT = "w"

PRESSED_BEATS, PAUSE_BEATS, WAIT_BEATS = 8, 5, 25
"""How long a key is held, what follows it, and a wait: 160, 100 and 500 ms."""

ENDS = 3
"""The last packet of a key goes out so often: who misses it hears a key that does not end."""

_EVENT = struct.Struct("!BBH")
_END, _VOLUME = 0x80, 10
_LONGEST = 0xFFFF


class KeyReader:
    """Tells keys from the packets that repeat them."""

    def __init__(self) -> None:
        self._last: tuple[int, int, str] | None = None

    def read(self, packet: Packet) -> str:
        """The key whose first packet this is, or the first that arrived; else nothing."""
        if len(packet.payload) < _EVENT.size or packet.payload[0] >= len(KEYS):
            return ""
        key = KEYS[packet.payload[0]]
        last, latest = self._last, (packet.ssrc, packet.timestamp, key)
        if last is None or last[0] != packet.ssrc:
            self._last = latest
            return key
        ahead = (packet.timestamp - last[1]) & WORD
        if ahead == 0 or ahead > WORD // 2:
            return ""
        self._last = latest
        # A key that is held for longer than a packet can say goes on in another (2.5.1.3).
        return "" if ahead == _LONGEST and key == last[2] else key


@dataclass(frozen=True, slots=True)
class Beat:
    """20 ms of a telephone's keys: ``key`` where one begins, and what is sent of it."""

    key: str = ""
    payloads: Sequence[bytes] = ()


def pressed(keys: str, clock_rate: int) -> Iterator[Beat]:
    """Keys one after another, and waits of half a second (``w``), in timestamps of a clock. All packets of a key have
    the timestamp of its first."""
    step = clock_rate // 50
    for key in keys:
        if key == WAIT:
            yield from (Beat() for _ in range(WAIT_BEATS))
            continue
        code = KEYS.index(key)
        for beat in range(1, PRESSED_BEATS):
            yield Beat(key if beat == 1 else "", [_EVENT.pack(code, _VOLUME, beat * step)])
        yield Beat("", [_EVENT.pack(code, _END | _VOLUME, PRESSED_BEATS * step)] * ENDS)
        yield from (Beat() for _ in range(PAUSE_BEATS))

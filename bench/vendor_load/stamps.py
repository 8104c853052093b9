"""How long it takes from where bytes are read from a socket to the event that they come to, told by their marks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from anyio._backends._asyncio import StreamProtocol
from vendor_load.tapes import number_of
from websockets.asyncio.client import ClientConnection

from pinecall_run.providers.contracts import Audio

_MARK = re.compile(rb"zq\d{8}|enEw[A-Za-z0-9+/]{12}")
_NUMBER = re.compile(r"zq(\d{8})")


class Stamps:
    """``late`` has the seconds of each event that was seen from both ends."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._read_at: dict[int, float] = {}

    def read(self, data: bytes) -> None:
        """These bytes were read now."""
        now = time.perf_counter()
        for found in _MARK.finditer(data):
            self._read_at[number_of(found[0])] = now

    def note(self, event: Any) -> None:
        """This was handed out now."""
        now = time.perf_counter()
        if isinstance(event, Audio):
            start = event.samples[:6].tobytes()
            number = number_of(start) if start.startswith(b"zq") else None
        else:
            found = _NUMBER.search(getattr(event, "text", ""))
            number = int(found[1]) if found else None
        if number is not None and (read_at := self._read_at.pop(number, None)) is not None:
            self.late.append(now - read_at)


@contextmanager
def stamped() -> Iterator[Stamps]:
    """Within it all that WebSockets and httpx2 read is stamped."""
    stamps = Stamps()
    kinds: list[Any] = [ClientConnection, StreamProtocol]
    before = [kind.data_received for kind in kinds]

    def stamping(received: Callable[[Any, bytes], None]) -> Callable[[Any, bytes], None]:
        def data_received(protocol: Any, data: bytes) -> None:
            stamps.read(data)
            received(protocol, data)

        return data_received

    for kind, received in zip(kinds, before, strict=True):
        kind.data_received = stamping(received)
    try:
        yield stamps
    finally:
        for kind, received in zip(kinds, before, strict=True):
            kind.data_received = received

"""HTTP/1.1 that waits only so long for a request's head, and holds only so many connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from pinecall_run.transports.headcount import Headcount

HEAD_SECONDS = 10.0
"""From a connection's beginning, or the first byte of its next request, to the end of the request's head."""

MAX_HEAD = 16_384
"""Bytes of a request's head that comes in pieces. One that is there in a single reading may have some more."""

MOST_CONNECTIONS, MOST_OF_ONE = 5_000, 500
"""Connections of everybody, and of one address, that are no WebSockets: those the gate counts."""


class Patient(H11Protocol):
    """See the module. Each server has a class of its own: :func:`patient`."""

    refused: Counter[str]
    count: Headcount
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        super().connection_made(transport)
        if not self.count.take(self, self.client[0] if self.client else ""):
            self.refused["too many connections"] += 1
            transport.abort()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        self._wait()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """See uvicorn."""
        self._release()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """See uvicorn."""
        self.refused["malformed requests"] += 1
        super().send_400_response(msg)

    def _wait(self) -> None:
        """Wait for a head, if one is not complete."""
        is_awaited = repr(self.conn.their_state) == "IDLE" and not self.transport.is_closing()
        if not is_awaited or self.transport.get_protocol() is not self:
            self._stop_waiting()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.refused["slow heads"] += 1
        self.transport.abort()

    def _release(self) -> None:
        self._stop_waiting()
        self.count.release(self)


def patient(refused: Counter[str], *, is_proxied: bool) -> type[H11Protocol]:
    """The protocol of one server."""
    count = Headcount(MOST_CONNECTIONS, MOST_OF_ONE, is_proxied=is_proxied)
    return type("Patient", (Patient,), {"refused": refused, "count": count})

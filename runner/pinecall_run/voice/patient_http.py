"""HTTP/1.1 that waits only so long for a request's head, and holds only so many connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from pinecall_run.transports.rates import network_of

HEAD_SECONDS = 10.0
"""From a connection's beginning, or the first byte of its next request, to the end of the request's head."""

MAX_HEAD = 16_384
"""Bytes of a request's head that comes in pieces. One that is there in a single reading may have some more."""

MOST_CONNECTIONS, MOST_OF_ONE = 5_000, 500
"""Connections of everybody, and of one address, that are no WebSockets: those the gate counts."""


class Keeper:
    """Counts the connections of one server. Behind a proxy all are of one address, which is no visitor's."""

    def __init__(self, refused: Counter[str], *, is_proxied: bool) -> None:
        self.refused = refused
        self._is_proxied = is_proxied
        self._held: dict[H11Protocol, str] = {}
        self._own: Counter[str] = Counter()

    def take(self, connection: H11Protocol, host: str) -> bool:
        """One more; ``False`` where it is one too many."""
        network = self._held[connection] = network_of(host)
        self._own[network] += 1
        is_own_one_too_many = not (self._is_proxied or _is_near(host)) and self._own[network] > MOST_OF_ONE
        return not is_own_one_too_many and len(self._held) <= MOST_CONNECTIONS

    def release(self, connection: H11Protocol) -> None:
        """It is closed, or a WebSocket. Twice does no harm."""
        network = self._held.pop(connection, None)
        if network is not None:
            self._own[network] -= 1
            if not self._own[network]:
                del self._own[network]


class Patient(H11Protocol):
    """See the module. Each server has a class of its own: :func:`patient`."""

    keeper: Keeper
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        super().connection_made(transport)
        if not self.keeper.take(self, self.client[0] if self.client else ""):
            self.keeper.refused["too many connections"] += 1
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
        self.keeper.refused["malformed requests"] += 1
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
        self.keeper.refused["slow heads"] += 1
        self.transport.abort()

    def _release(self) -> None:
        self._stop_waiting()
        self.keeper.release(self)


def patient(refused: Counter[str], *, is_proxied: bool) -> type[H11Protocol]:
    """The protocol of one server."""
    return type("Patient", (Patient,), {"keeper": Keeper(refused, is_proxied=is_proxied)})


def _is_near(host: str) -> bool:
    return host.startswith("127.") or host in ("::1", "")

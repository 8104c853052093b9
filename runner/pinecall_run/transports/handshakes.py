"""TLS for connections that come in: those whose handshake is not over are counted, bounded, and let go of in time.

asyncio's own servers do the handshake before anybody hears of a connection, and wait a minute for each.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

from pinecall_run.transports.headcount import Headcount

SECONDS = 10.0
"""From a connection's beginning to the end of its handshake."""

MOST, MOST_OF_ONE = 1_000, 100
"""Handshakes at once, of everybody and of one address."""


class Handshakes:
    """Those of one listener. ``refused`` counts what comes to nothing; ``is_proxied`` is :class:`Headcount`'s."""

    def __init__(self, context: ssl.SSLContext, refused: Counter[str], *, is_proxied: bool = False) -> None:
        self.context = context
        self.refused = refused
        self.count = Headcount(MOST, MOST_OF_ONE, is_proxied=is_proxied)
        self.under_way: set[asyncio.Task[None]] = set()

    def before(self, make: Callable[..., asyncio.Protocol]) -> Callable[..., asyncio.Protocol]:
        """Protocols for plain connections, from whose handshake on ``make`` gives the protocol."""
        return lambda **given: _Handshake(self, lambda: make(**given))

    async def close(self) -> None:
        """Break those off that are under way."""
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)


class _Handshake(asyncio.Protocol):
    """One connection, until its handshake is over. What comes with the end of it is kept for who is next."""

    def __init__(self, all_: Handshakes, make: Callable[[], asyncio.Protocol]) -> None:
        self._all = all_
        self._make = make
        self._next: asyncio.Protocol | None = None
        self._early: list[bytes] = []
        self._is_at_end = self._is_lost = False

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        transport.pause_reading()  # the first bytes are not for this protocol
        host = (transport.get_extra_info("peername") or ("",))[0]
        if not self._all.count.take(self, host):
            self._all.refused["too many handshakes"] += 1
            self._all.count.release(self)
            transport.abort()
            return
        task = asyncio.create_task(self._shake_hands(transport))
        self._all.under_way.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._all.under_way.discard(task)
        self._all.count.release(self)

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        loop, refused = asyncio.get_running_loop(), self._all.refused
        try:
            secured = await loop.start_tls(
                transport, self, self._all.context, server_side=True, ssl_handshake_timeout=SECONDS
            )
        except ConnectionAbortedError:
            refused["slow handshakes"] += 1
        except ssl.SSLError:
            refused["failed handshakes"] += 1
        except OSError:  # gone: whoever looks whether the port is open does no more
            return
        else:
            if secured is not None and not self._is_lost:
                self._hand_over(secured)

    def _hand_over(self, transport: asyncio.Transport) -> None:
        self._next = protocol = self._make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._early:
            protocol.data_received(b"".join(self._early))
        if self._is_at_end and not protocol.eof_received():
            transport.close()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._early.append(data)

    def eof_received(self) -> bool:
        """See asyncio."""
        self._is_at_end = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio, which may have decided whom to tell before the handing over."""
        self._is_lost = True
        if self._next is not None:
            self._next.connection_lost(exc)

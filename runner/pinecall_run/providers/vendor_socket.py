"""One WebSocket to a vendor, whose every failure is a :class:`ProviderError`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, WebSocketException

from pinecall_run.providers.failures import Vendor

OPEN_SECONDS = 5.0
PING_SECONDS = 5.0
"""A peer that is gone without a word is found out within twice that."""
CLOSE_SECONDS = 1.0
MAX_FRAME = 4 * 1024 * 1024
UNREAD_BYTES = 64 * 1024
"""A vendor for whom more than that waits in our own buffers is not reading."""

Frame = str | bytes


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, and with what. Both may hold keys."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class VendorSocket:
    """Sends and receives; made by :meth:`connected`."""

    def __init__(self, vendor: Vendor, connection: ClientConnection) -> None:
        self._vendor = vendor
        self._connection = connection

    @classmethod
    async def connected(cls, vendor: Vendor, address: Address) -> VendorSocket:
        """A socket that is open.

        Raises:
            ProviderError: the vendor refused, or cannot be reached.
        """
        try:
            connection = await connect(
                address.url,
                additional_headers=dict(address.headers),
                open_timeout=OPEN_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                close_timeout=CLOSE_SECONDS,
                compression=None,  # sound does not shrink by it
                max_size=MAX_FRAME,
                user_agent_header="pinecall-run",
            )
        except (OSError, WebSocketException, EOFError, ValueError) as error:
            raise vendor.of_connecting(error) from error
        return cls(vendor, connection)

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent, as far as is known."""
        return self._connection.close_code is None and self._connection.state.name == "OPEN"

    @property
    def is_read(self) -> bool:
        """Whether what is sent gets away."""
        return self._connection.transport.get_write_buffer_size() <= UNREAD_BYTES

    def push(self, frame: Frame) -> None:
        """Send one message now, whether the vendor reads or not; nothing where the connection has ended, which is for
        who receives to say. To one socket it is what websockets has for many: it needs no task, and half the time."""
        broadcast((self._connection,), frame)

    async def send(self, frame: Frame) -> None:
        """Send one message: text or binary by its type.

        Raises:
            ProviderError: the connection has ended.
        """
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise self._vendor.of_closing(error) from error

    async def receive(self) -> Frame:
        """The next message.

        Raises:
            ProviderError: the connection has ended.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise self._vendor.of_closing(error) from error

    async def close(self) -> None:
        """End it, within a second. Safe to call twice."""
        try:
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await self._connection.close()
        except TimeoutError:
            self._connection.transport.abort()

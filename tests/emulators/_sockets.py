"""What emulated vendors on WebSockets have in common: the door, one shape of trouble, and sudden death."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tests.emulators.trouble import Kind, Trouble
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response

QUIET = logging.getLogger("emulators")
"""For what websockets says of handshakes that a test broke on purpose."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False

GARBAGE = '{"type": "trans\x00'
"""No message of anybody's."""


class Vendor:
    """What a test sees of any of them."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.environ: Mapping[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.connections = 0
        self._open: set[ServerConnection] = set()
        self._trouble: Trouble | None = None
        self._strikes = 0
        self._is_dead = False
        self._release = asyncio.Event()

    @property
    def open_connections(self) -> int:
        """How many WebSockets are open."""
        return len(self._open)

    @property
    def trouble(self) -> Trouble | None:
        """What goes wrong from now on; ``None`` again when it happened ``times`` times."""
        return self._trouble

    @trouble.setter
    def trouble(self, trouble: Trouble | None) -> None:
        self._trouble, self._strikes = trouble, 0

    def strike(self, *kinds: Kind, passed: float = 0.0) -> Trouble | None:
        """The trouble, if it is of these kinds and its time has come; then one of its times is used up."""
        trouble = self._trouble
        if trouble is None or trouble.kind not in kinds or passed < trouble.after:
            return None
        self._strikes += 1
        if self._strikes == trouble.times:
            self._trouble = None
        return trouble

    def kill(self) -> None:
        """Reset everything that is open, and whatever connects from now on."""
        self._is_dead = True
        self._release.set()
        for connection in list(self._open):
            reset(connection.transport)

    def revive(self) -> None:
        """Be well again, remembering what was said before."""
        self._is_dead = False
        self._release.clear()

    async def hang(self) -> None:
        """Nothing at all happens, until the end."""
        await self._release.wait()

    async def at_the_door(self, connection: ServerConnection) -> bool:
        """Whether the handshake goes on; if not, the connection is dead."""
        self.connections += 1
        if self.strike("hang"):
            await self.hang()
        elif not self._is_dead:
            return True
        reset(connection.transport)
        return False

    async def strike_open(self, connection: ServerConnection, passed: float) -> Trouble | None:
        """Do to an open WebSocket what any vendor would do; the caller sees to ``error`` and ``stall``."""
        trouble = self.strike("close", "drop", "garbage", "error", "stall", passed=passed)
        if trouble is None:
            return None
        if trouble.kind == "close":
            await connection.close(int(trouble.code), trouble.reason)
        elif trouble.kind == "drop":
            reset(connection.transport)
        elif trouble.kind == "garbage":
            await connection.send(GARBAGE)
        return trouble


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a TCP connection without a good-bye: the peer reads ECONNRESET."""
    if not isinstance(transport, asyncio.WriteTransport) or transport.is_closing():
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def answer(status: int, body: Mapping[str, Any] | str, headers: Mapping[str, str] = {}) -> Response:
    """An HTTP answer in place of an upgrade."""
    is_text = isinstance(body, str)
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    fields = {"Content-Type": "text/plain" if is_text else "application/json", "Content-Length": str(len(data))}
    return Response(status, phrase(status), Headers({**fields, "Connection": "close", **headers}), data)


def phrase(status: int) -> str:
    """The words after a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def now() -> str:
    """The time, as vendors write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""How doors close a person's socket."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.transports.contract import BusyError, NotAdmittedError
from pinecall_run.wire.codec import to_json

MAX_REASON = 123
"""Bytes (RFC 6455, 5.5)."""

NORMAL, POLICY_VIOLATION, TOO_BIG, INTERNAL_ERROR, TRY_AGAIN = 1000, 1008, 1009, 1011, 1013


async def close(socket: WebSocket, code: int, reason: str, *, within: float) -> None:
    """Close a socket that may be gone already, or whose other side may not read."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(within):  # one that reads nothing does not let us close either
            await socket.close(code, cut(reason))


async def refuse(socket: WebSocket, refusal: NotAdmittedError) -> None:
    """Say why there is no conversation, and close."""
    await socket.send_text(to_json({"event": "error", "error": str(refusal)}).decode())
    code = TRY_AGAIN if isinstance(refusal, BusyError) else POLICY_VIOLATION
    await socket.close(code, cut(str(refusal)))


def cut(reason: str) -> str:
    """As much of a sentence as the end of a socket has room for."""
    return reason.encode()[:MAX_REASON].decode(errors="ignore")

"""The runners' socket, ``/client``: reads, hands over, writes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.protocol.outputs import Shut, Transmit
from pinecall_run.voice.hub import Hub

OUTBOX = 10_000
"""Frames waiting for a slow runner; beyond that the connection is dropped, and the runner connects anew."""

BURST = 4
"""Frames written before everybody else has a turn: sending does not wait, nor find out that the socket died."""

CLOSE_SECONDS = 1.0


async def serve_client(socket: WebSocket, hub: Hub) -> None:
    """Serve one runner's connection until either side closes it."""
    await socket.accept()
    outbox: asyncio.Queue[Transmit | Shut] = asyncio.Queue(OUTBOX)
    overrun, moved = asyncio.Event(), asyncio.Event()

    def deliver(output: Transmit | Shut) -> None:
        try:
            outbox.put_nowait(output)
        except asyncio.QueueFull:
            overrun.set()

    connection = hub.connected(deliver)
    workers = [
        asyncio.create_task(_read(socket, hub, connection, moved)),
        asyncio.create_task(_write(socket, outbox)),
        asyncio.create_task(_tick(hub, connection, moved)),
        asyncio.create_task(overrun.wait()),
    ]
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        hub.disconnected(connection)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):  # one that reads nothing does not let us close either
                await socket.close(1013 if overrun.is_set() else 1000)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


async def _read(socket: WebSocket, hub: Hub, connection: str, moved: asyncio.Event) -> None:
    before = hub.deadline(connection)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is not None:  # binary frames are not part of the protocol and are ignored
            hub.received(connection, text)
            deadline = hub.deadline(connection)
            if deadline is None or before is None or deadline < before:
                moved.set()
            before = deadline


async def _write(socket: WebSocket, outbox: asyncio.Queue[Transmit | Shut]) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it is gone already
        for count in itertools.count(1):
            match await outbox.get():
                case Transmit(data):
                    await socket.send_text(data.decode())
                    if count % BURST == 0:
                        await asyncio.sleep(0)
                case Shut(code, reason):
                    await socket.close(code, reason)
                    return


async def _tick(hub: Hub, connection: str, moved: asyncio.Event) -> None:
    """Ends a while after the connection was closed: one that takes nothing any more is not written to its end."""
    while (deadline := hub.deadline(connection)) is not None:
        moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(deadline - hub.clock(), 0.001)):
                await moved.wait()
        hub.ticked(connection)
    await asyncio.sleep(CLOSE_SECONDS)

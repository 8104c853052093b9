"""A client's WebSocket without tasks and queues: messages are handed over as they arrive, and written in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event

from pinecall_run.protocol.outputs import Probe, Shut, Transmit

Outgoing = Transmit | Probe | Shut

CLOSE_SECONDS = 0.5
"""How long the other side may take to close; then the connection is dropped."""

_PING = b"alive?"


class Socket(ClientConnection):
    """What :func:`websockets.asyncio.client.connect` opens; its handshake is used, its queue of messages is not.

    One task for each direction and a queue between would cost more than all the rest of a message.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deliver: Callable[[bytes], None] | None = None
        self._heard: Callable[[], None] = lambda: None
        self._early: list[bytes] = []
        self._parts: list[bytes] = []
        self._is_closing = False

    def listen(self, deliver: Callable[[bytes], None], heard: Callable[[], None]) -> None:
        """Hand text messages to ``deliver`` from now on, and those before; ``heard`` learns of pongs.

        Neither may raise.
        """
        self._deliver, self._heard = deliver, heard
        while self._early:
            deliver(self._early.pop(0))

    def write(self, outputs: Iterable[Outgoing]) -> int:
        """Write, with one call of the system; returns the bytes that wait for the other side to read.

        What comes once the connection is closing is dropped: its loss is about to be told.
        """
        for output in outputs:
            if self.protocol.state is not OPEN:
                return 0
            match output:
                case Transmit(data):
                    self.protocol.send_text(data)
                case Probe():
                    self.protocol.send_ping(_PING)
                case Shut(code, reason):
                    self.protocol.send_close(code, reason)
                    break
        self.transport.write(b"".join(self.protocol.data_to_send()))
        self._expect_close()
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Drop the connection without a goodbye."""
        self.transport.abort()

    def process_event(self, event: Event) -> None:
        """Overrides: a frame arrived. Binary messages are no part of the protocol and ignored."""
        if self.response is None or not isinstance(event, Frame):
            super().process_event(event)
            return
        if event.opcode is Opcode.TEXT and event.fin and self._deliver is not None:
            self._deliver(bytes(event.data))
            return
        match event.opcode:
            case Opcode.TEXT if event.fin:
                self._message(bytes(event.data))
            case Opcode.TEXT:
                self._parts = [bytes(event.data)]
            case Opcode.CONT if self._parts:
                self._parts.append(bytes(event.data))
                if event.fin:
                    parts, self._parts = self._parts, []
                    self._message(b"".join(parts))
            case Opcode.PONG:
                self._heard()

    def data_received(self, data: bytes) -> None:
        """Overrides: bytes arrived."""
        super().data_received(data)
        self._expect_close()

    def _message(self, message: bytes) -> None:
        if self._deliver is None:
            self._early.append(message)
        else:
            self._deliver(message)

    def _expect_close(self) -> None:
        if not self._is_closing and self.protocol.close_expected():
            self._is_closing = True
            self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

"""Our engine behind our Twilio door, under the load of ``peers/twilio_load.py``: the measured process."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter

import uvicorn
from peers.load import Measured, Order
from peers.twilio_load import measure
from spoken.calls import Ear, Mind, Voice
from spoken.runner import BEGINS
from spoken.stage import Stage, stage
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from pinecall_run.audio.chunk import CHUNK_SECONDS, Samples
from pinecall_run.transports.contract import Caller
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.twilio_media import Start
from pinecall_run.transports.twilio_stream import StreamCall, serve_stream
from pinecall_run.voice.spoken_call import SpokenCall
from pinecall_run.wire.events import CallEvent, TurnEnd


class Desk:
    """Admits everybody, and counts."""

    def __init__(self, it: Stage, measured: Measured) -> None:
        self.heard_chunks = 0
        self._stage = it
        self._measured = measured
        self._metronome = Metronome()

    def admit(self, start: Start, stream: StreamCall) -> Counted:
        """See ``serve_stream``."""
        caller = Caller("phone", time.monotonic, reports_playing=True)
        call, _ = self._stage.open(Page(stream, self._measured), caller)
        return Counted(call, self)

    async def serve(self, socket: WebSocket) -> None:
        """One stream."""
        await serve_stream(socket, self.admit, self._metronome, Counter())

    async def listen(self) -> str:
        """Open the door, as the server does."""
        app = Starlette(routes=[WebSocketRoute("/", self.serve)])
        config = uvicorn.Config(
            app, port=0, log_config=None, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off"
        )
        server = uvicorn.Server(config)
        self._serving = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.01)
        return f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"

    def heard(self) -> float:
        """Seconds of all callers."""
        return self.heard_chunks * CHUNK_SECONDS


class Counted:
    """A call whose chunks are counted."""

    def __init__(self, call: SpokenCall, desk: Desk) -> None:
        self.id, self.phone = call.id, call.phone
        self.take, self.act, self.end = call.take, call.act, call.end
        self._hear, self._desk = call.hear, desk

    def hear(self, chunk: Samples) -> None:
        """See the contract."""
        self._desk.heard_chunks += 1
        self._hear(chunk)


class Page:
    """An outlet on its way to the door's."""

    def __init__(self, stream: StreamCall, measured: Measured) -> None:
        self.ended = stream.ended
        self._event, self._measured = stream.event, measured

    def event(self, event: CallEvent) -> None:
        """See the contract."""
        self._measured.turns += isinstance(event, TurnEnd)
        self._event(event)


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    async with stage(Mind(), Ear, Voice()) as it:
        desk = Desk(it, measured)
        await measure(measured, desk.listen, desk.heard, lambda: print(BEGINS, flush=True))


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

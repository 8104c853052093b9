"""Our engine behind our Twilio door, under the load of ``peers/twilio_load.py``: the measured process."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

import uvicorn
from peers.line_load import measure
from peers.load import Measured, Order
from peers.twilio_load import Pace, streams
from spoken.calls import Ear, Mind, Voice
from spoken.runner import BEGINS
from spoken.stage import Counted, Stage, stage
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from pinecall_run.transports.contract import Caller
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.twilio_media import Start
from pinecall_run.transports.twilio_stream import StreamCall, serve_stream
from pinecall_run.voice.spoken_call import SpokenCall


class Paced:
    """A stream's messages: one has been heard when the next is asked for."""

    def __init__(self, receive: Receive, measured: Measured) -> None:
        self._receive = receive
        self._pace = Pace(measured)
        self._text = ""

    async def receive(self) -> Message:
        """See ASGI."""
        self._pace.took(self._text)
        message = await self._receive()
        self._text = message.get("text") or ""
        if '"customParameters"' in self._text:
            self._pace.start(json.loads(self._text)["start"]["customParameters"])
        return message


class Desk:
    """Admits everybody."""

    def __init__(self, it: Stage, measured: Measured) -> None:
        self._stage = it
        self._measured = measured
        self._metronome = Metronome()

    def admit(self, start: Start, stream: StreamCall) -> SpokenCall:
        """See ``serve_stream``."""
        caller = Caller("phone", time.monotonic, reports_playing=True)
        return self._stage.open(Counted(stream, self._measured), caller)[0]

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream."""
        socket = WebSocket(scope, Paced(receive, self._measured).receive, send)
        await serve_stream(socket, self.admit, self._metronome, Counter())

    async def listen(self) -> str:
        """Open the door, as the server does."""
        config = uvicorn.Config(
            self.serve,
            port=0,
            log_config=None,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
        )
        server = uvicorn.Server(config)
        self._serving = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.01)
        return f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    async with stage(Mind(), Ear, Voice()) as it:
        await measure(measured, Desk(it, measured).listen, streams, lambda: print(BEGINS, flush=True))


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

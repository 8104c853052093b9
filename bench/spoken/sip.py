"""Our engine behind our SIP door, under the load of ``peers/sip_load.py``: the measured process."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

from peers.line_load import measure
from peers.load import Measured, Order
from peers.sip_load import HOST, telephones
from spoken.calls import Ear, Mind, Voice
from spoken.runner import BEGINS
from spoken.stage import AGENT, Counted, Stage, stage

from pinecall_run.audio.chunk import Samples
from pinecall_run.protocol.registry import Agent
from pinecall_run.transports.contract import AudioOutlet, Caller
from pinecall_run.voice.sip_door import SipDoor
from pinecall_run.voice.sip_settings import read_sip
from pinecall_run.voice.spoken_call import SpokenCall

PATIENCE = 60
"""Seconds: the first telephone is silent until the last one has called."""


class Heard:
    """A call whose chunks are counted."""

    def __init__(self, call: SpokenCall, measured: Measured) -> None:
        self.id, self.phone = call.id, call.phone
        self.take, self.act, self.end = call.take, call.act, call.end
        self._hear, self._measured = call.hear, measured

    def hear(self, chunk: Samples) -> None:
        """See the contract."""
        self._measured.chunks += 1
        self._hear(chunk)


class Desk:
    """The server's, but that its one agent answers everybody, on the stage."""

    def __init__(self, it: Stage, measured: Measured) -> None:
        self._stage, self._measured = it, measured

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage.phone, name)

    def answering(self, to: str, from_: str) -> Agent | None:
        """See ``PhoneDesk``."""
        return self._stage.registry.agents[AGENT]

    def begin(self, agent: Agent, call_id: str, outlet: AudioOutlet, caller: Caller) -> Heard:
        """See ``PhoneDesk``."""
        return Heard(self._stage.open(Counted(outlet, self._measured), caller)[0], self._measured)


class Door:
    """Ours."""

    def __init__(self, it: Stage, measured: Measured) -> None:
        desk: Any = Desk(it, measured)
        self._port = _free_port()
        written = {"listen": f"{HOST}:{self._port}", "trunks": [{"peers": [HOST]}], "silence_seconds": PATIENCE}
        self._door = SipDoor(desk, it.registry, read_sip(json.dumps(written)))

    async def listen(self) -> str:
        """Open it."""
        await self._door.open()
        assert not self._door.missing(), self._door.missing()
        return f"{AGENT}@{HOST}:{self._port}"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    async with stage(Mind(), Ear, Voice()) as it:
        await measure(measured, Door(it, measured).listen, telephones, lambda: print(BEGINS, flush=True))


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

"""Our engine behind our WebRTC door, under the load of ``peers/webrtc_load.py``: the measured process."""

from __future__ import annotations

import asyncio
import sys

from peers.load import Measured, Order
from peers.webrtc_load import measure
from spoken.calls import Ear, Mind, Voice
from spoken.runner import BEGINS
from spoken.stage import Counted, Stage, stage

from pinecall_run.audio.chunk import CHUNK_SECONDS, Samples
from pinecall_run.transports.contract import AdmittedCall, AudioOutlet, Caller
from pinecall_run.transports.webrtc import Calls, Request
from pinecall_run.voice.spoken_call import SpokenCall


class Reception:
    """Admits everybody, and counts."""

    def __init__(self, it: Stage, measured: Measured) -> None:
        self.heard_chunks = 0
        self._stage = it
        self._measured = measured

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        """See the contract."""
        call, _ = self._stage.open(Counted(outlet, self._measured), caller)
        return AdmittedCall(Heard(call, self), is_developer=False)

    def heard(self) -> float:
        """Seconds of all callers."""
        return self.heard_chunks * CHUNK_SECONDS


class Heard:
    """A call whose chunks are counted."""

    def __init__(self, call: SpokenCall, reception: Reception) -> None:
        self.id = call.id
        self.take, self.act, self.end = call.take, call.act, call.end
        self._hear, self._reception = call.hear, reception

    def hear(self, chunk: Samples) -> None:
        self._reception.heard_chunks += 1
        self._hear(chunk)


async def main(order: Order) -> None:
    """Run it."""
    measured = Measured(order)
    async with stage(Mind(), Ear, Voice()) as it:
        reception = Reception(it, measured)
        calls = Calls(reception, host="127.0.0.1")

        async def answer(sdp: str) -> str:
            return (await calls.answer(Request(sdp, "t", is_here=True))).sdp

        await measure(measured, answer, reception.heard, lambda: print(BEGINS, flush=True))


if __name__ == "__main__":
    asyncio.run(main(Order.given(sys.argv[1:])))

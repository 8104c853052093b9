"""What a browser call's media costs: our transport with an echo at its end, against aiortc's own peer that echoes.

The callers are aiortc peers in a child process, which is not measured; everything is on 127.0.0.1. Prints one JSON
line: per cent of a core per call, and 20 ms frames that arrived of those that were due, each way. A whole call beside
Pipecat's is in ``webrtc_calls.py``.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

import aioice.ice
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.audio.frame import AudioFrame

from pinecall_run.audio.chunk import Samples
from pinecall_run.transports.contract import AdmittedCall, AudioOutlet, Caller
from pinecall_run.transports.webrtc import Calls, Request

CALLS, SECONDS, WARM_SECONDS = 4, 10.0, 3.0

Answer = Callable[[str], Awaitable[str]]


class Speaker(MediaStreamTrack):
    """Something like speech: syllables of noise over a voiced tone, 48 kHz."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        at = np.arange(48_000 * 4) / 48_000
        voiced = sum(np.sin(2 * np.pi * 140 * number * at) / number for number in range(1, 12))
        noise = np.random.default_rng(1).normal(0, 0.2, len(at))
        self._pcm = ((voiced + noise) * 3000 * np.abs(np.sin(np.pi * 3 * at))).astype(np.int16)
        self._at, self._began = 0, 0.0

    async def recv(self) -> AudioFrame:
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(self._began + self._at / 48_000 - time.monotonic(), 0))
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        start = self._at % len(self._pcm)
        frame.planes[0].update(self._pcm[start : start + 960].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._at, fractions.Fraction(1, 48_000)
        self._at += 960
        return frame


class Echo:
    """A conversation that says what it heard last."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.heard = 0
        self._last: Samples | None = None

    def hear(self, chunk: Samples) -> None:
        self.heard += 1
        self._last = chunk

    def take(self) -> Samples | None:
        return self._last

    def act(self, action: Mapping[str, Any]) -> None: ...

    def end(self, reason: str) -> None: ...


class Ours:
    def __init__(self) -> None:
        self.sessions: list[Echo] = []
        self._calls = Calls(self, host="127.0.0.1")

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        self.sessions.append(Echo(f"call-{len(self.sessions)}"))
        return AdmittedCall(self.sessions[-1], is_developer=False)

    async def answer(self, sdp: str) -> str:
        return (await self._calls.answer(Request(sdp, "t"))).sdp

    def heard(self) -> int:
        return sum(session.heard for session in self.sessions)

    async def close(self) -> None:
        await self._calls.close()


class Theirs:
    """aiortc's peer connection; its echo gives the frames back that it decoded."""

    def __init__(self) -> None:
        self._count = 0
        self._peers: list[RTCPeerConnection] = []

    async def answer(self, sdp: str) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        peer.on("track", lambda track: peer.addTrack(_Counted(track, self._note)))
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    def _note(self) -> None:
        self._count += 1

    def heard(self) -> int:
        return self._count

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in self._peers))


class _Counted(MediaStreamTrack):
    kind = "audio"

    def __init__(self, track: MediaStreamTrack, note: Callable[[], None]) -> None:
        super().__init__()
        self._track, self._note = track, note

    async def recv(self) -> Any:
        frame = await self._track.recv()
        self._note()
        return frame


async def _measure(side: Ours | Theirs) -> dict[str, float]:
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_callers, args=(far,), daemon=True)
    child.start()
    try:
        for _ in range(CALLS):
            near.send(await side.answer(await asyncio.to_thread(near.recv)))
        await asyncio.to_thread(near.recv)  # every caller hears something
        await asyncio.sleep(WARM_SECONDS)
        near.send(None)
        await asyncio.to_thread(near.recv)
        before, cpu, began = side.heard(), time.process_time(), time.monotonic()
        await asyncio.sleep(SECONDS)
        cpu, took = time.process_time() - cpu, time.monotonic() - began
        heard = side.heard() - before
        near.send(None)
        back = await asyncio.to_thread(near.recv)
    finally:
        child.kill()
        await side.close()
    due = CALLS * took * 50
    return {
        "per_call_percent": round(100 * cpu / took / CALLS, 2),
        "heard": round(heard / due, 3),
        "echoed": round(back / due, 3),
    }


def _callers(parent: Connection) -> None:
    asyncio.run(_call(parent))


async def _call(parent: Connection) -> None:
    counts = [0] * CALLS
    listening = []

    async def listen(number: int, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            counts[number] += 1

    for number in range(CALLS):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTrack(Speaker())
        peer.on("track", lambda track, number=number: listening.append(asyncio.create_task(listen(number, track))))
        await peer.setLocalDescription(await peer.createOffer())
        parent.send(peer.localDescription.sdp)
        answer = await asyncio.to_thread(parent.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    while not all(counts):  # noqa: ASYNC110 - frames come fifty times a second
        await asyncio.sleep(0.05)
    parent.send(None)
    while True:
        await asyncio.to_thread(parent.recv)
        parent.send(sum(counts))
        counts[:] = [0] * CALLS


def main() -> None:
    ours = asyncio.run(_measure(Ours()))
    theirs = asyncio.run(_measure(Theirs()))
    ratio = ours["per_call_percent"] / theirs["per_call_percent"]
    print(
        json.dumps(
            {
                "bench": "webrtc",
                "calls": CALLS,
                "ours": ours,
                "aiortc": theirs,
                "to_aiortc": round(ratio, 2),
            }
        )
    )


# Here and in the child: neither side offers more than this machine.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

if __name__ == "__main__":
    sys.exit(main())

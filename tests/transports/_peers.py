"""A fake reception for spoken calls, and callers that are aiortc's own peers, all on 127.0.0.1."""

from __future__ import annotations

import asyncio
import fractions
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.transports.contract import AdmittedCall, AudioOutlet, Caller, NotAdmittedError
from pinecall_run.transports.webrtc import Calls, Request

GOOD = "wrt_good"


def tone(hertz: float, seconds: float, rate: int = RATE, amplitude: float = 8000) -> Samples:
    """A voice-like sound: a tone with two overtones."""
    at = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hertz * number * at) / number for number in (1, 2, 3))
    return (wave * amplitude / 1.8).astype(np.int16)


def share(samples: npt.NDArray[Any], hertz: float, rate: int = RATE, width: float = 30) -> float:
    """Which part of the energy lies at a frequency and its two overtones."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    near = sum(spectrum[np.abs(frequencies - hertz * number) < width].sum() for number in (1, 2, 3))
    return float(near / max(spectrum.sum(), 1e-9))


class Session:
    """Keeps what it hears; says ``says``, else what it heard a moment ago where ``is_echo``."""

    def __init__(self, number: int, outlet: AudioOutlet, caller: Caller, says: Samples | None, is_echo: bool) -> None:
        self.id = f"call-{number}"
        self.outlet, self.caller = outlet, caller
        self.heard: list[Samples] = []
        self.actions: list[Mapping[str, Any]] = []
        self.reason = ""
        self.taken = 0
        self._says, self._is_echo = says, is_echo

    def hear(self, chunk: Samples) -> None:
        assert chunk.shape == (CHUNK_SAMPLES,)
        assert chunk.dtype == np.int16
        self.heard.append(chunk)

    def take(self) -> Samples | None:
        self.taken += 1
        if self._is_echo:
            return self.heard[-1]
        start = (self.taken - 1) * CHUNK_SAMPLES
        if self._says is None or start + CHUNK_SAMPLES > len(self._says):
            return None
        return self._says[start : start + CHUNK_SAMPLES]

    def act(self, action: Mapping[str, Any]) -> None:
        self.actions.append(action)

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason

    @property
    def sound(self) -> Samples:
        return np.concatenate(self.heard)


class Reception:
    """Admits the token ``wrt_good`` as often as it likes, ``wrt_once`` once, and no other."""

    def __init__(self, says: Samples | None = None, *, is_echo: bool = False, is_developer: bool = False) -> None:
        self.sessions: list[Session] = []
        self.is_developer = is_developer
        self._says, self._is_echo = says, is_echo
        self._once = {"wrt_once"}

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        assert kind == "webrtc"
        if token != GOOD and token not in self._once:
            raise NotAdmittedError("the token was used before; ask for a new one")
        self._once.discard(token)
        self.sessions.append(Session(len(self.sessions), outlet, caller, self._says, self._is_echo))
        return AdmittedCall(self.sessions[-1], self.is_developer)


@asynccontextmanager
async def calls(reception: Reception) -> AsyncIterator[Calls]:
    it = Calls(reception, host="127.0.0.1")
    Phone.all.clear()  # others live in another event loop
    try:
        yield it
    finally:
        await it.close()
        while Phone.all:
            await Phone.all.pop().hang_up()


class Microphone(MediaStreamTrack):
    """Plays samples of 48 kHz over and over, in real time."""

    kind = "audio"

    def __init__(self, samples: Samples) -> None:
        super().__init__()
        self._samples, self._at, self._due = samples, 0, 0.0

    async def recv(self) -> AudioFrame:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - 0.2) + 0.02 if self._due else now
        await asyncio.sleep(max(self._due - now, 0))
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(np.take(self._samples, range(self._at, self._at + 960), mode="wrap").tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._at, fractions.Fraction(1, 48_000)
        self._at += 960
        return frame


class Phone:
    """A browser's part, by aiortc: microphone, loudspeaker, and the channel."""

    all: ClassVar[list[Phone]] = []

    def __init__(self, samples: Samples | None = None, *, has_channel: bool = True) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.all.append(self)
        self.peer.addTrack(Microphone(tone(440, 1, 48_000) if samples is None else samples))
        self.messages: list[str] = []
        self.frames: list[npt.NDArray[Any]] = []
        self.channel = self.peer.createDataChannel("events") if has_channel else None
        if self.channel:
            self.channel.on("message", self.messages.append)
        self._listening: list[asyncio.Task[None]] = []
        self.peer.on("track", lambda track: self._listening.append(asyncio.create_task(self._listen(track))))

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def call(self, calls: Calls, **more: Any) -> str:
        answer = await calls.answer(Request(await self.offer(), more.pop("token", GOOD), **more))
        await self.accept(answer.sdp)
        return answer.session_id

    async def _listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        while True:
            frame = await track.recv()
            assert isinstance(frame, AudioFrame)
            self.frames += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]

    async def hang_up(self) -> None:
        await self.peer.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def spoil(self, loss: float, jitter: float) -> None:
        """From now on its sound goes over a bad line."""
        transport = self.peer.getTransceivers()[0].receiver.transport.transport
        send, chance, loop = transport._connection.send, random.Random(3), asyncio.get_running_loop()

        def late(data: bytes) -> None:
            pair = transport._connection._nominated.get(1)
            if pair:
                pair.protocol.transport.sendto(data, pair.remote_addr)

        async def lossy(data: bytes) -> None:
            if not 127 < data[0] < 192:
                await send(data)
            elif chance.random() >= loss:
                loop.call_later(chance.random() * jitter, late, data)

        transport._send = lossy

    async def vanish(self) -> None:
        """No goodbye: the sockets are gone."""
        for transceiver in self.peer.getTransceivers():
            transceiver.receiver.transport.transport._connection._nominated.clear()
        await self.hang_up()


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiortc's peers, too, offer nothing but 127.0.0.1."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])

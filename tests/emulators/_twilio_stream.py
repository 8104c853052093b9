"""Twilio's end of a media stream: sends what a person says in real time, plays what it is sent, keeps marks and clears.

What is played is kept with the moment at which each 20 ms were heard, so that a test can measure silence.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FRAME = 160
"""Bytes of 20 ms of mu-law at 8 kHz."""
SECONDS = 0.02
QUIET = 0xFF
"""The code of silence."""
MOST_BUFFERED = 10 * 60 * 8000
"""Bytes: ten minutes (warning 31931)."""

IN = {"media": {"payload"}, "mark": {"name"}, "clear": set()}
"""What may be sent to Twilio, with the keys of the object of that name."""


@dataclass
class Stream:
    """One media stream. ``ring`` is called with nothing when it is over.

    Attributes:
        said: mu-law still to be sent, 20 ms at a time; silence when there is none.
        played: for each 20 ms that something was played, when, and the 160 bytes.
        marks: names that were sent back, in order; ``cleared`` those that came back by a clear.
    """

    url: str
    stream_sid: str
    call_sid: str
    account_sid: str
    parameters: Mapping[str, str]
    signature: str
    problems: list[str]
    said: deque[bytes] = field(default_factory=deque)
    played: list[tuple[float, bytes]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    clears: list[float] = field(default_factory=list)
    is_silent: bool = False
    """Sends no media at all, as for a caller whose line transmits nothing."""
    is_stuck: bool = False
    """Plays nothing of what it is sent, and keeps it."""
    close_code: int | None = None
    close_reason: str = ""
    on_tick: Callable[[], None] = lambda: None
    _buffer: deque[bytes | str] = field(default_factory=deque)
    _rest: bytes = b""
    _sequence: int = 0
    _socket: ClientConnection | None = None

    async def run(self) -> None:
        """From the handshake to the end, whoever ends it."""
        headers = {"X-Twilio-Signature": self.signature}
        async with connect(self.url, additional_headers=headers, compression=None) as socket:
            self._socket = socket
            await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
            await self._send("start", start=self._start())
            reading, beating = asyncio.create_task(self._read(socket)), asyncio.create_task(self._beat())
            try:
                await asyncio.wait([reading, beating], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (reading, beating):
                    task.cancel()
                results = await asyncio.gather(reading, beating, return_exceptions=True)
                with contextlib.suppress(ConnectionClosed):
                    await self._send("stop", stop={"accountSid": self.account_sid, "callSid": self.call_sid})
                await socket.close()
                self.close_code, self.close_reason = socket.close_code, socket.close_reason or ""
            for result in results:
                if isinstance(result, Exception) and not isinstance(result, ConnectionClosed):
                    raise result

    def _start(self) -> dict[str, Any]:
        return {
            "accountSid": self.account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(self.parameters),
        }

    async def press(self, digit: str) -> None:
        """A key."""
        await self._send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def send_raw(self, text: str | bytes) -> None:
        """What Twilio would never send."""
        assert self._socket is not None
        await self._socket.send(text)

    async def drop(self) -> None:
        """The network is gone, without a stop."""
        assert self._socket is not None
        self._socket.transport.abort()

    async def _send(self, event: str, **fields: Any) -> None:
        assert self._socket is not None
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), **fields, "streamSid": self.stream_sid}
        await self._socket.send(json.dumps(message))

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        began, chunk = loop.time(), 0
        while True:
            chunk += 1
            await asyncio.sleep(max(began + chunk * SECONDS - loop.time(), 0))
            said = self.said.popleft() if self.said else bytes([QUIET]) * FRAME
            if not self.is_silent:
                payload = base64.b64encode(said).decode()
                media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(chunk * 20), "payload": payload}
                await self._send("media", media=media)
            await self._play(loop.time())
            self.on_tick()

    async def _play(self, now: float) -> None:
        """20 ms of what was buffered; marks go back when what was before them has been played."""
        frame = b""
        while self._buffer and not self.is_stuck and (isinstance(self._buffer[0], str) or len(frame) < FRAME):
            first = self._buffer.popleft()
            if isinstance(first, str):
                self.marks.append(first)
                await self._send("mark", mark={"name": first})
                continue
            frame += first
            if len(frame) > FRAME:
                self._buffer.appendleft(frame[FRAME:])
                frame = frame[:FRAME]
        if frame:
            self.played.append((now, frame.ljust(FRAME, bytes([QUIET]))))

    async def _read(self, socket: ClientConnection) -> None:
        async for message in socket:
            problem = await self._take(message)
            if problem:
                self.problems.append(f"stream: {problem}")

    async def _take(self, message: str | bytes) -> str:
        if isinstance(message, bytes):
            return "a binary message"
        try:
            said = json.loads(message)
        except ValueError:
            return "31950: a message that is not JSON"
        event = said.get("event")
        if event not in IN:
            return f"31951: the event {event!r} is not one that Twilio takes"
        if said.get("streamSid") != self.stream_sid:
            return f"31951: a {event} of another stream"
        if said.keys() - {"event", "streamSid", event}:
            return f"31951: a {event} with more than it has: {sorted(said)}"
        if event != "clear" and set(said.get(event) or ()) != IN[event]:
            return f"31951: a {event} without its own object"
        return await self._obey(event, said)

    async def _obey(self, event: str, said: Mapping[str, Any]) -> str:
        match event:
            case "media":
                try:
                    payload = base64.b64decode(said["media"]["payload"], validate=True)
                except (binascii.Error, TypeError, ValueError):
                    return "31951: a payload that is not base64"
                if not payload or payload.startswith(b"RIFF"):
                    return "31951: a payload that is not mu-law"
                self._buffer.append(payload)
                if sum(len(each) for each in self._buffer if isinstance(each, bytes)) > MOST_BUFFERED:
                    return "31931: more than ten minutes of sound are buffered"
            case "mark":
                self._buffer.append(str(said["mark"]["name"]))
            case "clear":
                self.clears.append(asyncio.get_running_loop().time())
                names = [each for each in self._buffer if isinstance(each, str)]
                self._buffer.clear()
                for name in names:
                    self.cleared.append(name)
                    await self._send("mark", mark={"name": name})
        return ""

    @property
    def buffered_seconds(self) -> float:
        """What waits to be played."""
        return sum(len(each) for each in self._buffer if isinstance(each, bytes)) / 8000

    def loud_since(self, moment: float) -> list[float]:
        """When, after a moment of the loop's clock, something was heard that is not silence."""
        return [at for at, frame in self.played if at > moment and is_loud(frame)]


def is_loud(frame: bytes) -> bool:
    """Whether there is sound in mu-law: codes near 0xFF and 0x7F are quiet."""
    codes = ~np.frombuffer(frame, np.uint8)
    return bool(((codes & 0x7F) > 0x30).any())

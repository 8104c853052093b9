"""How late a telephone's sound is while somebody floods the server's ports with garbage: calls over SIP beside it.

The server is the real program on a core of its own; those who call and who floods share the other. Garbage comes from
an address that may call, so all of it is read: half goes to the port of SIP, some of it begun like a message, half to
the ports of live calls' sound. A packet's lateness is that of its arrival (the kernel's time) after the moment that its
timestamp names, counted from the earliest of the two seconds around it: whoever plays packets adapts as slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import struct
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from _served import KEY, PATIENCE, cpu_seconds, served
from calls import RUNNER
from peers.load import pin, quantile
from websockets.asyncio.client import ClientConnection, connect

GOAL_MS = 20.0
HOST, AGENT = "127.0.0.1", "desk"
WARM_SECONDS = 3.0
SPOKEN = "Thank you for calling. All of us are busy, and somebody will be with you in a moment. " * 8
"""More than is measured: the agent speaks all the time."""
SILENCE = b"\xff" * 160
ADAPTED_PACKETS = 100
SO_TIMESTAMPNS = 35
"""Linux: a datagram says when it arrived."""

INVITE = """INVITE sip:{agent}@{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{own};rport
From: <sip:+15550001111@{host}>;tag={own}
To: <sip:{agent}@{host}:{port}>
Call-ID: {own}
CSeq: 1 INVITE
Contact: <sip:{host}:{own}>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: {length}

"""
OFFER = """v=0
o=- 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio {sound} RTP/AVP 0
"""
ACK = """ACK sip:{agent}@{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{own}ack;rport
From: <sip:+15550001111@{host}>;tag={own}
To: <sip:{agent}@{host}:{port}>;tag={tag}
Call-ID: {own}
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

"""


@dataclass
class Telephone:
    """One call: what it hears is counted, what it says is silence."""

    talks: socket.socket = field(default_factory=lambda: _socket())
    sounds: socket.socket = field(default_factory=lambda: _socket())
    server_sound: int = 0
    offsets: list[float] = field(default_factory=list)
    """Of each packet: its arrival, less the time that it was made for."""
    _sequence: int = 0

    async def call(self, port: int) -> None:
        """Call, and be answered."""
        loop = asyncio.get_running_loop()
        own = self.talks.getsockname()[1]
        given: dict[str, Any] = {"agent": AGENT, "host": HOST, "port": port, "own": own}
        offer = OFFER.format(host=HOST, sound=self.sounds.getsockname()[1])
        await loop.sock_sendto(
            self.talks, _wire(INVITE.format(**given, length=len(_wire(offer))) + offer), (HOST, port)
        )
        answer = ""
        while not answer.startswith("SIP/2.0 200"):
            answer = (await loop.sock_recv(self.talks, 4_096)).decode()
            assert answer.startswith(("SIP/2.0 1", "SIP/2.0 200")), answer.partition("\r\n")[0]
        tag, sound = re.search(r"^To:.*;tag=([^;\s]+)", answer, re.M), re.search(r"^m=audio (\d+)", answer, re.M)
        assert tag is not None
        assert sound is not None
        self.server_sound = int(sound[1])
        await loop.sock_sendto(self.talks, _wire(ACK.format(**given, tag=tag[1])), (HOST, port))

    def read(self) -> None:
        """Take what came."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, more, _, _ = self.sounds.recvmsg(2_048, 64)
                stamp = next((_nanoseconds(each[2]) for each in more if each[1] == SO_TIMESTAMPNS), time.time_ns())
                self.offsets.append(stamp / 1e9 - struct.unpack_from("!L", data, 4)[0] / 8_000)

    def say(self) -> None:
        """20 ms of silence."""
        self._sequence += 1
        header = struct.pack("!BBHLL", 0x80, 0, self._sequence & 0xFFFF, self._sequence * 160, 7)
        self.sounds.sendto(header + SILENCE, (HOST, self.server_sound))


async def flood(*, calls: int = 10, seconds: float = 8.0, a_second: int = 1_000) -> dict[str, Any]:
    """Measure ``calls`` for so long without garbage and, then, with so many packets of it ``a_second``."""
    pin(RUNNER)
    port = _socket_port()
    sip = {"listen": f"{HOST}:{port}", "trunks": [{"peers": [HOST]}]}
    async with served(PINECALL_SIP=json.dumps(sip)) as (server, address), _runner(address):
        phones = [Telephone() for _ in range(calls)]
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for phone in phones:
                group.create_task(phone.call(port))
        talking = asyncio.create_task(_talk(phones))
        try:
            await asyncio.sleep(WARM_SECONDS)
            calm = await _heard(server, phones, seconds)
            ports = [port if number % 2 else phone.server_sound for phone in phones for number in range(2)]
            words = [str(word) for word in (seconds, a_second, *ports)]
            pouring = await asyncio.create_subprocess_exec(sys.executable, __file__, *words, stdout=PIPE)
            flooded = await _heard(server, phones, seconds)
            poured = float((await pouring.communicate())[0])
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
    rate = {"garbage_a_second": round(poured / seconds)}
    return {"calls": calls, "seconds": seconds, **rate, "calm": calm, "flooded": flooded, "goal_p99_ms": GOAL_MS}


async def _talk(phones: Sequence[Telephone]) -> None:
    loop = asyncio.get_running_loop()
    for phone in phones:
        loop.add_reader(phone.sounds, phone.read)
    due = loop.time()
    while True:
        for phone in phones:
            phone.say()
        due += 0.02
        await asyncio.sleep(max(due - loop.time(), 0))


async def _heard(server: int, phones: Sequence[Telephone], seconds: float) -> dict[str, float]:
    for phone in phones:
        phone.offsets.clear()
    used = cpu_seconds(server)
    await asyncio.sleep(seconds)
    used = cpu_seconds(server) - used
    late = sorted(each for phone in phones for each in _behind(phone.offsets))
    return {
        "late_p50_ms": round(1_000 * quantile(late, 0.5), 2),
        "late_p99_ms": round(1_000 * quantile(late, 0.99), 2),
        "sent_of_due": round(len(late) * 0.02 / seconds / len(phones), 3),
        "server_cpu_percent": round(100 * used / seconds, 1),
    }


def _behind(offsets: Sequence[float]) -> Iterator[float]:
    for start in range(0, len(offsets), ADAPTED_PACKETS):
        some = offsets[start : start + ADAPTED_PACKETS]
        yield from (each - min(some) for each in some)


@asynccontextmanager
async def _runner(address: str) -> AsyncIterator[None]:
    """The runner of an agent that speaks for some seconds to whoever calls."""
    llm = {"provider": "scripted", "model": "bench", "enabled": True, "script": {"rules": [], "otherwise": "Yes."}}
    agent = {"agent_id": AGENT, "llm": llm, "stt": "local", "voice": "local", "greeting": SPOKEN.strip()}
    async with connect(f"ws://{address}/client", compression=None, max_queue=None) as runner:
        for frame in (
            {"event": "connect", "api_key": KEY},
            {"event": "agent.create", **agent},
            {"event": "channel.add", "agent_id": AGENT, "type": "phone", "ref": f"sip:{AGENT}@acme.example"},
        ):
            await runner.send(json.dumps(frame))
        async with asyncio.timeout(PATIENCE):
            while (told := json.loads(await runner.recv()))["event"] != "channel.added":
                assert told["event"] not in ("error", "ping"), told
        assert told.get("served", True), told
        reading = asyncio.create_task(_read(runner))
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(runner: ClientConnection) -> None:
    async for message in runner:
        if json.loads(message)["event"] == "ping":
            await runner.send('{"event":"pong"}')


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    made.bind((HOST, 0))
    return made


def _socket_port() -> int:
    with _socket() as probe:
        return int(probe.getsockname()[1])


def _nanoseconds(data: bytes) -> int:
    seconds, rest = struct.unpack("@qq", data[:16])
    return int(seconds) * 1_000_000_000 + int(rest)


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _pour(seconds: float, a_second: int, ports: Sequence[int]) -> int:
    """Flood; how many packets it were."""
    heads = b"INVITE sip:a@b SIP/2.0\r\n", b"", b"SIP/2.0 200 OK\r\n\r\n", b"\x80\x00"
    number, began = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        while (now := time.monotonic() - began) < seconds:
            way.sendto(heads[number // len(ports) % len(heads)] + os.urandom(300), (HOST, ports[number % len(ports)]))
            number += 1
            time.sleep(max(number / a_second - now, 0))
    return number


if __name__ == "__main__":
    if sys.argv[1:]:
        print(_pour(float(sys.argv[1]), int(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
    else:
        print(json.dumps({"bench": "flood", **asyncio.run(flood())}))

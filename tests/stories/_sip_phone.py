"""A telephone of SIP: sipp makes its calls; a player of packets that knows nothing of ours its sound and its keys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests._ports import free_port
from tests.emulators.speech import emulated
from tests.sip._sipp import LOOPBACK, SCENARIOS, sipp
from tests.voice._door import Socket, client, server
from tests.voice._stage import KEY, scripted

from pinecall_run.voice.sip_settings import SipSettings, read_sip

LOBBY = "sip:lobby@acme.example"
TALKER = scripted({"when": "order", "reply": "It is on its way to you."}, otherwise="I heard you.")

MU_SILENCE = 0xFF
EVENTS = "0123456789*#ABCD"


@dataclass
class Got:
    """A packet that arrived."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes

    @property
    def is_loud(self) -> bool:
        return any(byte & 0x7F < 0x60 for byte in self.payload)


@dataclass
class Player:
    """Sends a packet each 20 ms and keeps what comes back (RFC 3550, RFC 4733)."""

    way: socket.socket
    reports: socket.socket
    got: list[Got] = field(default_factory=list)
    report_count: int = 0
    to: tuple[str, int] | None = None
    is_sending: bool = True
    _sound: bytes = b""
    _ssrc: int = field(default_factory=lambda: random.getrandbits(32))
    _sequence: int = 1000
    _timestamp: int = 160_000

    @property
    def port(self) -> int:
        return int(self.way.getsockname()[1])

    @property
    def loud(self) -> list[Got]:
        return [packet for packet in self.got if packet.payload_type == 0 and packet.is_loud]

    def say(self, sound: bytes) -> None:
        """Mu-law, from now on; silence after it."""
        self._sound += sound

    def packet(self, payload: bytes, payload_type: int = 0, *, timestamp: int | None = None, ssrc: int = 0) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        at = self._timestamp if timestamp is None else timestamp
        return struct.pack("!BBHLL", 0x80, payload_type, self._sequence, at, ssrc or self._ssrc) + payload

    async def press(self, key: str) -> None:
        """Hold a key for 100 ms, with its end said three times."""
        start = self._timestamp
        for step in range(1, 6):
            self._send(self.packet(struct.pack("!BBH", EVENTS.index(key), 10, step * 160), 101, timestamp=start))
            await asyncio.sleep(0.02)
        for _ in range(3):
            self._send(self.packet(struct.pack("!BBH", EVENTS.index(key), 0x8A, 960), 101, timestamp=start))

    def receive(self) -> None:
        while True:
            try:
                data, address = self.way.recvfrom(2048)
            except BlockingIOError:
                return
            self.to = address
            _, kind, sequence, timestamp, _ = struct.unpack_from("!BBHLL", data)
            now = asyncio.get_running_loop().time()
            self.got.append(Got(now, kind & 0x7F, bool(kind & 0x80), sequence, timestamp, data[12:]))

    def receive_report(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.report_count += bool(self.reports.recv(2048))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += 0.02
            await asyncio.sleep(max(due - loop.time(), 0))
            self._timestamp += 160
            if self.is_sending:
                payload, self._sound = self._sound[:160].ljust(160, bytes([MU_SILENCE])), self._sound[160:]
                self._send(self.packet(payload))

    def _send(self, data: bytes) -> None:
        if self.to is not None:  # who is called sends first: only then it is known where to
            self.way.sendto(data, self.to)


@asynccontextmanager
async def player() -> AsyncIterator[Player]:
    """A player on a pair of ports."""
    loop = asyncio.get_running_loop()
    way, reports = pair()
    it = Player(way, reports)
    loop.add_reader(way, it.receive)
    loop.add_reader(reports, it.receive_report)
    playing = asyncio.create_task(it.run())
    try:
        yield it
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        for each in (way, reports):
            loop.remove_reader(each)
            each.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Sockets on an even port and the next one."""
    while True:
        made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        try:
            made[0].bind((LOOPBACK, 0))
            port = int(made[0].getsockname()[1])
            if port % 2 == 0:
                made[1].bind((LOOPBACK, port + 1))
                for each in made:
                    each.setblocking(False)
                return made[0], made[1]
        except OSError:
            pass
        for each in made:
            each.close()


@dataclass
class Lobby:
    """What a story works with."""

    port: int
    runner: Socket
    folder: Path

    def call(self, phone: Player, *more: str, **choices: Any) -> asyncio.Task[None]:
        """A telephone calls; ends when sipp's scenario has come to its end."""
        return asyncio.create_task(self._call(phone, *more, **choices))

    def call_all(self, phones: Sequence[Player], *more: str, stays: int) -> asyncio.Task[None]:
        """All of them call within a second."""
        lines = ["SEQUENTIAL", *(f"{phone.port};" for phone in phones)]
        (self.folder / "phones.csv").write_text("\n".join(lines) + "\n")
        scenario = (SCENARIOS / "phone.xml").read_text().replace("[sound_port]", "[field0]")
        (self.folder / "phones.xml").write_text(scenario)
        many = str(len(phones))
        words = ["-inf", "phones.csv", "-m", many, "-r", many, "-l", many, *more]
        return self.call(phones[0], *words, scenario=str(self.folder / "phones.xml"), stays=stays)

    async def _call(
        self,
        phone: Player,
        *more: str,
        scenario: str = "phone.xml",
        stays: int = 2000,
        codec: int = 0,
        domain: str = LOBBY.partition("@")[2],
        seconds: int = 25,
    ) -> None:
        keys = {"sound_port": phone.port, "codec": codec, "domain": domain}
        given = [word for key, value in keys.items() for word in ("-key", key, str(value))]
        words = ["-sf", str(SCENARIOS / scenario), "-s", "lobby", "-d", str(stays), *given]
        once = () if "-m" in more else ("-m", "1")
        await sipp(self.folder, *words, *once, *more, f"{LOOPBACK}:{self.port}", seconds=seconds)


def settings(port: int, **more: Any) -> SipSettings:
    """Those of a server that trusts this machine."""
    written = {"listen": f"{LOOPBACK}:{port}", "trunks": [{"peers": [LOOPBACK]}], **more}
    read = read_sip(json.dumps(written))
    assert read is not None
    return read


@asynccontextmanager
async def lobby(
    folder: Path, *, sip: dict[str, Any] | None = None, ringing: bool = False, **configuration: Any
) -> AsyncIterator[Lobby]:
    """A server with an agent ``desk`` at sip:lobby@acme.example."""
    own = {"llm": TALKER, "stt": "emulated", "voice": "emulated", "greeting": "Lobby, hello.", **configuration}
    port = free_port()
    with emulated():
        async with (
            server(sip=settings(port, **(sip or {}))) as address,
            client(address, "desk", key=KEY, **own) as runner,
        ):
            await runner.send("channel.add", agent_id="desk", type="phone", ref=LOBBY, ringing=ringing)
            added = await runner.until("channel.added", type="phone")
            assert added.get("served", True), added
            yield Lobby(port, runner, folder)


async def listening(port: int) -> None:
    """Wait until a sipp has its port, over UDP or TCP."""
    async with asyncio.timeout(20):
        while _is_free(port, socket.SOCK_DGRAM) and _is_free(port, socket.SOCK_STREAM):  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(0.05)


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True

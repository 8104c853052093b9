"""The sockets of a user agent: datagrams, connections, names, floods and what cannot be sent."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.voice._fakes import until

from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.core import Settings
from pinecall_run.sip.outputs import Ignored, IncomingCall, Output, Refused, Send
from pinecall_run.sip.peer import Peer
from pinecall_run.transports import sip_sockets
from pinecall_run.transports.handshakes import Handshakes
from pinecall_run.transports.refusals import Tally
from pinecall_run.transports.sip_sockets import EVERYBODY, ROOM, STRANGER, SipSockets

HERE = "127.0.0.1"
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")


def options(port: int, *, way: str = "UDP", branch: str = "z9hG4bK1") -> bytes:
    lines = [
        f"OPTIONS sip:a@{HERE} SIP/2.0",
        f"Via: SIP/2.0/{way} {HERE}:{port};branch={branch};rport",
        f"From: <sip:b@{HERE}>;tag=1",
        f"To: <sip:a@{HERE}>",
        f"Call-ID: {branch}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Place:
    """Sockets, and what was told that is not to be sent."""

    def __init__(self, *, trusts: bool = True, knows: bool = False) -> None:
        self.told: list[Output] = []
        self.ports: Mapping[str, int] = {}
        self.sockets = SipSockets(self._make, self.told.append, trusts=lambda _: trusts, knows=lambda _: knows)

    def _make(self, ports: Mapping[str, int]) -> UserAgent:
        return UserAgent(Settings(HERE, ports), secrets.token_bytes)


@asynccontextmanager
async def place(tls: tuple[Handshakes, int] | None = None, **choices: bool) -> AsyncIterator[Place]:
    it = Place(**choices)
    it.ports = await it.sockets.open(HERE, 0, tls=tls)
    try:
        yield it
    finally:
        await it.sockets.close()


class Phone(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append(data)


@asynccontextmanager
async def phone(to: int) -> AsyncIterator[tuple[asyncio.DatagramTransport, Phone]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Phone, remote_addr=(HERE, to))
    try:
        yield transport, protocol
    finally:
        transport.close()


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.got = b""
        self.is_closed = False

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True


@asynccontextmanager
async def connection(
    to: int, context: ssl.SSLContext | None = None, local_addr: tuple[str, int] | None = None
) -> AsyncIterator[tuple[asyncio.Transport, Connection]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(Connection, HERE, to, ssl=context, local_addr=local_addr)
    try:
        yield transport, protocol
    finally:
        transport.abort()


async def test_datagrams_are_answered() -> None:
    async with place() as it, phone(it.ports["udp"]) as (way, got):
        way.sendto(options(5))
        await until(lambda: got.got)
        assert got.got[0].startswith(b"SIP/2.0 200")


async def test_connections_are_answered_piece_by_piece_and_closed_after_nonsense() -> None:
    async with place() as it, connection(it.ports["tcp"]) as (way, line):
        for piece in (options(5, way="TCP")[:50], options(5, way="TCP")[50:]):
            way.write(piece)
            await asyncio.sleep(0.02)
        await until(lambda: line.got.startswith(b"SIP/2.0 200"))
        way.write(b"no message\r\n\r\n")
        await until(lambda: line.is_closed)
        assert any(isinstance(each, Ignored) for each in it.told)


async def test_connections_may_be_encrypted(tmp_path: Path) -> None:
    made = ["-keyout", str(tmp_path / "k"), "-out", str(tmp_path / "c"), "-days", "2", "-subj", "/CN=localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    refused = Tally("sip")
    async with place((Handshakes(context, refused), 0)) as it:
        async with connection(it.ports["tls"]) as (way, line):
            way.write(options(5, way="TLS"))  # in plain text
            await until(lambda: line.is_closed)
        assert refused["failed handshakes"] == 1
        ours = ssl.create_default_context(cafile=str(tmp_path / "c"))
        ours.check_hostname = False
        async with connection(it.ports["tls"], ours) as (way, line):
            way.write(options(5, way="TLS"))
            await until(lambda: line.got.startswith(b"SIP/2.0 200"))


async def test_strangers_have_an_allowance_and_others_none() -> None:
    for choices, is_bounded in (({"trusts": False}, True), ({"trusts": False, "knows": True}, False)):
        async with place(**choices) as it:
            for number in range(STRANGER[0] + 100):
                it.sockets.received(options(5, branch=f"z9hG4bK{number}"), Peer("udp", HERE, 9))
            assert (it.sockets.flooded > 50) is is_bounded
            refused = sum(isinstance(each, Refused) for each in it.told)
            assert refused + it.sockets.flooded == STRANGER[0] + 100


async def test_all_strangers_together_have_one_too() -> None:
    async with place(trusts=False) as it:
        for number in range(2 * EVERYBODY[0]):
            host = f"192.0.2.{number % 250}"
            it.sockets.received(options(5, branch=f"z9hG4bK{number}"), Peer("udp", host, 9))
        assert it.sockets.flooded > EVERYBODY[0] // 2


async def test_a_timer_of_the_agent_goes_off() -> None:
    async with place() as it, phone(it.ports["udp"]) as (way, got):
        invite = options(5).replace(b"OPTIONS", b"INVITE")
        way.sendto(invite)
        await until(lambda: any(isinstance(each, IncomingCall) for each in it.told))
        call = next(each for each in it.told if isinstance(each, IncomingCall))
        it.sockets.do(lambda agent, now: agent.reject(call.call, now))
        await until(lambda: sum(data.startswith(b"SIP/2.0 486") for data in got.got) >= 2)


async def test_what_cannot_be_sent_is_told_to_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Peer] = []
    async with place() as it:
        monkeypatch.setattr(it.sockets.agent, "lost", lambda peer, now: lost.append(peer))
        peers = [Peer("tcp", HERE, 9), Peer("udp", "name.invalid", 5060)]
        for peer in peers:
            it.sockets.do(lambda agent, now, peer=peer: agent._core.emit(Send(b"x", peer)))  # type: ignore[misc]
        await until(lambda: len(lost) == 2)
        assert set(lost) == set(peers)


async def test_a_name_and_a_new_connection_are_found() -> None:
    async with place() as it, place() as other:
        for way in ("udp", "tcp"):
            peer = Peer(way, "localhost", other.ports[way])
            message = options(5, way=way.upper(), branch=f"z9hG4bK{way}")
            before = len(it.told)
            for _ in range(2):
                it.sockets.do(lambda agent, now: agent._core.emit(Send(message, peer)))  # noqa: B023
            await until(lambda: len(it.told) >= before + 1)  # noqa: B023
        assert all(isinstance(each, Ignored) for each in it.told), "answers to nothing that was asked"


async def test_the_quietest_connection_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_sockets, "MOST_CONNECTIONS", 2)
    async with place() as it, connection(it.ports["tcp"]) as (way, first), connection(it.ports["tcp"]) as (_, quiet):
        await asyncio.sleep(0.02)
        way.write(options(5, way="TCP"))
        await until(lambda: first.got)
        async with connection(it.ports["tcp"]) as (_, last):
            await until(lambda: quiet.is_closed)
            assert not first.is_closed
            assert not last.is_closed


async def test_a_stranger_makes_room_before_friends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_sockets, "MOST_CONNECTIONS", 2)
    async with place() as it, connection(it.ports["tcp"]) as (_, friend):
        await asyncio.sleep(0.02)
        monkeypatch.setattr(it.sockets, "_trusts", lambda host: host == HERE)
        async with (
            connection(it.ports["tcp"], local_addr=("127.0.0.2", 0)) as (_, stranger),
            connection(it.ports["tcp"], local_addr=("127.0.0.2", 0)) as (_, last),
        ):
            await until(lambda: stranger.is_closed)
            assert not friend.is_closed
            assert not last.is_closed


async def test_what_is_done_about_an_output_waits_for_those_before_it() -> None:
    async with place() as it:
        peer = Peer("udp", HERE, 9)
        it.sockets._on_output = lambda _: it.sockets.do(lambda agent, now: agent._core.emit(Send(b"second", peer)))
        sent: list[bytes] = []
        it.sockets._send = lambda data, peer: sent.append(data)  # type: ignore[method-assign]

        def both(agent: UserAgent, now: float) -> None:
            agent._core.emit(Ignored(peer, "anything"))
            agent._core.emit(Send(b"first", peer))

        it.sockets.do(both)
        assert sent == [b"first", b"second"]


async def test_who_reads_nothing_is_cut_off() -> None:
    async with place() as it, connection(it.ports["tcp"]) as (way, line):
        way.pause_reading()
        peer = Peer("tcp", *way.get_extra_info("sockname"))
        await asyncio.sleep(0.02)
        for _ in range(40):
            it.sockets.do(lambda agent, now: agent._core.emit(Send(b"x" * 300_000, peer)))
        way.resume_reading()
        await until(lambda: line.is_closed)


async def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    async with place() as it:
        other = Place()
        with pytest.raises(OSError, match="in use"):
            await other.sockets.open(HERE, it.ports["tcp"])


@pytest.mark.skipif(not RMEM_MAX.exists(), reason="this system does not say how much may wait")
async def test_much_may_wait_while_we_are_busy() -> None:
    wanted = min(ROOM, int(RMEM_MAX.read_text()))
    count = wanted // 2 // 1_500  # the system counts more of each than its bytes
    async with place() as it, phone(it.ports["udp"]) as (way, _):
        for _ in range(count):
            way.sendto(b"garbage" * 100)
        await until(lambda: len(it.told) == count)


async def test_what_breaks_at_its_time_does_not_stop_what_comes_later() -> None:
    async with place() as it:
        done: list[float] = []

        def breaks(now: float) -> None:
            raise StopIteration

        def plan(agent: UserAgent, now: float) -> None:
            agent._core.agenda.add(now + 0.01, breaks)
            agent._core.agenda.add(now + 0.03, done.append)

        it.sockets.do(plan)
        await until(lambda: bool(done), 2)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_name_that_cannot_be_one_is_nowhere(transport: str) -> None:
    async with place() as it:
        lost: list[Peer] = []
        it.sockets.agent.lost = lambda peer, now: lost.append(peer)  # type: ignore[method-assign]
        peer = Peer(transport, "a" * 64 + ".example", 5060)
        it.sockets.do(lambda agent, now: agent._core.transmit(b"OPTIONS", peer))
        await until(lambda: lost == [peer], 2)
        assert not it.sockets._opening


async def test_a_name_is_looked_up_for_addresses_that_the_socket_can_send_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with place() as it, phone(it.ports["udp"]) as (way, other):
        port = way.get_extra_info("sockname")[1]

        async def getaddrinfo(host: str, port: int, *, family: int = 0) -> list[Any]:
            found = {socket.AF_INET6: "::1", socket.AF_INET: HERE}
            return [(each, 0, 0, "", (at, port)) for each, at in found.items() if family in (0, each)]

        monkeypatch.setattr(it.sockets._loop, "getaddrinfo", getaddrinfo)
        it.sockets.do(lambda agent, now: agent._core.transmit(b"OPTIONS", Peer("udp", "both.example", port)))
        await until(lambda: other.got == [b"OPTIONS"], 2)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_whom_we_asked_by_name_is_heard_in_a_flood_of_strangers(transport: str) -> None:
    async with place(trusts=False) as it, place() as other:
        asked = Peer(transport, "localhost", other.ports[transport])
        it.sockets.do(lambda agent, now: agent._core.transmit(options(it.ports["udp"], way=transport.upper()), asked))
        await until(lambda: bool(it.told), 2)
        for number in range(EVERYBODY[0] + STRANGER[0]):
            it.sockets.received(b"noise", Peer("udp", f"198.51.100.{number % 200}", 5060))
        assert it.sockets.flooded
        before = it.sockets.flooded
        it.sockets.received(b"SIP/2.0 200 OK\r\n\r\n", Peer("udp", HERE, 5060) if transport == "udp" else asked)
        assert it.sockets.flooded == before

"""Drives a user agent of SIP: datagrams and connections in and out, one timer, and a fair share for strangers."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.outputs import Close, Output, Send
from pinecall_run.sip.peer import Peer
from pinecall_run.transports._allowance import Allowance
from pinecall_run.transports.handshakes import Handshakes

_LOG = logging.getLogger("pinecall_run.transports")
_T = TypeVar("_T")

MOST_STRANGERS = 1_000
"""Hosts whose messages are counted one by one; all of them together have an allowance, too."""

MOST_NAMED = 100
"""Hosts that are remembered because we asked them by name: what they answer is no stranger's."""

STRANGER = 200, 50
EVERYBODY = 500, 200
"""Messages at once, and a second, of one host that nobody knows and of all of them: each costs the others a little."""

MOST_CONNECTIONS = 500
"""Then the one that has said nothing for the longest makes room, a stranger's first."""

MOST_UNSENT = 256 * 1_024
"""Bytes that a connection may leave unread."""

CONNECT_SECONDS = 5.0

_UNREACHABLE = (OSError, TimeoutError, UnicodeError)
"""Why a peer is not reached; the last for what is no name: ours or theirs, it may stand in any Contact."""

ROOM = 1 << 20
"""Bytes of datagrams that may wait to be read, as far as the system allows: when a flood comes while we are busy, what
callers say must not be what is lost."""


class SipSockets:
    """Sockets of one user agent, which ``make`` makes once it is known which ports they have. ``on_output`` is told
    what is not to be sent; ``knows`` says whether a host is no stranger, ``trusts`` whether it may call without a
    password; ``on_flood`` is told of each message that nobody looked at."""

    def __init__(
        self,
        make: Callable[[Mapping[str, int]], UserAgent],
        on_output: Callable[[Output], None],
        *,
        trusts: Callable[[str], bool],
        knows: Callable[[str], bool],
        on_flood: Callable[[], None] = lambda: None,
    ) -> None:
        self.agent: UserAgent
        self.flooded = 0
        """Messages that nobody looked at."""
        self._make = make
        self._on_output = on_output
        self._trusts, self._knows, self._on_flood = trusts, knows, on_flood
        self._loop = asyncio.get_running_loop()
        self._everybody = Allowance(self._loop.time, *EVERYBODY)
        self._strangers: OrderedDict[str, Allowance] = OrderedDict()
        self._named: OrderedDict[str, None] = OrderedDict()
        """Those that we asked by name, by their addresses, and by the name where a connection leads to them."""
        self._udp: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._handshakes: Handshakes | None = None
        self._connections: OrderedDict[Peer, asyncio.Transport] = OrderedDict()
        self._opening: dict[Peer, list[bytes]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_flushing = False

    async def open(self, host: str, port: int, *, tls: tuple[Handshakes, int] | None = None) -> Mapping[str, int]:
        """Listen, over UDP and TCP on the same port, 0 being any; returns the ports by transport.

        Raises:
            OSError: a port is taken, or the host is not this machine's.
        """
        try:
            tcp = await self._loop.create_server(lambda: _Connection(self, "tcp"), host, port)
            self._servers.append(tcp)
            ports = {"tcp": _port(tcp)}
            ports["udp"] = ports["tcp"]
            self._udp, _ = await self._loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(host, ports["udp"])
            )
            self._udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            if tls is not None:
                self._handshakes, port = tls
                secured = self._handshakes.before(lambda: _Connection(self, "tls"))
                self._servers.append(await self._loop.create_server(secured, host, port))
                ports["tls"] = _port(self._servers[-1])
        except OSError:
            await self.close()
            raise
        self.agent = self._make(ports)
        return ports

    def do(self, what: Callable[[UserAgent, float], _T]) -> _T:
        """Have the user agent do something, now, and carry out what comes of it."""
        try:
            return what(self.agent, self._loop.time())
        finally:  # what breaks in one call takes nothing from the others
            self._flush()

    async def close(self) -> None:
        """Let go of every socket. Nothing is said to anybody any more."""
        if self._timer is not None:
            self._timer.cancel()
        for server in self._servers:
            server.close()
        if self._handshakes is not None:
            await self._handshakes.close()
        for transport in list(self._connections.values()):
            transport.abort()
        if self._udp is not None:
            self._udp.close()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    # in

    def received(self, data: bytes, peer: Peer) -> None:
        """Bytes came from a peer."""
        if not self._is_friend(peer.host) and not self._may_ask(peer.host):
            self.flooded += 1
            self._on_flood()
            return
        is_trusted = self._trusts(peer.host)
        self.do(lambda agent, now: agent.receive(data, peer, now, is_trusted=is_trusted))

    def _is_friend(self, host: str) -> bool:
        return self._trusts(host) or self._knows(host) or host in self._named

    def _remember(self, host: str) -> None:
        self._named[host] = None
        self._named.move_to_end(host)
        if len(self._named) > MOST_NAMED:
            self._named.popitem(last=False)

    def _may_ask(self, host: str) -> bool:
        bucket = self._strangers.get(host) or Allowance(self._loop.time, *STRANGER)
        self._strangers[host] = bucket
        self._strangers.move_to_end(host)
        if len(self._strangers) > MOST_STRANGERS:
            self._strangers.popitem(last=False)
        return bucket.take() and self._everybody.take()

    def connected(self, peer: Peer, transport: asyncio.Transport) -> None:
        """A connection is there."""
        self._connections[peer] = transport
        if len(self._connections) > MOST_CONNECTIONS:
            quietest = iter(self._connections)
            strangers = (each for each in self._connections if not self._is_friend(each.host))
            self._connections[next(strangers, None) or next(quietest)].abort()

    def heard(self, peer: Peer) -> None:
        """A connection says something."""
        if peer in self._connections:
            self._connections.move_to_end(peer)

    def lost(self, peer: Peer) -> None:
        """A connection is no more, or something could not be sent."""
        self._connections.pop(peer, None)
        self._opening.pop(peer, None)
        self.do(lambda agent, now: agent.lost(peer, now))

    # out

    def _flush(self) -> None:
        if self._is_flushing:  # what is done about one output waits for those before it
            return
        self._is_flushing = True
        try:
            while outputs := self.agent.drain():
                for output in outputs:
                    self._carry_out(output)
        finally:
            self._is_flushing = False
        self._arm()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send(data, peer):
                (self._send_over if peer.is_reliable else self._send)(data, peer)
            case Close(peer):
                if (transport := self._connections.get(peer)) is not None:
                    transport.close()
            case _:
                _guarded(lambda: self._on_output(output))

    def _send(self, data: bytes, peer: Peer) -> None:
        if self._udp is None:
            return
        if _is_address(peer.host):
            self._udp.sendto(data, (peer.host, peer.port))
        else:
            self._start(self._send_by_name(data, peer))

    async def _send_by_name(self, data: bytes, peer: Peer) -> None:
        assert self._udp is not None
        family = self._udp.get_extra_info("socket").family
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self._loop.getaddrinfo(peer.host, peer.port, family=family)
        except _UNREACHABLE:
            self.lost(peer)
            return
        address = found[0][4][:2]
        self._remember(str(address[0]))
        self._udp.sendto(data, address)

    def _send_over(self, data: bytes, peer: Peer) -> None:
        transport = self._connections.get(peer)
        if transport is not None:
            transport.write(data)
            if transport.get_write_buffer_size() > MOST_UNSENT:
                transport.abort()
        elif peer in self._opening:
            self._opening[peer].append(data)
        else:
            self._opening[peer] = [data]
            self._start(self._connect(peer))

    async def _connect(self, peer: Peer) -> None:
        context = ssl.create_default_context() if peer.transport == "tls" else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                transport, _ = await self._loop.create_connection(
                    lambda: _Connection(self, peer.transport, peer), peer.host, peer.port, ssl=context
                )
        except _UNREACHABLE:
            self.lost(peer)
            return
        self._remember(peer.host)
        for data in self._opening.pop(peer, []):
            transport.write(data)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.agent.deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        _guarded(lambda: self.do(lambda agent, now: agent.tick(now)))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, sockets: SipSockets) -> None:
        self._sockets = sockets

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        _guarded(lambda: self._sockets.received(data, Peer("udp", addr[0], addr[1])))


class _Connection(asyncio.Protocol):
    """One connection, of theirs or, to ``peer``, of ours."""

    def __init__(self, sockets: SipSockets, transport: str, peer: Peer | None = None) -> None:
        self._sockets = sockets
        self._kind = transport
        self._peer = peer or Peer(transport, "", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not self._peer.host:
            host, port, *_ = transport.get_extra_info("peername")
            self._peer = Peer(self._kind, host, port)
        self._sockets.connected(self._peer, transport)

    def data_received(self, data: bytes) -> None:
        self._sockets.heard(self._peer)
        _guarded(lambda: self._sockets.received(data, self._peer))

    def connection_lost(self, exc: Exception | None) -> None:
        _guarded(lambda: self._sockets.lost(self._peer))


def _guarded(work: Callable[[], object]) -> None:
    """One bad message must not take a socket down, and its text is not for logs."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the border of a message
        _LOG.error("a message of SIP broke: %s", type(error).__name__)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

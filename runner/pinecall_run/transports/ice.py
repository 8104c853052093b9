"""The way to a browser (ICE, RFC 8445) on the addresses that fit where the server listens."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol, get_host_addresses
from aioice.stun import Message
from aiortc.rtcconfiguration import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

MAX_CANDIDATES = 16
"""Of one offer; each costs some checks, which go wherever it says. A browser's own checks show us the others."""

MAX_PATHS = 32
"""Addresses that checks are answered by checks at: those of the offer, and others that the caller came from."""

MAX_QUEUED, MAX_DATAGRAM = 1_000, 2_048
"""Datagrams that wait for DTLS, and their bytes; what is larger is of no browser."""

IPV4_LOOPBACK, IPV6_LOOPBACK = "127.0.0.1", "::1"


def media_addresses(host: str, *, is_caller_here: bool) -> list[str]:
    """Where media of a server that listens on ``host`` may arrive: there, or on all of this machine's addresses.

    aioice leaves loopback out (RFC 8445, 5.1.1.1); it is what a browser on this machine is sure to reach.
    """
    if not ipaddress.ip_address(host).is_unspecified:
        return [host]
    has_ipv6 = ":" in host
    loopback = [IPV4_LOOPBACK, *([IPV6_LOOPBACK] if has_ipv6 else [])] if is_caller_here else []
    return [*loopback, *get_host_addresses(use_ipv4=True, use_ipv6=has_ipv6)]


class IceConnection(Connection):
    """A path for datagrams. Once ``on_media`` is set, what looks like RTP or RTCP goes there at once, past the queue
    and the tasks that wait for it."""

    def __init__(
        self, addresses: Sequence[str], servers: Iterable[Mapping[str, Any]], clock: Callable[[], float]
    ) -> None:
        given = connection_kwargs([RTCIceServer(**server) for server in servers])
        if all(ipaddress.ip_address(address).is_loopback for address in addresses):
            given.pop("stun_server", None)  # cannot be reached from there
        super().__init__(ice_controlling=False, **given)
        self.on_media: Callable[[bytes], None] | None = None
        self.last_heard = clock()
        self._addresses = list(addresses)
        self._clock = clock

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """Ours instead of every address of the machine."""
        candidates = await super().get_component_candidates(component, self._addresses, timeout)
        for protocol in self._protocols:
            self._harden(protocol)
        return candidates

    async def offer(self, candidates: Sequence[Candidate]) -> None:
        """The browser's candidates. Their end is not told: checks of its own may arrive from addresses that it kept to
        itself. Names of mDNS are such addresses; to ask for them would be traffic that nobody asked for."""
        are_local = [ipaddress.ip_address(address).is_loopback for address in self._addresses]
        is_local, is_remote = any(are_local), self.turn_server is not None or not all(are_local)
        usable = (each for each in candidates if _is_usable(each, is_local=is_local, is_remote=is_remote))
        for candidate in islice(usable, MAX_CANDIDATES):
            await self.add_remote_candidate(candidate)

    def data_received(self, data: bytes, component: int) -> None:
        """A datagram that is not STUN (RFC 7983)."""
        self.last_heard = self._clock()
        if self.on_media is not None and len(data) > 1 and 127 < data[0] < 192:
            self.on_media(data)
        elif 0 < len(data) <= MAX_DATAGRAM and self._queue.qsize() < MAX_QUEUED:  # aiortc trips over an empty one
            super().data_received(data, component)

    def request_received(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check of the other side, which also says that it is there."""
        if len(self._remote_candidates) < MAX_PATHS or self._is_known(addr):
            super().request_received(message, addr, protocol)
        if self._is_known(addr):
            self.last_heard = self._clock()

    def _is_known(self, addr: tuple[Any, ...]) -> bool:
        """Whether the caller is there by their offer, or by a check that held the password."""
        return any(each.port == addr[1] and each._network_host == addr[0] for each in self._remote_candidates)

    def _harden(self, protocol: StunProtocol) -> None:
        """Read nothing but STUN from whom we do not know, and drop what its parser breaks on: anybody may send that to
        the port, and asyncio would print each in full."""
        receive = protocol.datagram_received

        def receive_some(data: bytes | str, addr: tuple[Any, ...]) -> None:
            if data[:1] < b"\x04" or self._is_known(addr):  # type: ignore[operator]
                with contextlib.suppress(Exception):
                    receive(data, addr)

        protocol.datagram_received = receive_some  # type: ignore[method-assign]

    def send_now(self, data: bytes) -> None:
        """Like ``send``, without a coroutine; dropped when there is no way."""
        pair = self._nominated.get(1)
        if pair is not None:
            pair.protocol.transport.sendto(data, pair.remote_addr)


def _is_usable(candidate: Candidate, *, is_local: bool, is_remote: bool) -> bool:
    """Whether a browser may be where a candidate says. ``is_local`` where it may be on this machine, ``is_remote``
    where it may be on another: reached from an address of ours, or by a relay."""
    try:
        address = ipaddress.ip_address(candidate.host)
    except ValueError:  # a name
        return False
    if candidate.transport.lower() != "udp" or candidate.component != 1 or not 0 < candidate.port < 65_536:
        return False
    if address.is_loopback:
        return is_local
    is_nowhere = address.is_unspecified or address.is_link_local or address.is_multicast
    is_odd = address.is_reserved if address.version == 4 else address.ipv4_mapped is not None
    return is_remote and not is_nowhere and not is_odd


class IcePort:
    """What aiortc's DTLS wants of its transport. DTLS takes the server's part where ICE is ``controlling``, so
    ``is_dtls_server`` is said that way."""

    def __init__(self, connection: IceConnection, *, is_dtls_server: bool) -> None:
        self.role = "controlling" if is_dtls_server else "controlled"
        self._recv = connection.recv
        self._send = connection.send

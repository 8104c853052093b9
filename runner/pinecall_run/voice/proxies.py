"""From where a request really comes: by the proxies that are trusted, and by nothing that a stranger may write."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ORIGIN = "pinecall_run.origin"
"""Where a request's scope holds its :class:`Origin`."""

FORWARDING = frozenset((
    b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via",
    b"cf-connecting-ip", b"true-client-ip",
))  # fmt: skip
"""Headers that only a request has that somebody passed on. Nobody gains by adding one."""


class BadProxiesError(ValueError):
    """What is written names no networks; the message says which."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from.

    Attributes:
        host: the address of who asks, as far as that is known.
        is_forwarded: somebody passed it on, so that whose machine it comes from cannot be told by its address.
    """

    host: str
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Proxies:
    """Those that are believed what they say of others, in ``X-Forwarded-For``."""

    trusted: Sequence[Network] = ()

    def origin(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> Origin:
        """The origin of a request that came from ``peer``: behind trusted proxies the last that none of them is."""
        given = list(headers)
        if not self._trusts(_address(peer)):
            return Origin(peer, any(name.lower() in FORWARDING for name, _ in given))
        said = b",".join(value for name, value in given if name.lower() == b"x-forwarded-for")
        host = peer
        for written in reversed(said.decode("latin-1").split(",")):
            address = _address(_without_port(written.strip()))
            if address is None:
                break
            host = str(address)
            if not self._trusts(address):
                break
        return Origin(host, is_forwarded=True)

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.trusted)


def read_proxies(written: Iterable[str]) -> Proxies:
    """Proxies by their addresses or networks.

    Raises:
        BadProxiesError: one is neither.
    """
    networks: list[Network] = []
    for each in written:
        try:
            networks.append(ipaddress.ip_network(each.strip(), strict=False))
        except ValueError as error:
            raise BadProxiesError(f"{each} is no IP address and no network, such as 10.0.0.0/8") from error
    return Proxies(networks)


def origin_of(scope: Mapping[str, Any]) -> Origin:
    """The origin that the gate found for a request."""
    origin = scope.get(ORIGIN)
    if isinstance(origin, Origin):
        return origin
    client = scope.get("client")
    return Origin(client[0] if client else "")


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _without_port(written: str) -> str:
    """``192.0.2.7:1234`` and ``[2001:db8::7]:1234`` as some proxies write them."""
    if written.startswith("["):
        return written[1:].partition("]")[0]
    return written.partition(":")[0] if written.count(":") == 1 else written

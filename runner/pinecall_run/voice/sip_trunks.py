"""Trunks of SIP: a carrier, a PBX or telephones, who calls by them, and whom they call."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pinecall_run.sip.digest import Account
from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.peer import PORTS, TRANSPORTS, Peer
from pinecall_run.sip.uri import Uri, read_host, sip_uri

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NUMBER = re.compile(r"\+([1-9]\d{6,14}|([1-9]\d{0,14})?\*)")


class BadTrunkError(ValueError):
    """A trunk that is none; the message says why, and shows no values: they may be secret."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One trunk.

    Attributes:
        peers: who may call by it without a password.
        account: who may call by it with one, and who we are if its other side asks.
        host: the domain or host of the numbers that it calls, with ``port``; empty where it calls nobody.
        peer: where messages for that are sent.
        numbers: those of ours that it carries; one that ends with ``*`` stands for all that begin so.
        is_registered: whether calls for ``account`` are asked to come here.
    """

    peers: Sequence[Network] = ()
    account: Account | None = None
    host: str = ""
    port: int | None = None
    peer: Peer | None = None
    numbers: Sequence[str] = ()
    is_registered: bool = False

    def trusts(self, host: str) -> bool:
        """Whether an address is that of a peer."""
        return is_in(host, self.peers)

    def carries(self, number: str) -> bool:
        """Whether a number of ours, in E.164, is one of the trunk's."""
        return any(
            number.startswith(each.removesuffix("*")) if each.endswith("*") else number == each for each in self.numbers
        )

    def is_way_of(self, host: str, username: str) -> bool:
        """Whether a call came by it: from an address, shown with a name."""
        return self.trusts(host) or (self.account is not None and self.account.username == username)

    def uri(self, name: str) -> Uri:
        """The address of a number or a name at its host."""
        return sip_uri(name, self.host, self.port)


def is_in(host: str, networks: Sequence[Network]) -> bool:
    """Whether a host is an address in one of these networks."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def read_trunk(written: Any) -> Trunk:
    """A trunk of the configuration.

    Raises:
        BadTrunkError: it is none.
    """
    if not isinstance(written, Mapping) or not written:
        raise BadTrunkError("is none: write peers, username and password, or host")
    if unknown := written.keys() - _KEYS.keys():
        raise BadTrunkError(f"has unknown keys: {', '.join(sorted(map(str, unknown)))}; known: {', '.join(_KEYS)}")
    for key, value in written.items():
        if not _KEYS[key](value):
            raise BadTrunkError(f"has a {key} that is none: {_SAYS[key]}")
    if ("username" in written) != ("password" in written):
        raise BadTrunkError("has one of username and password, and needs both")
    if not written.keys() & {"peers", "username", "host"}:
        raise BadTrunkError("has neither peers nor username and password nor host")
    if "host" not in written and (written.keys() & {"proxy", "transport"} or written.get("register")):
        raise BadTrunkError("has a proxy, a transport or register, and no host")
    if written.get("register") and "username" not in written:
        raise BadTrunkError("has register, and no username")
    return _trunk(written)


def _trunk(written: Mapping[str, Any]) -> Trunk:
    account = Account(written["username"], written["password"]) if "username" in written else None
    host, port = read_host(written["host"]) if "host" in written else ("", None)
    transport = written.get("transport", "udp")
    place, at = read_host(written["proxy"]) if "proxy" in written else (host, port)
    place = place.strip("[]")
    peers = [ipaddress.ip_network(each, strict=False) for each in written.get("peers", ())]
    if not peers and _is(ipaddress.ip_address, place):
        peers = [ipaddress.ip_network(place)]
    return Trunk(
        peers=peers,
        account=account,
        host=host,
        port=port,
        peer=Peer(transport, place, at or PORTS[transport]) if host else None,
        numbers=tuple(written.get("numbers", ())),
        is_registered=written.get("register", False),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and _is(read_host, value)


def _is_network(value: Any) -> bool:
    return isinstance(value, str) and _is(lambda text: ipaddress.ip_network(text, strict=False), value)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _are(each_is: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(each_is, value))


def _is(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except (ValueError, GrammarError):
        return False
    return True


_KEYS: dict[str, Callable[[Any], bool]] = {
    "peers": _are(_is_network),
    "username": _is_text,
    "password": _is_text,
    "host": _is_host,
    "proxy": _is_host,
    "transport": lambda value: value in TRANSPORTS,
    "numbers": _are(_is_number),
    "register": lambda value: isinstance(value, bool),
}

_SAYS = {
    "peers": "a list of addresses and networks",
    "username": "a text",
    "password": "a text",
    "host": "a domain or an address, with a port perhaps",
    "proxy": "a domain or an address, with a port perhaps",
    "transport": ", ".join(TRANSPORTS),
    "numbers": "a list such as +15551234567 and +1555*",
    "register": "true or false",
}

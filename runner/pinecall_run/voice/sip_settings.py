"""How a voice server telephones over SIP: from its project, or JSON of its environment."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pinecall_run.protocol.registry import normal_ref
from pinecall_run.sip.digest import ALGORITHMS
from pinecall_run.sip.media import Encryption
from pinecall_run.voice.sip_trunks import BadTrunkError, Network, Trunk, is_in, read_trunk

EXAMPLE = '{"listen": "203.0.113.5:5060", "trunks": [{"peers": ["198.51.100.0/24"]}]}'

_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[0-9.]+)(:(?P<port>\d{1,5}))?")

SRTP = ("optional", "required", "off")

DEFAULT_PORT, TLS_PORT = 5060, 5061


_HOST = re.compile(r"sips?:([^@]*@)?|(:\d+)?([;?].*)?$", re.IGNORECASE)
"""What is not the host of an address."""


def is_address(ref: str) -> bool:
    """Whether it is an address of SIP, and no number."""
    return ref.lower().startswith(("sip:", "sips:"))


class BadSipSettingsError(ValueError):
    """Settings that are none; the message says where, and shows no values: they may be secret."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a certificate and its key, and the port that is listened on with them."""

    certificate: str
    key: str
    port: int = TLS_PORT


@dataclass(frozen=True)
class SipSettings:
    """How calls over SIP come in and go out.

    Attributes:
        host: the IP address that is listened on, with ``port`` over UDP and TCP.
        address: the one that others are told to send to; where ``host`` is each of this machine's, it must be said.
        trunks: who may call, and by whom calls are placed; the first that fits counts.
        algorithms: of passwords, the first that is offered first; some telephones look at no other than MD5 there.
        srtp: whether sound is encrypted; see :meth:`encryption`.
        rtp_ports: the first and the last port for sound; any without.
        silence_seconds: after which a caller who sends nothing is taken for gone; ``hold_seconds``: one who holds us.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    address: str = "127.0.0.1"
    trunks: Sequence[Trunk] = ()
    algorithms: Sequence[str] = ALGORITHMS
    srtp: str = "optional"
    rtp_ports: tuple[int, int] | None = None
    silence_seconds: float = 10.0
    hold_seconds: float = 3_600.0
    tls: Tls | None = None

    @cached_property
    def users(self) -> Mapping[str, str]:
        """Who may call with a password: passwords by name."""
        accounts = [trunk.account for trunk in self.trunks if trunk.account is not None]
        return {account.username: account.password for account in accounts}

    @cached_property
    def _peers(self) -> Sequence[Network]:
        return [network for trunk in self.trunks for network in trunk.peers]

    def trusts(self, host: str) -> bool:
        """Whether an address is that of a peer."""
        return is_in(host, self._peers)

    def trunks_of(self, ref: str) -> list[Trunk]:
        """The trunks that carry a number of ours, or whose host an address of ours is at."""
        if not is_address(ref):
            return [trunk for trunk in self.trunks if trunk.carries(normal_ref("phone", ref))]
        host = _HOST.sub("", ref)
        return [trunk for trunk in self.trunks if trunk.host and trunk.host == host.lower()]

    def encryption(self, transport: str) -> Encryption:
        """That of a call whose messages go over a transport: ``optional`` takes it from everybody who offers it, and
        offers it where nobody else reads the keys."""
        if self.srtp == "optional":
            return Encryption.OFFERED if transport == "tls" else Encryption.WELCOME
        return Encryption.REQUIRED if self.srtp == "required" else Encryption.NEVER


def read_sip(text: str) -> SipSettings | None:
    """The settings in a JSON text, in the form of a project's; ``None`` where it is empty.

    Raises:
        BadSipSettingsError: they are none.
    """
    if not text.strip():
        return None
    try:
        written = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSipSettingsError(f"not JSON; write {EXAMPLE}") from error
    return sip_settings(written)


def sip_settings(written: Any) -> SipSettings:
    """The settings that a project has under ``server: {sip: …}``; its schema says what they are.

    Raises:
        BadSipSettingsError: they are none.
    """
    if not isinstance(written, dict):
        raise BadSipSettingsError(f"not an object; write {EXAMPLE}")
    if unknown := written.keys() - _KEYS.keys() - {"trunks"}:
        raise BadSipSettingsError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(_KEYS)}, trunks")
    read: dict[str, Any] = {"host": "127.0.0.1", "port": DEFAULT_PORT}
    for key, value in written.items():
        if key in _KEYS:
            read |= _KEYS[key](value)
    read |= _trunks(written.get("trunks"))
    read.setdefault("address", read["host"])
    if ipaddress.ip_address(read["address"]).is_unspecified:
        raise BadSipSettingsError("address: say by which address of this machine others reach it")
    return SipSettings(**read)


def _listen(value: Any) -> dict[str, Any]:
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    host = _address(found["host"].strip("[]")) if found else ""
    if not host or port > 65_535:
        raise BadSipSettingsError("listen: not an IP address and a port, such as 0.0.0.0:5060")
    return {"host": host, "port": port}


def _told(value: Any) -> dict[str, Any]:
    address = _address(value)
    if not address:
        raise BadSipSettingsError("address: not an IP address")
    return {"address": address}


def _algorithms(value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not value or not all(each in ALGORITHMS for each in value):
        raise BadSipSettingsError(f"algorithms: not a list of {' and '.join(ALGORITHMS)}")
    return {"algorithms": value}


def _ports(value: Any) -> dict[str, Any]:
    match value:
        case [int(first), int(last)] if first >= 1_024 and first + first % 2 < last <= 65_535:
            return {"rtp_ports": (first, last)}
    raise BadSipSettingsError("rtp_ports: not a first and a last port, such as [10000, 20000]")


def _srtp(value: Any) -> dict[str, Any]:
    if value not in SRTP:
        raise BadSipSettingsError(f"srtp: none of {', '.join(SRTP)}")
    return {"srtp": value}


def _seconds(key: str) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 86_400:
            raise BadSipSettingsError(f"{key}: not a number from 1 to 86400")
        return {key: float(value)}

    return read


def _tls(value: Any) -> dict[str, Any]:
    match value:
        case {"certificate": str(certificate), "key": str(key), **rest} if not rest.keys() - {"port"}:
            port = rest.get("port", TLS_PORT)
            if isinstance(port, int) and 0 <= port <= 65_535:
                return {"tls": Tls(certificate, key, port)}
    raise BadSipSettingsError("tls: not the files of a certificate and its key, and a port")


_KEYS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "listen": _listen,
    "address": _told,
    "algorithms": _algorithms,
    "rtp_ports": _ports,
    "srtp": _srtp,
    "silence_seconds": _seconds("silence_seconds"),
    "hold_seconds": _seconds("hold_seconds"),
    "tls": _tls,
}


def _trunks(written: Any) -> dict[str, Any]:
    """Without anybody who may call nobody could, so that there must be somebody."""
    if not isinstance(written, list) or not written:
        raise BadSipSettingsError(f"trunks: name who may call, by peers or by username and password; write {EXAMPLE}")
    trunks: list[Trunk] = []
    for number, each in enumerate(written, 1):
        try:
            trunks.append(read_trunk(each))
        except BadTrunkError as error:
            raise BadSipSettingsError(f"trunks: number {number} {error}") from error
    accounts = {trunk.account for trunk in trunks if trunk.account is not None}
    if len({account.username for account in accounts}) < len(accounts):
        raise BadSipSettingsError("trunks: two have one username and not one password")
    return {"trunks": trunks}


def _address(written: Any) -> str:
    try:
        return str(ipaddress.ip_address(written)) if isinstance(written, str) else ""
    except ValueError:
        return ""

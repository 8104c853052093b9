"""Rules about how the embedded server telephones over SIP: addresses that are none, and trunks that lead nowhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pinecall_run.config.model import Config, Options, VoiceFile
from pinecall_run.config.rule_context import RuleContext
from pinecall_run.source.diagnostic import Label, Route

_SIP: Route = ("server", "sip")

_TRUNK_HELP = "say who calls by it with `peers`, or `username` and `password`; and whom it calls with `host`"
_GOES_OUT = ("proxy", "transport", "register")
"""Keys that speak of a trunk's `host`."""


def sip_files(written: Options | None) -> Iterator[VoiceFile]:
    """The files that the embedded server reads before it listens over TLS."""
    for key in ("certificate", "key"):
        if name := (written or {}).get("tls", {}).get(key):
            yield VoiceFile((*_SIP, "tls", key), name, is_sound=False)


def check_sip(config: Config, context: RuleContext) -> None:
    """Whether what is said of SIP can be."""
    written = config.server.sip
    if written is None:
        return
    _check_places(written, context)
    _check_ports(written, context)
    seen: dict[str, tuple[Any, Route]] = {}
    for index, trunk in enumerate(written.get("trunks", ())):
        if trunk is not None:  # else it is not a trunk at all, and a finding already
            _check_trunk(trunk, (*_SIP, "trunks", index), context)
            _check_username(trunk, (*_SIP, "trunks", index), seen, context)


def _check_places(written: Options, context: RuleContext) -> None:
    host, port = _split(written.get("listen", "127.0.0.1"))
    is_sound = _is(ipaddress.ip_address, host) and port <= 65_535
    if not is_sound:
        context.find("PCR104", "this is no IP address and port", (*_SIP, "listen"), "write one such as 0.0.0.0:5060")
    if "address" in written:
        _check_address(written["address"], context)
        return
    is_everywhere = is_sound and ipaddress.ip_address(host).is_unspecified
    if is_everywhere and not _has(context, "address"):
        help = "add `address`: the IP address of this machine by which others reach it"
        context.find("PCR102", "who listens everywhere needs the key `address`", (*_SIP, "listen"), help)


def _check_address(address: str, context: RuleContext) -> None:
    if not _is(ipaddress.ip_address, address) or ipaddress.ip_address(address).is_unspecified:
        help = "write the IP address of this machine by which others reach it, such as 203.0.113.5"
        context.find("PCR104", f"`{address}` is no address to send to", (*_SIP, "address"), help)


def _check_ports(written: Options, context: RuleContext) -> None:
    ports = written.get("rtp_ports")
    if ports is not None and None not in ports and not ports[0] + ports[0] % 2 < ports[1]:
        help = "write the first and the last, such as [10000, 10999]; a call has an even port and the next one"
        context.find("PCR104", "there are no two ports for a call here", (*_SIP, "rtp_ports"), help)


def _check_trunk(trunk: Mapping[str, Any], route: Route, context: RuleContext) -> None:
    def has(key: str) -> bool:
        return _has(context, *route[2:], key)

    for index, peer in enumerate(trunk.get("peers", ())):
        if peer is not None and not _is(_network, peer):
            help = "write an IP address or a network, such as 198.51.100.7 or 198.51.100.0/24"
            context.find("PCR104", f"`{peer}` is no address and no network", (*route, "peers", index), help)
    for key, other in (("username", "password"), ("password", "username")):
        if has(key) and not has(other):
            context.find("PCR102", f"`{key}` needs the key `{other}`", (*route, key), f"add `{other}`")
    if not any(has(key) for key in ("peers", "username", "password", "host")):
        context.find("PCR102", "nobody calls by this trunk, and it calls nobody", route, _TRUNK_HELP)
    for key in _GOES_OUT:
        if has(key) and not has("host") and trunk.get(key) is not False:
            help = "add `host`: the domain or host that the trunk calls"
            context.find("PCR102", f"`{key}` needs the key `host`", (*route, key), help)
    if trunk.get("register") and not has("username"):
        context.find("PCR102", "`register` needs the key `username`", (*route, "register"), "add `username`")


def _check_username(
    trunk: Mapping[str, Any], route: Route, seen: dict[str, tuple[Any, Route]], context: RuleContext
) -> None:
    """A caller who shows a name has one password."""
    name, password = trunk.get("username"), trunk.get("password")
    if name is None or password is None:
        return
    other, at = seen.setdefault(name, (password, (*route, "username")))
    if other != password:
        label = Label(context.document.value_span(at), "with another password here")
        help = "give one of them another name: who calls with it has one password"
        context.find("PCR104", "two trunks have this name", (*route, "username"), help, label)


def _has(context: RuleContext, *keys: str | int) -> bool:
    """Whether a key is written, whatever is wrong with its value."""
    return context.document.node((*_SIP, *keys)) is not None


def _split(listen: str) -> tuple[str, int]:
    host, bracket, rest = listen.partition("]")
    if not bracket:
        host, _, rest = listen.partition(":")
    return host.strip("["), int(rest.strip(":") or 0)


def _network(text: str) -> Any:
    return ipaddress.ip_network(text, strict=False)


def _is(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True

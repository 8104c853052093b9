"""Where messages go and come from, and over what."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.message import Headers, Request
from pinecall_run.sip.uri import Uri

TRANSPORTS = ("udp", "tcp", "tls")

PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a transport: ``udp``, ``tcp`` or ``tls``. ``host`` is an address where it is known, else a name
    that the driver looks up. Over TCP and TLS what goes to the peer of a connection that is open goes over that."""

    transport: str
    host: str
    port: int

    @property
    def is_reliable(self) -> bool:
        """Whether the transport sends again what was lost."""
        return self.transport != "udp"


def peer_of(uri: Uri) -> Peer:
    """Where a request to an address is sent (RFC 3263 without a look at the DNS: a port, or the transport's own).

    Raises:
        GrammarError: it is no address of SIP, or goes over another transport.
    """
    transport = (uri.parameters.get("transport") or ("tls" if uri.scheme == "sips" else "udp")).lower()
    if uri.scheme == "sips":
        transport = "tls"
    if not uri.is_sip or transport not in TRANSPORTS:
        raise GrammarError(f"requests cannot be sent to {uri.scheme} over {transport}")
    return Peer(transport, uri.host.strip("[]"), uri.port or PORTS[transport])


def answered_at(request: Request, peer: Peer) -> Peer:
    """Where the responses to a request go that came from ``peer`` (RFC 3261, 18.2.2, and RFC 3581). A ``maddr`` is not
    looked at, so that nobody is sent what they did not ask for."""
    via = request.via
    if peer.is_reliable or "rport" in via.parameters:
        return peer
    return Peer(peer.transport, peer.host, via.port or PORTS["udp"])


def received(request: Request, peer: Peer) -> Request:
    """The request with what its first hop cannot know of itself: where it came from (RFC 3261, 18.2.1; RFC 3581)."""
    via = request.via
    noted = ""
    if "rport" in via.parameters:
        noted = f";received={_literal(peer.host)};rport={peer.port}"
    elif via.host.strip("[]") != peer.host:
        noted = f";received={_literal(peer.host)}"
    first, *others = request.headers.values("Via")
    head = ";".join(part for part in first.split(";") if part.strip().partition("=")[0].strip() not in _NOTED)
    vias = [("Via", head + noted), *(("Via", value) for value in others)]
    return replace(request, headers=Headers((*vias, *request.headers.without("Via").items)))


_NOTED = ("rport", "received")


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host

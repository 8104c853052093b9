"""The relation of two user agents (RFC 3261, 12): who they are, how they reach each other, what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.message import Field, Headers, Request, Response
from pinecall_run.sip.peer import Peer, peer_of
from pinecall_run.sip.uri import NameAddr, Uri, read_name_addr, read_uri

DialogKey = tuple[str, str, str]


@dataclass(eq=False, slots=True)
class Dialog:
    """One relation, from our side.

    Attributes:
        target: where the other side can be reached.
        routes: the proxies on the way there, the next first.
        sequence: the number of our last request; ``remote_sequence``: of theirs, ``None`` before the first.
        origin: where its messages came from when it began.
        is_by_origin: whether requests go there instead of to the target, because the other side can be reached only by
            the way that it came: an open connection (RFC 5923), or through a translator of addresses.
    """

    call_id: str
    local: NameAddr
    remote: NameAddr
    target: Uri
    routes: Sequence[NameAddr]
    origin: Peer
    sequence: int = 0
    remote_sequence: int | None = None
    is_by_origin: bool = False

    @property
    def key(self) -> DialogKey:
        """What the requests of the other side name it by."""
        return self.call_id, self.local.tag, self.remote.tag

    def next_hop(self) -> Peer:
        """Where requests are sent; to where the other side came from if it names no way that we have."""
        if self.is_by_origin and not self.routes:
            return self.origin
        try:
            return peer_of(self.routes[0].uri if self.routes else self.target)
        except GrammarError:
            return self.origin

    def request(
        self, method: str, fields: Iterable[Field] = (), body: bytes = b"", *, sequence: int | None = None
    ) -> Request:
        """A request in it, without a Via (12.2.1.1). An ACK has the number of its INVITE, every other the next."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        target, routes = self._way()
        named = [("From", str(self.local)), ("To", str(self.remote)), ("Call-ID", self.call_id)]
        named += [("CSeq", f"{sequence} {method}"), ("Max-Forwards", "70")]
        named += [("Route", str(route)) for route in routes]
        return Request(Headers((*named, *fields)), body, method, str(target))

    def is_in_order(self, request: Request) -> bool:
        """Whether a request of the other side is no older than what we know; it then counts as the latest."""
        number = request.cseq[0]
        if self.remote_sequence is not None and number < self.remote_sequence:
            return False
        self.remote_sequence = number
        return True

    def refresh(self, message: Request | Response) -> None:
        """The other side says anew where it can be reached (12.2)."""
        self.target = _target(message) or self.target

    def _way(self) -> tuple[Uri, Sequence[NameAddr]]:
        """Target and Route fields. A proxy of RFC 2543 wants to be the target itself (strict routing)."""
        if not self.routes or "lr" in self.routes[0].uri.parameters:
            return self.target, self.routes
        first, *others = self.routes
        return replace(first.uri, headers=""), [*others, NameAddr(self.target)]


def called(request: Request, tag: str, peer: Peer) -> Dialog:
    """The dialog of an INVITE that came from ``peer``, after whose Via :func:`peer.received` has looked."""
    remote = request.from_
    routes = [read_name_addr(value) for value in request.headers.values("Record-Route")]
    is_translated = request.via.host.strip("[]") != peer.host
    return Dialog(
        call_id=request.call_id,
        local=request.to.with_tag(tag),
        remote=remote,
        target=_target(request) or remote.uri,
        routes=routes,
        remote_sequence=request.cseq[0],
        origin=peer,
        is_by_origin=peer.is_reliable or is_translated,
    )


def calling(request: Request, response: Response, peer: Peer) -> Dialog:
    """The dialog that a response to our INVITE begins, or confirms; the INVITE went to ``peer``."""
    routes = [read_name_addr(value) for value in response.headers.values("Record-Route")]
    return Dialog(
        call_id=request.call_id,
        local=request.from_,
        remote=response.to,
        target=_target(response) or read_uri(request.uri),
        routes=routes[::-1],
        sequence=request.cseq[0],
        origin=peer,
        is_by_origin=peer.is_reliable,
    )


def _target(message: Request | Response) -> Uri | None:
    if message.headers.get("Contact") == "*":
        return None
    return next((contact.uri for contact in message.contacts if contact.uri.is_sip), None)

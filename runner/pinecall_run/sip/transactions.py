"""Which transaction a message belongs to (RFC 3261, 17.1.3 and 17.2.3)."""

from __future__ import annotations

from pinecall_run.sip.client_transactions import ClientTransaction, Ground, OnResponse, State
from pinecall_run.sip.message import COOKIE, Request, Response
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.server_transactions import ServerTransaction

_Key = tuple[object, ...]


class Transactions:
    """The transactions of a user agent, those of both sides."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._clients: dict[_Key, ClientTransaction] = {}
        self._servers: dict[_Key, ServerTransaction] = {}
        self._names: set[_Key] = set()

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    def begin(self, request: Request, peer: Peer, on_response: OnResponse) -> ClientTransaction:
        """One for a request of ours, whose first hop has a branch of its own. It is to be started."""
        key = request.via.branch, request.method

        def forget() -> None:
            self._clients.pop(key, None)

        client = ClientTransaction(self._ground, request, peer, on_response=on_response, on_end=forget)
        self._clients[key] = client
        return client

    def answered(self, response: Response, now: float) -> bool:
        """Whether a response belongs to a request of ours, which is then given it."""
        client = self._clients.get((response.via.branch, response.cseq[1]))
        if client is not None:
            client.receive(response, now)
        return client is not None

    def repeated(self, request: Request, now: float) -> bool:
        """Whether a request belongs to a transaction that there is, which is then given it."""
        server = self._servers.get(_key(request, _kin(request.method)))
        # The ACK of a 2xx has a branch of its own, but those of RFC 2543 share the key: it is for the dialog (17.2.3).
        if server is None or (request.method == "ACK" and server.state is State.ACCEPTED):
            return False
        server.receive(request, now)
        return True

    def open(self, request: Request, peer: Peer) -> ServerTransaction:
        """Begin one with a request that came."""
        key = _key(request, request.method)

        def forget() -> None:
            self._servers.pop(key, None)
            self._names.discard(_name(request))

        server = ServerTransaction(self._ground, request, peer, on_end=forget)
        self._servers[key] = server
        self._names.add(_name(request))
        return server

    def cancelled(self, request: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL is about (9.2)."""
        return self._servers.get(_key(request, "INVITE"))

    def is_merged(self, request: Request) -> bool:
        """Whether the same request came by another way before, forked and joined again (8.2.2.2)."""
        return _name(request) in self._names

    def lost(self, peer: Peer, now: float) -> None:
        """The transport to a peer is gone."""
        for client in [found for found in self._clients.values() if found.peer == peer]:
            client.fail(now)
        for server in [found for found in self._servers.values() if found.peer == peer]:
            server.fail()


def _kin(method: str) -> str:
    return "INVITE" if method == "ACK" else method


def _key(request: Request, method: str) -> _Key:
    via = request.via
    if via.branch.startswith(COOKIE) and len(via.branch) > len(COOKIE):
        return via.branch, via.host, via.port, method
    hop = via.transport, via.host, via.port, via.branch
    return request.uri, request.from_.tag, request.call_id, request.cseq[0], hop, method


def _name(request: Request) -> _Key:
    return request.call_id, request.cseq, request.from_.tag

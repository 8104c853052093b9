"""What all calls and registrations of a user agent share: its names, its timers, its transactions, its outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pinecall_run.sip.agenda import Agenda
from pinecall_run.sip.client_transactions import TIMING, ClientTransaction, Ground, OnResponse, Timing
from pinecall_run.sip.dialog import DialogKey
from pinecall_run.sip.digest import ALGORITHMS, Answers, Chance
from pinecall_run.sip.message import COOKIE, Field, Headers, Request, Response
from pinecall_run.sip.outputs import Output, Send
from pinecall_run.sip.peer import PORTS, Peer
from pinecall_run.sip.transactions import Transactions

if TYPE_CHECKING:
    from pinecall_run.sip.call import Call

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "NOTIFY")
"""What we understand; REFER only as something that we ask for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A user agent.

    Attributes:
        host: the address that others reach it by.
        ports: those that it listens on, as others see them, by transport: ``udp``, ``tcp``, ``tls``.
        realm: what its passwords are for. ``users``: passwords by name; without any, nobody is asked for one.
        algorithms: of the challenges, in order. Telephones that look at the first one only may want MD5 there.
        product: what it is called in User-Agent and Server.
        most_calls: how many there may be at once; more are answered with 503.
        session_seconds: after how long without a sign of life a call is given up, where the other side knows session
            timers (RFC 4028).
    """

    host: str
    ports: Mapping[str, int]
    realm: str = "pinecall"
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    algorithms: Sequence[str] = ALGORITHMS
    product: str = "pinecall-run"
    most_calls: int = 1_000
    session_seconds: int = 1_800
    timing: Timing = TIMING


class Core:
    """Shared by the calls and registrations of one user agent."""

    def __init__(self, settings: Settings, chance: Chance) -> None:
        self.settings = settings
        self.chance = chance
        self.agenda = Agenda()
        self.outputs: list[Output] = []
        self.calls: dict[str, Call] = {}
        """By the names that we give them."""
        self.dialogs: dict[DialogKey, Call] = {}
        self.transactions = Transactions(Ground(self.agenda, self.transmit, settings.timing))
        self._secret = chance(16)

    def emit(self, output: Output) -> None:
        """Something for the driver."""
        self.outputs.append(output)

    def transmit(self, data: bytes, peer: Peer) -> None:
        """Bytes for a peer."""
        self.emit(Send(data, peer))

    def token(self) -> str:
        """A name that nobody can guess: a tag, a call."""
        return self.chance(8).hex()

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.chance(4)) / 2**32

    def tag_of(self, request: Request) -> str:
        """The tag of an answer of which nothing is kept: the same for every repetition (8.2.7)."""
        name = "\0".join((request.call_id, request.headers.get("CSeq"), request.via.branch))
        return hashlib.sha256(self._secret + name.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def contact(self, transport: str, user: str = "") -> Field:
        """Where we can be reached over a transport."""
        return "Contact", f"<sip:{f'{user}@' if user else ''}{self._place(transport)}{_over(transport)}>"

    def through(self, request: Request, transport: str) -> Request:
        """A request with a Via of ours."""
        via = f"SIP/2.0/{transport.upper()} {self._place(transport)};branch={COOKIE}{self.chance(12).hex()};rport"
        return replace(request, headers=Headers((("Via", via), *request.headers.items)))

    def abilities(self) -> list[Field]:
        """What we can do, for whoever asks (20.5, 20.37)."""
        return [("Allow", ", ".join(METHODS)), ("Supported", "timer"), ("User-Agent", self.settings.product)]

    def _place(self, transport: str) -> str:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"{host}:{self.settings.ports.get(transport, PORTS[transport])}"


def _over(transport: str) -> str:
    return "" if transport == "udp" else f";transport={transport}"


_ANSWER_FIELDS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


class Exchange:
    """A request of ours and its answers, through challenges: each attempt is made anew, with the next number.

    ``make`` gives a request without a Via. What is answered with hope of success is not told.
    """

    def __init__(
        self,
        core: Core,
        make: Callable[[], Request],
        peer: Peer,
        *,
        answers: Answers | None,
        on_response: OnResponse,
        now: float,
    ) -> None:
        self._core = core
        self._make = make
        self._peer = peer
        self._answers = answers
        self._on_response = on_response
        self._challenged: set[str] = set()
        self.transaction: ClientTransaction
        self._attempt(now)

    def give_up(self) -> None:
        """No attempt is to follow this one."""
        self._answers = None

    def _attempt(self, now: float) -> None:
        request = self._make()
        if self._answers is not None:
            request = request.with_fields(self._answers.fields(request.method, request.uri))
        request = self._core.through(request, self._peer.transport)
        attempt = self._core.transactions.begin(request, self._peer, self._heard)
        self.transaction = attempt
        attempt.start(now)

    def _heard(self, response: Response, now: float) -> None:
        if self._is_hopeful(response):
            self._attempt(now)
        else:
            self._on_response(response, now)

    def _is_hopeful(self, response: Response) -> bool:
        if response.status not in _ANSWER_FIELDS or self._answers is None:
            return False
        asked_in, answered_in = _ANSWER_FIELDS[response.status]
        challenge = self._answers.hear(answered_in, response.headers.all(asked_in))
        if challenge is None:
            return False
        # Once for each server, and once more for one that says that the nonce alone was too old.
        once = answered_in + (" stale" if challenge.is_stale else "")
        is_new = once not in self._challenged
        self._challenged.add(once)
        return is_new

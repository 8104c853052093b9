"""One call, whoever placed it: what happens in it while it is up, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from pinecall_run.sip import bodies
from pinecall_run.sip.changes import Changes
from pinecall_run.sip.client_transactions import OnResponse
from pinecall_run.sip.core import METHODS, Core, Exchange
from pinecall_run.sip.dialog import Dialog
from pinecall_run.sip.digest import Answers
from pinecall_run.sip.forwarding import Forwarding
from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.media import Media
from pinecall_run.sip.message import Field, Request, Response, respond
from pinecall_run.sip.negotiation import CONTENT_TYPE, Negotiation, NotAcceptableError
from pinecall_run.sip.outputs import Answered, Dtmf, Ended, EndReason, MediaChanged
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.server_transactions import ServerTransaction

_CREDENTIALS = ("Authorization", "Proxy-Authorization")

_REFRESHING = ("INVITE", "UPDATE", "REFER")
"""Say where we can be reached from now on."""

SOUND: Field = ("Content-Type", CONTENT_TYPE)


class Call:
    """A call under the name that we give it. ``dialog`` and ``negotiation`` are there at the latest when it is up."""

    dialog: Dialog
    negotiation: Negotiation

    def __init__(self, core: Core, name: str, answers: Answers | None = None) -> None:
        self.core = core
        self.name = name
        self.is_up = False
        self.is_over = False
        self.is_caller = False
        """Whether we placed it."""
        self.remote_methods: frozenset[str] = frozenset()
        self.changes = Changes(self)
        self.forwarding = Forwarding(self)
        self._answers = answers
        self._media: Media | None = None
        """What was told last."""
        self._is_bye_due = False
        self._unacknowledged: dict[int, tuple[ServerTransaction, bool]] = {}
        """Our answers to INVITEs by their numbers, and whether our answer held an offer."""
        self._acks: dict[tuple[int, str], tuple[bytes, Peer]] = {}
        core.calls[name] = self

    @property
    def has_open_offer(self) -> bool:
        """Whether an offer of ours waits for the answer in an ACK."""
        return any(is_offer for _, is_offer in self._unacknowledged.values())

    # requests of ours

    def ask(
        self, method: str, on_response: OnResponse, *, now: float, fields: Iterable[Field] = (), body: bytes = b""
    ) -> Exchange:
        """A request in the call."""
        peer = self.dialog.next_hop()
        refreshing = [self.core.contact(peer.transport), *self.core.abilities()] if method in _REFRESHING else []
        given = [*refreshing, *fields]
        answers = self._answers

        def make() -> Request:
            return self.dialog.request(method, given, body)

        return Exchange(self.core, make, peer, answers=answers, on_response=on_response, now=now)

    def confirm(self, invite: Request, dialog: Dialog) -> None:
        """Acknowledge the first 2xx to an INVITE (13.2.2.4)."""
        number = invite.cseq[0]
        proofs = [item for item in invite.headers.items if item[0] in _CREDENTIALS]
        peer = dialog.next_hop()
        ack = dialog.request("ACK", proofs, sequence=number)
        self._acks[number, dialog.remote.tag] = bytes(self.core.through(ack, peer.transport)), peer
        self.core.transmit(*self._acks[number, dialog.remote.tag])

    def is_repeated(self, response: Response) -> bool:
        """Whether a 2xx was acknowledged before, which it is then once more: the ACK was lost."""
        ack = self._acks.get((response.cseq[0], response.to.tag))
        if ack is not None:
            self.core.transmit(*ack)
        return ack is not None

    def press(self, digit: str, now: float, milliseconds: int) -> None:
        """Tell of a key by INFO."""
        body = f"Signal={digit}\r\nDuration={milliseconds}\r\n".encode()
        kind = ("Content-Type", "application/dtmf-relay")
        self.ask("INFO", _whatever, now=now, fields=[kind], body=body)

    # how it is answered and how it ends

    def accept(self, server: ServerTransaction, body: bytes, *, is_offer: bool, now: float) -> None:
        """Answer an INVITE or an UPDATE with 200, and wait for the ACK of an INVITE."""
        request = server.request
        routes = [("Record-Route", value) for value in request.headers.all("Record-Route")]
        given = [*routes, self.core.contact(server.peer.transport), *self.core.abilities()]
        given += [*self.changes.timer.answer(request, now), *([SOUND] if body else [])]
        self.note(request)
        if server.is_invite:
            number = request.cseq[0]
            self._unacknowledged[number] = server, is_offer
            server.on_unacknowledged = lambda later: self._missed(number, later)
        server.respond(respond(request, 200, tag=self.dialog.local.tag, fields=given, body=body), now)

    def acknowledged(self, request: Request, now: float) -> None:
        """The ACK of a 2xx came."""
        server, is_offer = self._unacknowledged.pop(request.cseq[0], (None, False))
        if server is None:
            return
        server.acknowledged()
        if self._is_bye_due:
            self._bye_when_possible(now)
        else:
            if is_offer:
                self._answered(request, now)
            self.changes.go(now)

    def sound(self) -> None:
        """Tell what the sound is, if it is something new."""
        media = self.negotiation.media
        if media is None or self.is_over or media == self._media:
            return
        self.core.emit(MediaChanged(self.name, media) if self._media else Answered(self.name, media))
        self._media = media

    def hang_up(self, now: float, reason: EndReason = EndReason.ENDED, status: int = 0) -> None:
        """End a call that is up."""
        if not self.is_over:
            self.close(reason, status)
            self._is_bye_due = True
            self._bye_when_possible(now)

    def close(self, reason: EndReason, status: int = 0) -> None:
        """It is over as far as anybody is concerned; what is left is courtesy."""
        if not self.is_over:
            self.is_over = True
            self.changes.stop()
            self.forwarding.stop()
            self.core.emit(Ended(self.name, reason, status))

    def forget(self) -> None:
        """Nothing of it is needed any more."""
        self.core.calls.pop(self.name, None)
        self.part()

    def part(self) -> None:
        """The dialogs that there were so far belong to it no more."""
        for key in [key for key, call in self.core.dialogs.items() if call is self]:
            del self.core.dialogs[key]

    def note(self, message: Request | Response) -> None:
        """What the other side says that it understands."""
        if message.headers.all("Allow"):
            with suppress(GrammarError):
                self.remote_methods = frozenset(message.headers.values("Allow"))

    # requests of theirs

    def receive(self, server: ServerTransaction, now: float) -> None:
        """A request came in it."""
        request = server.request
        if not self.dialog.is_in_order(request):
            self.reply(server, 500, now)
        elif self.is_over and request.method != "BYE":
            self.reply(server, 481, now)
        else:
            _HANDLERS.get(request.method, _not_allowed)(self, server, now)

    def reply(self, server: ServerTransaction, status: int, now: float, fields: Iterable[Field] = ()) -> None:
        """Answer a request in it without a body."""
        server.respond(respond(server.request, status, tag=self.dialog.local.tag, fields=fields), now)

    def end_by_them(self, server: ServerTransaction, now: float) -> None:
        """They hung up."""
        self.reply(server, 200, now)
        for answered, _ in self._unacknowledged.values():  # the ACK was lost, and is of no use any more
            answered.acknowledged()
        self._unacknowledged.clear()
        self.forwarding.left(now)
        self.close(EndReason.HANGUP)
        self.forget()

    def _answered(self, ack: Request, now: float) -> None:
        try:
            self.negotiation.accept(bodies.description(ack))
        except (NotAcceptableError, bodies.UnknownBodyError):
            self.hang_up(now, EndReason.FAILED, 488)
        else:
            self.sound()

    def _missed(self, number: int, now: float) -> None:
        """No ACK came in all that time."""
        self._unacknowledged.pop(number, None)
        self.close(EndReason.LOST)
        self._is_bye_due = True
        self._bye_when_possible(now)

    def _bye_when_possible(self, now: float) -> None:
        """A BYE may not overtake the ACK that is still to come (15)."""
        if not self._unacknowledged:
            self._is_bye_due = False
            self.ask("BYE", lambda response, _: self.forget() if response.is_final else None, now=now)


def _whatever(_: Response, now: float) -> None:
    """An answer that changes nothing."""


def _not_allowed(call: Call, server: ServerTransaction, now: float) -> None:
    call.reply(server, 405, now, [("Allow", ", ".join(METHODS))])


def _able(call: Call, server: ServerTransaction, now: float) -> None:
    call.reply(server, 200, now, [*call.core.abilities(), ("Accept", CONTENT_TYPE)])


def _told(call: Call, server: ServerTransaction, now: float) -> None:
    press = bodies.pressed(server.request)
    if press is None and server.request.body.strip():
        call.reply(server, 415, now, [("Accept", "application/dtmf-relay, application/dtmf")])
        return
    call.reply(server, 200, now)
    if press is not None:
        call.core.emit(Dtmf(call.name, press.digit, press.milliseconds))


def _decline(call: Call, server: ServerTransaction, now: float) -> None:
    # Whoever speaks with an agent does not send it to call somebody else.
    call.reply(server, 603, now)


_HANDLERS: dict[str, Callable[[Call, ServerTransaction, float], None]] = {
    "BYE": lambda call, server, now: call.end_by_them(server, now),
    "INVITE": lambda call, server, now: call.changes.receive(server, now),
    "UPDATE": lambda call, server, now: call.changes.receive(server, now),
    "NOTIFY": lambda call, server, now: call.forwarding.receive(server, now),
    "INFO": _told,
    "OPTIONS": _able,
    "REFER": _decline,
}

"""A call that came to us, until it is answered: rung, taken, refused, sent elsewhere, or given up by the caller."""

from __future__ import annotations

from collections.abc import Iterable

from pinecall_run.sip import bodies
from pinecall_run.sip.call import Call
from pinecall_run.sip.core import Core
from pinecall_run.sip.dialog import called
from pinecall_run.sip.media import LocalAudio
from pinecall_run.sip.message import Field, Request, respond
from pinecall_run.sip.negotiation import Negotiation, NotAcceptableError
from pinecall_run.sip.outputs import EndReason
from pinecall_run.sip.server_transactions import ServerTransaction
from pinecall_run.sip.uri import NameAddr, Uri


class InboundCall(Call):
    """A call from its INVITE on, which came in ``server``."""

    def __init__(self, core: Core, name: str, server: ServerTransaction) -> None:
        super().__init__(core, name)
        self.server = server
        self.dialog = called(server.request, core.token(), server.peer)
        core.dialogs[self.dialog.key] = self
        self.note(server.request)

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be answered."""
        return self.server.is_open and not self.is_over

    def ring(self, now: float) -> None:
        """Tell the caller that it rings; may be said again."""
        if self.is_waiting:
            self._respond(180, now, self._routes(self.server.request))

    def answer(self, audio: LocalAudio, now: float) -> None:
        """Take it. Without an offer in the INVITE the sound begins with the ACK, which has the caller's answer."""
        if not self.is_waiting:
            return
        self.negotiation = Negotiation(audio, self.core.chance)
        offer = bodies.description(self.server.request)
        try:
            body = self.negotiation.answer(offer) if offer else self.negotiation.offer()
        except NotAcceptableError:
            self.refuse(488, EndReason.FAILED, now)
            return
        self.accept(self.server, body, is_offer=not offer, now=now)
        self.is_up = True
        self.sound()

    def refuse(self, status: int, reason: EndReason, now: float, fields: Iterable[Field] = ()) -> None:
        """Do not take it."""
        if self.is_waiting:
            self._respond(status, now, fields)
            self.close(reason, status)
            self.forget()

    def redirect(self, to: Uri, now: float) -> None:
        """Let the caller call ``to`` instead."""
        self.refuse(302, EndReason.FORWARDED, now, [("Contact", str(NameAddr(to)))])

    def cancelled(self, now: float) -> None:
        """The caller gave up (9.2); too late if it is answered."""
        self.refuse(487, EndReason.CANCELED, now)

    def hang_up(self, now: float, reason: EndReason = EndReason.ENDED, status: int = 0) -> None:
        """End it, answered or not."""
        if self.is_waiting:
            self.refuse(480, reason, now)
        else:
            super().hang_up(now, reason, status)

    def end_by_them(self, server: ServerTransaction, now: float) -> None:
        """A BYE may come before our answer, too (15.1.2)."""
        if self.is_waiting:
            self.reply(server, 200, now)
            self.cancelled(now)
        else:
            super().end_by_them(server, now)

    def _respond(self, status: int, now: float, fields: Iterable[Field]) -> None:
        contact = [] if status == 302 else [self.core.contact(self.server.peer.transport)]
        given = [*fields, *contact, ("Server", self.core.settings.product)]
        self.server.respond(respond(self.server.request, status, tag=self.dialog.local.tag, fields=given), now)

    def _routes(self, request: Request) -> list[Field]:
        return [("Record-Route", value) for value in request.headers.all("Record-Route")]

"""A call that we place, until somebody takes it or nobody does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from pinecall_run.sip import bodies
from pinecall_run.sip.call import SOUND, Call
from pinecall_run.sip.client_transactions import cancellation
from pinecall_run.sip.core import Core, Exchange
from pinecall_run.sip.dialog import Dialog, calling
from pinecall_run.sip.digest import Account, Answers
from pinecall_run.sip.grammar import GrammarError, number
from pinecall_run.sip.media import LocalAudio, Media
from pinecall_run.sip.message import Field, Headers, Request, Response, check_fields
from pinecall_run.sip.negotiation import Negotiation, NotAcceptableError
from pinecall_run.sip.outputs import EndReason, Ringing
from pinecall_run.sip.peer import Peer, peer_of
from pinecall_run.sip.uri import NameAddr, Uri

# Any other is a failure, a redirection too: whom we call is not for others to say.
_REASONS = {
    486: EndReason.BUSY,
    600: EndReason.BUSY,
    603: EndReason.BUSY,
    408: EndReason.NO_ANSWER,
    480: EndReason.NO_ANSWER,
    487: EndReason.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Dial:
    """A call to be placed.

    Attributes:
        peer: a trunk or proxy that everything first goes to; without, the address itself says where.
        account: who we are if we are asked.
        ring_seconds: how long it may ring.
        fields: further header fields of the INVITE.

    Raises:
        ValueError: a field is none, or there is a line break in a name.
    """

    to: Uri
    from_: NameAddr
    audio: LocalAudio
    peer: Peer | None = None
    account: Account | None = None
    ring_seconds: float = 30.0
    fields: tuple[Field, ...] = ()

    def __post_init__(self) -> None:
        check_fields([*self.fields, ("From", str(self.from_)), ("To", str(self.to))])


class OutboundCall(Call):
    """A call of ours, from its INVITE on."""

    def __init__(self, core: Core, name: str, dial: Dial, *, now: float) -> None:
        self._peer = dial.peer or peer_of(dial.to)
        super().__init__(core, name, Answers(dial.account, core.chance) if dial.account else None)
        self.is_caller = True
        self.negotiation = Negotiation(dial.audio, core.chance)
        self._dial = dial
        self._from = dial.from_.with_tag(core.token())
        self._call_id = f"{core.token()}@{core.settings.host}"
        self._offer = self.negotiation.offer()
        self._sequence = 0
        self._is_proceeding = False
        self._is_cancelled = False
        self._limit = core.agenda.add(now + dial.ring_seconds, self._rang_out)
        self._exchange = self._invite(now)

    def hang_up(self, now: float, reason: EndReason = EndReason.ENDED, status: int = 0) -> None:
        """End it, or stop trying."""
        if self.is_up or self.is_over:
            super().hang_up(now, reason, status)
        else:
            self._cancel(EndReason.CANCELED if reason is EndReason.ENDED else reason, now)

    def _invite(self, now: float) -> Exchange:
        return Exchange(self.core, self._request, self._peer, answers=self._answers, on_response=self._heard, now=now)

    def _request(self) -> Request:
        self._sequence += 1
        self._is_proceeding = False
        named = [("From", str(self._from)), ("To", str(NameAddr(self._dial.to.bare()))), ("Call-ID", self._call_id)]
        named += [("CSeq", f"{self._sequence} INVITE"), ("Max-Forwards", "70")]
        named += [self.core.contact(self._peer.transport), *self.core.abilities(), *self.changes.timer.asked()]
        return Request(Headers((*named, *self._dial.fields, SOUND)), self._offer, "INVITE", str(self._dial.to))

    # what the other side says

    def _heard(self, response: Response, now: float) -> None:
        if not response.is_final:
            self._progressed(response, now)
        elif response.is_success:
            self._taken_by(response, now)
        else:
            self._failed(response, now)

    def _progressed(self, response: Response, now: float) -> None:
        self._is_proceeding = True
        if self.is_over:
            self._send_cancel(now)
        elif response.status > 100 and not self.is_up:
            if response.to.tag:
                self._know(calling(self._exchange.transaction.request, response, self._peer))
            self.core.emit(Ringing(self.name, response.status, self._early(response)))

    def _early(self, response: Response) -> Media | None:
        with suppress(NotAcceptableError, bodies.UnknownBodyError):
            body = bodies.description(response)
            return self.negotiation.accept(body) if body else None
        return None

    def _taken_by(self, response: Response, now: float) -> None:
        if self.is_repeated(response):
            return
        invite = self._exchange.transaction.request
        dialog = calling(invite, response, self._peer)
        self.confirm(invite, dialog)
        self._limit.cancel()
        if self.is_up or self.is_over:  # by another one of those that a proxy asked at once, or too late (13.2.2.4)
            self._leave(dialog, now)
            return
        self.part()
        self._know(dialog)
        self.is_up = True
        self.note(response)
        self.changes.timer.agree(response, now)
        self._begin(response, now)

    def _begin(self, response: Response, now: float) -> None:
        try:
            body = bodies.description(response)
            # Some say in a 183 what they will not say again.
            if body or self.negotiation.media is None:
                self.negotiation.accept(body)
        except (NotAcceptableError, bodies.UnknownBodyError):
            self.hang_up(now, EndReason.FAILED, 488)
        else:
            self.sound()

    def _know(self, dialog: Dialog) -> None:
        """Whoever answers: their requests belong here from now on."""
        self.dialog = dialog
        self.core.dialogs[dialog.key] = self

    def _leave(self, dialog: Dialog, now: float) -> None:
        """Somebody answered whom we do not want any more."""
        peer = dialog.next_hop()
        Exchange(self.core, lambda: dialog.request("BYE"), peer, answers=self._answers, on_response=self._left, now=now)

    def _left(self, response: Response, _: float) -> None:
        if response.is_final and self.is_over:
            self.forget()

    def _failed(self, response: Response, now: float) -> None:
        if response.status == 422 and not self.is_over and self._lengthen(response):
            self._exchange = self._invite(now)
            return
        is_silence = response.status == 408 and not self._is_proceeding
        reason = EndReason.FAILED if is_silence else _REASONS.get(response.status, EndReason.FAILED)
        self._limit.cancel()
        self.close(reason, response.status)
        self.forget()

    def _lengthen(self, response: Response) -> bool:
        """Whether a longer interval between signs of life can be asked for (RFC 4028, 7.3)."""
        with suppress(GrammarError):
            seconds = number(response.headers.get("Min-SE"), 86_400)
            if seconds > self.core.settings.session_seconds and self._sequence < 4:
                self.changes.timer.raise_to(seconds)
                return True
        return False

    # giving up

    def _rang_out(self, now: float) -> None:
        self._cancel(EndReason.NO_ANSWER if self._is_proceeding else EndReason.FAILED, now)

    def _cancel(self, reason: EndReason, now: float) -> None:
        self._limit.cancel()
        self._exchange.give_up()
        self.close(reason)
        # Before anything came back there may be nobody who knows what to cancel (9.1).
        if self._is_proceeding:
            self._send_cancel(now)

    def _send_cancel(self, now: float) -> None:
        if self._is_cancelled:
            return
        self._is_cancelled = True
        invite = self._exchange.transaction.request
        self.core.transactions.begin(cancellation(invite), self._peer, _unheard).start(now)
        self._limit = self.core.agenda.add(now + self.core.settings.timing.patience, lambda _: self._abandon())

    def _abandon(self) -> None:
        """Nobody says that it is cancelled (9.1)."""
        self._exchange.transaction.abandon()
        self.forget()


def _unheard(_: Response, now: float) -> None:
    """What is said to a CANCEL does not matter; what is said to its INVITE does."""

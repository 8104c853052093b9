"""Changes of a call that is up: held, moved, another codec, and signs of life (RFC 3261, 14; RFC 3311; RFC 4028)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecall_run.sip import bodies
from pinecall_run.sip.core import Exchange
from pinecall_run.sip.message import Response
from pinecall_run.sip.negotiation import CONTENT_TYPE, NotAcceptableError
from pinecall_run.sip.outputs import ChangeRefused, EndReason
from pinecall_run.sip.sdp import Direction
from pinecall_run.sip.server_transactions import ServerTransaction
from pinecall_run.sip.session_timer import LEAST_SECONDS, SessionTimer, is_too_small

if TYPE_CHECKING:
    from pinecall_run.sip.call import Call

_GONE = (408, 481)
"""Answers after which there is no call any more (12.2.1.2)."""


class Changes:
    """The changes of one call: one of ours at a time, theirs answered at once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._exchange: Exchange | None = None
        self._is_due = False
        self._agreed = Direction.SENDRECV
        """What we wished when the last change of ours was taken."""
        self.timer = SessionTimer(
            call.core.agenda,
            seconds=call.core.settings.session_seconds,
            refresh=self._refresh,
            expire=lambda now: call.hang_up(now, EndReason.LOST),
        )

    def stop(self) -> None:
        """The call is over."""
        self.timer.stop()
        self._is_due = False
        if self._exchange is not None:
            self._exchange.give_up()

    # ours

    def turn(self, wish: Direction, now: float) -> None:
        """Sound should go another way; as soon as that can be asked for."""
        self._call.negotiation.wish = wish
        self._is_due = True
        self.go(now)

    def go(self, now: float) -> None:
        """Ask for what is due, if this is a time for it."""
        call = self._call
        if not self._is_due or self._exchange is not None or call.has_open_offer or call.is_over:
            return
        self._is_due = False
        fields = [*self.timer.asked(), ("Content-Type", CONTENT_TYPE)]
        self._exchange = call.ask("INVITE", self._heard, now=now, fields=fields, body=call.negotiation.offer())

    def _refresh(self, now: float) -> None:
        """A sign of life: by UPDATE where that is understood, for it needs no description."""
        if "UPDATE" not in self._call.remote_methods:
            self._is_due = True
            self.go(now)
        elif self._exchange is None:
            self._exchange = self._call.ask("UPDATE", self._refreshed, now=now, fields=self.timer.asked())

    def _refreshed(self, response: Response, now: float) -> None:
        if response.is_final:
            self._exchange = None
            if response.is_success:
                self._call.dialog.refresh(response)
            else:  # the next one is a re-INVITE
                self._call.remote_methods -= {"UPDATE"}
            self._settle(response, now)

    def _heard(self, response: Response, now: float) -> None:
        call, exchange = self._call, self._exchange
        if not response.is_final or (response.is_success and call.is_repeated(response)) or exchange is None:
            return
        self._exchange = None
        if response.is_success:
            call.dialog.refresh(response)
            call.confirm(exchange.transaction.request, call.dialog)
            self._take(response, now)
        elif response.status == 491 and not call.is_over:
            # RFC 3261, 14.1: whoever placed the call waits longer, so that the two do not meet again.
            pause = 2.1 + 1.9 * call.core.fraction() if call.is_caller else 2.0 * call.core.fraction()
            call.core.agenda.add(now + pause, self._again)
            return
        elif response.status not in _GONE and not call.is_over:
            call.negotiation.wish = self._agreed
            call.core.emit(ChangeRefused(call.name, response.status))
        self._settle(response, now)

    def _take(self, response: Response, now: float) -> None:
        call = self._call
        try:
            call.negotiation.accept(bodies.description(response))
        except (NotAcceptableError, bodies.UnknownBodyError):
            call.hang_up(now, EndReason.FAILED, 488)
        else:
            self._agreed = call.negotiation.wish
            call.sound()

    def _again(self, now: float) -> None:
        self._is_due = True
        self.go(now)

    def _settle(self, response: Response, now: float) -> None:
        call = self._call
        if response.status in _GONE:
            call.hang_up(now, EndReason.LOST, response.status)
        elif not response.is_success:
            self.timer.retry(now)
        elif not call.is_over:
            call.note(response)
            self.timer.agree(response, now)
        self.go(now)

    # theirs

    def receive(self, server: ServerTransaction, now: float) -> None:
        """A re-INVITE or an UPDATE came."""
        call = self._call
        if (self._exchange is not None and not self._is_refresh) or call.has_open_offer:
            call.reply(server, 491, now)
        elif not call.is_up:
            call.reply(server, 500, now, [("Retry-After", "2")])
        elif is_too_small(server.request):
            call.reply(server, 422, now, [("Min-SE", str(LEAST_SECONDS))])
        else:
            self._accept(server, now)

    @property
    def _is_refresh(self) -> bool:
        """Whether what we are asking holds no offer."""
        return self._exchange is not None and self._exchange.transaction.request.method == "UPDATE"

    def _accept(self, server: ServerTransaction, now: float) -> None:
        call = self._call
        try:
            offer = bodies.description(server.request)
            body = call.negotiation.answer(offer) if offer else b""
        except bodies.UnknownBodyError:
            call.reply(server, 415, now, [("Accept", CONTENT_TYPE)])
            return
        except NotAcceptableError:
            call.reply(server, 488, now)
            return
        is_offer = not offer and server.is_invite
        if is_offer:
            body = call.negotiation.offer()
        call.dialog.refresh(server.request)
        call.accept(server, body, is_offer=is_offer, now=now)
        call.sound()

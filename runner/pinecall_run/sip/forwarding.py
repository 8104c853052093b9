"""Sending the other side of a call to somebody else (RFC 3515): REFER, and what we are told came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecall_run.sip import bodies
from pinecall_run.sip.agenda import Entry
from pinecall_run.sip.message import Response
from pinecall_run.sip.outputs import EndReason, Forwarded, ForwardFailed, ForwardProgress
from pinecall_run.sip.server_transactions import ServerTransaction
from pinecall_run.sip.uri import NameAddr, Uri

if TYPE_CHECKING:
    from pinecall_run.sip.call import Call

PATIENCE_SECONDS = 60.0
"""How long we wait to be told that somebody answered; each word of progress begins it anew."""


class Forwarding:
    """The forwarding of one call: none, or one at a time."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._is_asked = False
        self._is_taken = False
        self._limit: Entry | None = None

    def start(self, to: Uri, now: float) -> None:
        """Ask the other side to call ``to`` instead; nothing happens while it is asked already."""
        if self._is_asked:
            return
        self._is_asked, self._is_taken = True, False
        local = self._call.dialog.local
        fields = [("Refer-To", str(NameAddr(to))), ("Referred-By", str(NameAddr(local.uri.bare())))]
        self._call.ask("REFER", self._heard, now=now, fields=fields)

    def receive(self, server: ServerTransaction, now: float) -> None:
        """A NOTIFY came."""
        call, request = self._call, server.request
        if not self._is_asked or request.headers.get("Event").partition(";")[0].strip().lower() != "refer":
            call.reply(server, 481, now)
            return
        call.reply(server, 200, now)
        status = bodies.told_status(request)
        is_last = request.headers.get("Subscription-State").strip().lower().startswith("terminated")
        if 200 <= status < 300:
            self._reached(now)
        elif status >= 300 or is_last:
            self._fail(status or 480)
        elif status:
            self._is_taken = True
            self._wait(now)
            call.core.emit(ForwardProgress(call.name, status))

    def left(self, now: float) -> None:
        """The other side hangs up. If it had taken our word, it is on its way: many do not wait to tell us more."""
        if self._is_asked and self._is_taken:
            self._succeed()

    def stop(self) -> None:
        """The call is over."""
        self._is_asked = False
        if self._limit is not None:
            self._limit.cancel()

    def _heard(self, response: Response, now: float) -> None:
        if not response.is_final or not self._is_asked:
            return
        if response.is_success:
            self._is_taken = True
            self._wait(now)
        else:
            self._fail(response.status)

    def _wait(self, now: float) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = self._call.core.agenda.add(now + PATIENCE_SECONDS, lambda _: self._fail(408))

    def _reached(self, now: float) -> None:
        self._call.core.emit(Forwarded(self._call.name))
        self._call.hang_up(now, EndReason.FORWARDED)

    def _succeed(self) -> None:
        self._call.core.emit(Forwarded(self._call.name))
        self._call.close(EndReason.FORWARDED)

    def _fail(self, status: int) -> None:
        self.stop()
        self._call.core.emit(ForwardFailed(self._call.name, status))

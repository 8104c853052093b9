"""An account whose calls come to us: registered, renewed in time, given back (RFC 3261, 10)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from pinecall_run.sip.agenda import Entry
from pinecall_run.sip.core import Core, Exchange
from pinecall_run.sip.digest import Account, Answers
from pinecall_run.sip.grammar import GrammarError, number
from pinecall_run.sip.message import Headers, Request, Response
from pinecall_run.sip.outputs import Registered, RegistrationFailed, Unregistered
from pinecall_run.sip.peer import Peer, peer_of
from pinecall_run.sip.uri import NameAddr, Uri, read_name_addr

RETRY_FIRST_SECONDS, RETRY_CAP_SECONDS = 30.0, 600.0

_LONGEST = 86_400


@dataclass(frozen=True, slots=True)
class Registrar:
    """Where to register what.

    Attributes:
        uri: the account's address, such as ``sip:alice@example.com``.
        peer: where its registrar is, if the address does not say it.
        seconds: for how long at once; the registrar may grant less.
    """

    uri: Uri
    account: Account | None = None
    peer: Peer | None = None
    seconds: int = 3_600


class Registration:
    """One account, kept registered from now on."""

    def __init__(self, core: Core, name: str, registrar: Registrar, *, now: float) -> None:
        self._core = core
        self._name = name
        self._registrar = registrar
        self._answers = Answers(registrar.account, core.chance) if registrar.account else None
        self._peer = registrar.peer or peer_of(registrar.uri)
        self._contact = core.contact(self._peer.transport, registrar.uri.user)
        self._from = NameAddr(registrar.uri.bare()).with_tag(core.token())
        self._call_id = f"{core.token()}@{core.settings.host}"
        self._seconds = registrar.seconds
        self._sequence = 0
        self._failures = 0
        self._is_leaving = False
        self._is_asking = False
        self._next: Entry | None = None
        self._ask(now)

    def leave(self, now: float) -> None:
        """Give it back."""
        self._is_leaving = True
        if not self._is_asking:
            self._ask(now)

    def _ask(self, now: float) -> None:
        if self._next is not None:
            self._next.cancel()
        seconds = 0 if self._is_leaving else self._seconds
        self._is_asking = True

        def heard(response: Response, at: float) -> None:
            if response.is_final:
                self._is_asking = False
                self._answered(response, at, seconds)

        Exchange(
            self._core,
            lambda: self._request(seconds),
            self._peer,
            answers=self._answers,
            on_response=heard,
            now=now,
        )

    def _request(self, seconds: int) -> Request:
        self._sequence += 1
        uri = self._registrar.uri
        named = [("From", str(self._from)), ("To", str(NameAddr(uri.bare()))), ("Call-ID", self._call_id)]
        named += [("CSeq", f"{self._sequence} REGISTER"), ("Max-Forwards", "70"), self._contact]
        named += [("Expires", str(seconds)), *self._core.abilities()]
        return Request(Headers(tuple(named)), b"", "REGISTER", str(Uri(uri.scheme, "", uri.host, uri.port)))

    def _answered(self, response: Response, now: float, seconds: int) -> None:
        if self._is_leaving:
            if seconds:
                self._ask(now)
            else:
                self._core.emit(Unregistered(self._name))
        elif response.is_success:
            self._keep(response, now)
        elif response.status == 423 and (least := _number(response, "Min-Expires")) > self._seconds:
            self._seconds = least
            self._ask(now)
        else:
            self._fail(response, now)

    def _keep(self, response: Response, now: float) -> None:
        self._failures = 0
        granted = max(_granted(response, self._contact[1]) or self._seconds, 1)
        self._core.emit(Registered(self._name, granted))
        # Half a minute before its end there is time for one that is lost; a short one is renewed at half of its time.
        self._next = self._core.agenda.add(now + max(granted - 30, granted / 2), self._ask)

    def _fail(self, response: Response, now: float) -> None:
        pause = min(RETRY_FIRST_SECONDS * 2**self._failures, RETRY_CAP_SECONDS)
        self._failures = min(self._failures + 1, 10)
        pause = max(pause * (0.5 + 0.5 * self._core.fraction()), _number(response, "Retry-After"))
        self._core.emit(RegistrationFailed(self._name, response.status, pause))
        self._next = self._core.agenda.add(now + pause, self._ask)


def _granted(response: Response, contact: str) -> int:
    """For how long our own contact is registered: others may be, too."""
    ours = read_name_addr(contact).uri
    with suppress(GrammarError):
        for found in response.contacts:
            is_ours = (found.uri.user, found.uri.host, found.uri.port) == (ours.user, ours.host, ours.port)
            if is_ours and found.parameters.get("expires"):
                return number(found.parameters["expires"] or "", _LONGEST)
    return _number(response, "Expires")


def _number(response: Response, name: str) -> int:
    with suppress(GrammarError):
        return number(response.headers.get(name).partition(";")[0].partition("(")[0], _LONGEST)
    return 0

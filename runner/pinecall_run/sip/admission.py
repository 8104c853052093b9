"""What is answered to requests from outside of any call, before anything is kept of them (RFC 3261, 8.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinecall_run.sip import bodies
from pinecall_run.sip.core import METHODS, Core
from pinecall_run.sip.digest import Gatekeeper, Verdict
from pinecall_run.sip.message import Field, Request
from pinecall_run.sip.negotiation import CONTENT_TYPE
from pinecall_run.sip.session_timer import LEAST_SECONDS, OPTION, is_too_small
from pinecall_run.sip.uri import read_uri

_OF_DIALOGS = ("BYE", "INFO", "UPDATE", "NOTIFY", "PRACK")
_UNWANTED = ("REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER")

_ALLOW: Field = ("Allow", ", ".join(METHODS))
_ACCEPT: Field = ("Accept", CONTENT_TYPE)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An INVITE that may become a call; ``username`` has shown a password."""

    username: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of which nothing is kept."""

    status: int
    fields: Sequence[Field] = ()


class Admission:
    """Looks at what comes from outside."""

    def __init__(self, core: Core) -> None:
        self._core = core
        settings = core.settings
        self._gatekeeper = None
        if settings.users:
            self._gatekeeper = Gatekeeper(settings.realm, settings.users, core.chance, settings.algorithms)

    def look(self, request: Request, now: float, *, is_trusted: bool) -> Admitted | Reply:
        """What to do with a request. Whoever is not trusted learns nothing but that a password is wanted."""
        admitted = Admitted() if is_trusted else self._identify(request, now)
        return admitted if isinstance(admitted, Reply) else self._refusal(request) or admitted

    def _identify(self, request: Request, now: float) -> Admitted | Reply:
        if self._gatekeeper is None:
            return Reply(403)
        is_stale = False
        for proof in request.headers.all("Authorization"):
            verdict, username = self._gatekeeper.check(proof, request.method, now)
            if verdict is Verdict.GOOD:
                return Admitted(username)
            is_stale = is_stale or verdict is Verdict.STALE
        challenges = self._gatekeeper.challenges(now, is_stale=is_stale)
        return Reply(401, [("WWW-Authenticate", challenge) for challenge in challenges])

    def _refusal(self, request: Request) -> Reply | None:
        if request.method in _OF_DIALOGS:
            return Reply(481)
        if request.method not in ("INVITE", "OPTIONS"):
            return Reply(405 if request.method in _UNWANTED else 501, [_ALLOW])
        if not read_uri(request.uri).is_sip:
            return Reply(416)
        if unknown := [name for name in request.headers.values("Require") if name.lower() != OPTION]:
            return Reply(420, [("Unsupported", ", ".join(unknown))])
        if request.method == "OPTIONS":
            return Reply(200, [*self._core.abilities(), _ACCEPT])
        return self._invite_refusal(request)

    def _invite_refusal(self, request: Request) -> Reply | None:
        if self._core.transactions.is_merged(request):
            return Reply(482)
        accepted = {value.partition(";")[0].strip().lower() for value in request.headers.values("Accept")}
        if accepted and accepted.isdisjoint((CONTENT_TYPE, "application/*", "*/*")):
            return Reply(406)
        try:
            bodies.description(request)
        except bodies.UnknownBodyError:
            return Reply(415, [_ACCEPT, ("Accept-Encoding", "identity")])
        if is_too_small(request):
            return Reply(422, [("Min-SE", str(LEAST_SECONDS))])
        if len(self._core.calls) >= self._core.settings.most_calls:
            return Reply(503, [("Retry-After", "10")])
        return None

"""Calls that nobody gives a sign of life of are given up (RFC 4028)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pinecall_run.sip.agenda import Agenda, Entry
from pinecall_run.sip.grammar import GrammarError, number, read_parameters, split
from pinecall_run.sip.message import Field, Request, Response

LEAST_SECONDS = 90
"""RFC 4028, 5. Less is answered with 422."""

RETRY_SECONDS = 10.0

OPTION = "timer"
"""The name of this extension in Supported and Require."""


@dataclass(frozen=True, slots=True)
class Interval:
    """After how long, and whose part it is to give the signs: ``uac``, ``uas``, or empty while it is open."""

    seconds: int
    refresher: str = ""


def read_interval(message: Request | Response) -> Interval | None:
    """What a message asks for.

    Raises:
        GrammarError: its field says nothing that makes sense.
    """
    text = message.headers.get("Session-Expires")
    if not text:
        return None
    seconds, *parameters = split(text, ";")
    refresher = (read_parameters(parameters).get("refresher") or "").lower()
    return Interval(number(seconds, 2**31), refresher if refresher in ("uac", "uas") else "")


def is_too_small(request: Request) -> bool:
    """Whether a request asks for signs of life more often than we like. One that makes no sense asks for nothing."""
    try:
        interval = read_interval(request)
    except GrammarError:
        return False
    return interval is not None and interval.seconds < LEAST_SECONDS


class SessionTimer:
    """The timer of one call. ``refresh`` is called when it is time for a sign of ours, ``expire`` when none came."""

    def __init__(
        self, agenda: Agenda, *, seconds: int, refresh: Callable[[float], None], expire: Callable[[float], None]
    ) -> None:
        self._agenda = agenda
        self._seconds = seconds
        self._is_ours = True
        self._refresh = refresh
        self._expire = expire
        self._entry: Entry | None = None

    def asked(self) -> list[Field]:
        """What a request of ours asks for."""
        refresher = "" if self._entry is None else f";refresher={'uac' if self._is_ours else 'uas'}"
        return [("Session-Expires", f"{self._seconds}{refresher}"), ("Min-SE", str(LEAST_SECONDS))]

    def raise_to(self, seconds: int) -> None:
        """The other side, or a proxy, wants a longer interval."""
        self._seconds = max(seconds, self._seconds)

    def answer(self, request: Request, now: float) -> list[Field]:
        """What we answer to a request, from when on that holds. Whoever does not know timers is not bothered."""
        knows = OPTION in request.headers.tokens("Supported")
        try:
            asked = read_interval(request)
        except GrammarError:
            asked = None
        if asked is None and not knows:
            self.stop()
            return []
        asked = asked or Interval(self._seconds)
        refresher = asked.refresher or ("uac" if knows else "uas")
        self._run(asked.seconds, now, is_ours=refresher == "uas")
        required = [("Require", OPTION)] if refresher == "uac" else []
        return [("Session-Expires", f"{asked.seconds};refresher={refresher}"), *required]

    def agree(self, response: Response, now: float) -> None:
        """The other side answered a request of ours."""
        try:
            agreed = read_interval(response)
        except GrammarError:
            agreed = None
        if agreed is None:
            self.stop()
        else:
            self._run(max(agreed.seconds, LEAST_SECONDS), now, is_ours=agreed.refresher != "uas")

    def retry(self, now: float) -> None:
        """A sign of ours was refused: there is time for others before the other side gives the call up."""
        if self._entry is not None and self._is_ours:
            self._entry.cancel()
            self._entry = self._agenda.add(now + RETRY_SECONDS, self._refresh)

    def stop(self) -> None:
        """Nothing is expected any more."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    def _run(self, seconds: int, now: float, *, is_ours: bool) -> None:
        self.stop()
        self._seconds, self._is_ours = seconds, is_ours
        # RFC 4028, 10: a sign after half of the time; given up a little before its end.
        after, action = (seconds / 2, self._refresh) if is_ours else (seconds - min(32, seconds / 3), self._expire)
        self._entry = self._agenda.add(now + after, action)

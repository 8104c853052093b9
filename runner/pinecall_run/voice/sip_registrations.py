"""Accounts at carriers and PBXs whose calls come here: registered while the server runs, and given back at its end."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pinecall_run.sip.message import REASONS
from pinecall_run.sip.outputs import Output, Registered, RegistrationFailed, Unregistered
from pinecall_run.sip.registration import Registrar
from pinecall_run.voice.sip_calls import SipCalls
from pinecall_run.voice.sip_trunks import Trunk

_LOG = logging.getLogger("pinecall_run.voice")

SILENT, UNAVAILABLE = 408, 503
"""Statuses that are of our own making, too: nothing came back, and what was asked did not go out."""


class SipRegistrations:
    """The registrations of trunks that want one. What becomes of one is logged when it changes."""

    def __init__(self, calls: SipCalls, trunks: Sequence[Trunk]) -> None:
        self._calls = calls
        self._trunks = [trunk for trunk in trunks if trunk.is_registered]
        self._names: dict[str, Trunk] = {}
        self._failures: dict[str, str] = {}
        """By name, of those that are known how they are: why it failed, or nothing."""

    def __len__(self) -> int:
        """How many are not given back."""
        return len(self._names)

    def begin(self) -> None:
        """Register all; each is renewed in time, and tried again where it fails."""
        for trunk in self._trunks:
            assert trunk.account is not None
            registrar = Registrar(trunk.uri(trunk.account.username), trunk.account, trunk.peer)
            self._names[self._calls.register(registrar)] = trunk

    def told(self, output: Output) -> None:
        """Something became of one."""
        match output:
            case Registered(name):
                self._note(name, "")
            case RegistrationFailed(name, status):
                self._note(name, _failure(status))
            case Unregistered(name):
                self._names.pop(name, None)

    def _note(self, name: str, failure: str) -> None:
        trunk = self._names.get(name)
        if trunk is None or self._failures.get(name) == failure:
            return
        self._failures[name] = failure
        if failure:
            _LOG.warning("calls do not come in from %s: %s; it is tried again", trunk.host, failure)
        else:
            _LOG.info("registered at %s", trunk.host)

    def notes(self, trunks: Sequence[Trunk]) -> list[str]:
        """What is known not to work by trunks, a sentence each."""
        failed = ((self._names[name], why) for name, why in self._failures.items() if why and name in self._names)
        return [f"calls do not come in from {trunk.host}: {why}" for trunk, why in failed if trunk in trunks]

    def leave(self) -> None:
        """Give all back."""
        for name in list(self._names):
            self._calls.unregister(name)


def _failure(status: int) -> str:
    if status == SILENT:
        return "it does not answer the registration"
    if status == UNAVAILABLE:
        return f"it cannot be reached, or takes no registrations now ({status})"
    return f"it answers the registration with {status} {REASONS.get(status, '')}".rstrip()

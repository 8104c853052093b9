"""The telephone calls over SIP that there are, whoever placed them: their lines, and what they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pinecall_run.protocol.registry import Agent
from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.media import LocalAudio
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import (
    Answered,
    Dtmf,
    EndReason,
    Forwarded,
    ForwardFailed,
    MediaChanged,
    Output,
)
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.registration import Registrar
from pinecall_run.sip.uri import Uri, read_uri, sip_uri
from pinecall_run.transports.contract import Caller
from pinecall_run.voice.phone_desk import PhoneDesk, dialable
from pinecall_run.voice.sip_settings import SipSettings, is_address
from pinecall_run.voice.sip_trunks import Trunk

if TYPE_CHECKING:  # they need an extra, which typed conversations do without
    from pinecall_run.transports.metronome import Metronome
    from pinecall_run.transports.sip_call import SipCall
    from pinecall_run.transports.sip_sockets import SipSockets

_T = TypeVar("_T")


class SipCalls:
    """Calls by their names, from the first message to the last. ``sockets`` is given once they listen."""

    sockets: SipSockets

    def __init__(self, desk: PhoneDesk, settings: SipSettings, refused: Counter[str]) -> None:
        self.desk = desk
        self.settings = settings
        self._refused = refused
        self._metronome: Metronome | None = None
        self._there: dict[str, str] = {}
        """The hosts of calls that there are, by their names."""
        self._lines: dict[str, SipCall] = {}
        """Those with a conversation."""
        self._hosts: Counter[str] = Counter()
        """Those with calls, by how many."""

    def __contains__(self, name: object) -> bool:
        return name in self._there

    def __iter__(self) -> Any:
        return iter(list(self._there))

    def knows(self, host: str) -> bool:
        """Whether there are calls with a host."""
        return host in self._hosts

    def do(self, what: Callable[[UserAgent, float], _T]) -> _T:
        """Have the user agent do something."""
        return self.sockets.do(what)

    def hang_up(self, name: str) -> None:
        """End a call, or stop trying."""
        self.do(lambda agent, now: agent.hang_up(name, now))

    def dial(self, dial: Dial, host: str) -> str:
        """Place a call whose messages go to a host; returns its name."""
        name = self.do(lambda agent, now: agent.dial(dial, now))
        self.came(name, host)
        return name

    def register(self, registrar: Registrar) -> str:
        """Register an account; returns the registration's name."""
        return self.do(lambda agent, now: agent.register(registrar, now))

    def unregister(self, name: str) -> None:
        """Give a registration back."""
        self.do(lambda agent, now: agent.unregister(name, now))

    # beginning

    def came(self, name: str, host: str) -> None:
        """There is a call."""
        self._hosts[host] += 1
        self._there[name] = host

    def line(self, agent_id: str, name: str, peer: Peer, trunk: Trunk | None) -> SipCall:
        """The line of a call, with sockets for its sound. It can be forwarded to numbers of the ``trunk`` that it
        belongs to; else of the host that it comes from.

        Raises:
            OSError: no ports are free.
        """
        from pinecall_run.transports.metronome import Metronome
        from pinecall_run.transports.rtp_session import RtpSession
        from pinecall_run.transports.sip_call import Patience, SipCall

        settings, clock = self.settings, asyncio.get_running_loop().time
        self._metronome = self._metronome or Metronome()
        return SipCall(
            name,
            peer,
            self.sockets,
            self._metronome,
            lambda on_key: RtpSession(settings.host, settings.rtp_ports, clock, on_key=on_key),
            at=lambda to: target(to, peer, trunk),
            patience=Patience(settings.silence_seconds, settings.hold_seconds),
            tell_failure=lambda why: self.desk.not_forwarded(agent_id, why),
        )

    def audio(self, line: SipCall) -> LocalAudio:
        """What a line has to offer."""
        encryption = self.settings.encryption(line.peer.transport)
        return LocalAudio(self.settings.address, line.sound.port, encryption=encryption)

    def begin(self, agent: Agent, line: SipCall, known: Mapping[str, Any]) -> None:
        """Begin the conversation of a call; ``known`` are fields of :class:`Caller`.

        Raises:
            NotAdmittedError: there is no room, or the agent cannot hear or speak; the line is closed.
        """
        caller = Caller("phone", asyncio.get_running_loop().time, line=line, **known)
        try:
            line.begin(self.desk.begin(agent, line.id, line, caller))
        except Exception:
            line.stop()
            raise
        self._lines[line.id] = line

    # what happens in them

    def told(self, output: Output) -> None:
        """Something happened in a call with a conversation."""
        line = self._lines.get(getattr(output, "call", ""))
        if line is None:
            return
        match output:
            case Answered(media=media) | MediaChanged(media=media):
                line.agreed(media)
            case Dtmf(digit=key):
                line.info(key)
            case Forwarded():
                line.forwarded()
            case ForwardFailed(status=status):
                line.forward_failed(status)

    def over(self, name: str, reason: EndReason) -> bool:
        """A call is over; returns whether it was a conversation."""
        host = self._there.pop(name, "")
        self._hosts[host] -= 1
        self._hosts += Counter()  # without those that are none
        line = self._lines.pop(name, None)
        if line is not None:
            line.over(reason)
            self._refused["packets of forged sound"] += line.sound.ignored
        return line is not None


def target(to: str, peer: Peer, trunk: Trunk | None) -> Uri:
    """Where a call is handed on to: an address as it is; a number at the trunk that the call belongs to, else at the
    host that it comes from.

    Raises:
        GrammarError: it is no address.
    """
    if is_address(to):
        return read_uri(to)
    if trunk is not None and trunk.host:
        return trunk.uri(dialable(to))
    return sip_uri(dialable(to), f"[{peer.host}]" if ":" in peer.host else peer.host)

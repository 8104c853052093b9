"""Telephone calls that we place over SIP: by which trunk, and what becomes of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinecall_run.protocol.registry import Agent, normal_ref
from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.message import REASONS
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import Answered, Ended, EndReason
from pinecall_run.sip.peer import Peer, peer_of
from pinecall_run.sip.uri import NameAddr, Uri, read_uri, sip_uri
from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.voice.phone_desk import PHONE, dialable, placed
from pinecall_run.voice.sip_calls import SipCalls
from pinecall_run.voice.sip_settings import SipSettings, is_address
from pinecall_run.voice.sip_trunks import Trunk
from pinecall_run.wire import call_commands

if TYPE_CHECKING:  # it needs an extra, which typed conversations do without
    from pinecall_run.transports.sip_call import SipCall

_LOG = logging.getLogger("pinecall_run.voice")

RING_SECONDS = 25.0
"""How long it may ring over there: a runner waits for 30 s (protocol 2.1)."""

MOST_DIALS = 1_000
"""Calls that are being placed at once."""

SILENT, TIMED_OUT, UNAVAILABLE = 0, 408, 503
"""How a call fails of which nothing came back; that a proxy heard nothing; and that a message did not go out, which
others say, too."""


class NoWayError(Exception):
    """A call cannot be placed; the message says why, and ``code`` is the wire's word for it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Way:
    """How a call goes out: whom it asks for, as whom, by which trunk if by one, and where its messages go first."""

    to: Uri
    from_: Uri
    trunk: Trunk | None
    peer: Peer


def way(settings: SipSettings, to: str, from_: str) -> Way:
    """How a call from an address of ours goes out: a number by a trunk, a SIP address where that says, by the trunk of
    its host if there is one.

    Raises:
        NoWayError: it cannot.
    """
    try:
        own = read_uri(from_) if is_address(from_) else None
        if is_address(to):
            target = replace(read_uri(to), headers="")
            trunk = next((each for each in settings.trunks if each.host and each.host == target.host), None)
        else:
            trunk = _trunk_of(settings, from_, own)
            target = trunk.uri(dialable(to))
        peer = trunk.peer if trunk is not None and trunk.peer is not None else peer_of(target)
    except GrammarError:
        raise NoWayError(f"{to} cannot be called from {from_}: one of them is no address", "INVALID_NUMBER") from None
    shown = own or (trunk.uri(_number(from_)) if trunk is not None else sip_uri(_number(from_), settings.address))
    return Way(target, shown, trunk, peer)


def _trunk_of(settings: SipSettings, from_: str, own: Uri | None) -> Trunk:
    """The trunk by which a number is called: one that carries ours, or one of the host of our address, or the first."""
    able = [trunk for trunk in settings.trunks if trunk.host]
    if own is None:
        able = [trunk for trunk in able if trunk.carries(_number(from_))]
    else:
        able.sort(key=lambda trunk: trunk.host != own.host)
    if not able:
        raise NoWayError(f"no trunk that has a host carries calls from {from_} (docs/channels/sip.md)", "NO_TRANSPORT")
    return able[0]


def _number(ref: str) -> str:
    return normal_ref(PHONE, ref)


@dataclass(slots=True, eq=False)
class _Dialed:
    command: call_commands.CallDial
    line: SipCall
    host: str


class SipDials:
    """The calls that are being placed, until somebody takes them or nobody will."""

    def __init__(self, calls: SipCalls) -> None:
        self._calls = calls
        self._desk = calls.desk
        self._dialed: dict[str, _Dialed] = {}

    def dial(self, agent: Agent, command: call_commands.CallDial) -> None:
        """Place a call for an agent; what comes of it is told to its runner."""
        try:
            self._place(agent, command)
        except NoWayError as error:
            self._desk.not_placed(command, str(error), error.code)

    def _place(self, agent: Agent, command: call_commands.CallDial) -> None:
        if len(self._dialed) >= MOST_DIALS:
            raise NoWayError("too many calls are being placed", "BUSY")
        goes = way(self._calls.settings, command.to, command.from_)
        try:
            line = self._calls.line(agent.agent_id, "", goes.peer, goes.trunk)
        except OSError as error:
            raise NoWayError(f"no ports are free for a call: {error.strerror or 'see rtp_ports'}", "BUSY") from error
        dial = Dial(
            goes.to,
            NameAddr(goes.from_.bare()),
            self._calls.audio(line),
            peer=goes.peer,
            account=goes.trunk.account if goes.trunk else None,
            ring_seconds=RING_SECONDS,
        )
        try:
            line.id = self._calls.dial(dial, goes.peer.host)
        except Exception:  # its ports are not to be kept
            line.stop()
            raise
        self._dialed[line.id] = _Dialed(command, line, goes.peer.host)
        self._desk.dialing(command, line.id)

    def cancel(self, connection: str, name: str) -> None:
        """Take a call back that is being placed for a runner's agent."""
        dialed = self._dialed.get(name)
        if dialed is not None and self._desk.is_of(dialed.command.agent_id, connection):
            self._calls.hang_up(name)

    def answered(self, output: Answered) -> None:
        """Somebody took a call, if it is one of these: its conversation begins."""
        dialed = self._dialed.get(output.call)
        if dialed is None:
            return
        agent = self._desk.agent(dialed.command.agent_id)
        dialed.line.sound.ignored = 0  # what was heard so far was no call's: a tone, an announcement
        try:
            if agent is None:
                raise NotAdmittedError("the agent is not online")
            self._calls.begin(agent, dialed.line, placed(dialed.command))
        except Exception as error:
            if not isinstance(error, NotAdmittedError):
                self._calls.hang_up(output.call)
                raise
            _LOG.warning("a call of %s was taken, and cannot begin: %s", dialed.command.agent_id, error)
            self._calls.hang_up(output.call)
        else:
            del self._dialed[output.call]

    def ended(self, output: Ended) -> bool:
        """A call is over; returns whether it was one of these, and never began."""
        dialed = self._dialed.pop(output.call, None)
        if dialed is None:
            return False
        dialed.line.stop()
        if output.status == TIMED_OUT:  # another's: ours ends before that of a transaction (32 s)
            self._desk.not_taken(dialed.command, output.call, EndReason.NO_ANSWER)
        elif output.reason is EndReason.FAILED:
            error, code = _failure(dialed.host, output.status)
            self._desk.not_placed(dialed.command, error, code, output.call)
        else:
            self._desk.not_taken(dialed.command, output.call, output.reason)
        return True


def _failure(host: str, status: int) -> tuple[str, str]:
    """What is said of a call that failed with a status, and the wire's word for it."""
    if status == SILENT:
        return f"the call failed: nothing came back from {host}", "UNREACHABLE"
    if status == UNAVAILABLE:
        return f"the call failed: {host} has no room, or cannot be reached ({status})", f"SIP_{status}"
    return f"the call failed: {host} says {status} {REASONS.get(status, '')}".rstrip(), f"SIP_{status}"

"""Telephone calls over SIP: who may call, whom they want, and what becomes of them."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pinecall_run.protocol.registry import Agent, Registry
from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.core import Settings
from pinecall_run.sip.media import LocalAudio
from pinecall_run.sip.outputs import (
    Answered,
    Dtmf,
    Ended,
    EndReason,
    Forwarded,
    ForwardFailed,
    Ignored,
    IncomingCall,
    MediaChanged,
    Output,
    Refused,
)
from pinecall_run.sip.uri import Uri
from pinecall_run.transports.contract import BusyError, Caller, NotAdmittedError
from pinecall_run.transports.refusals import Tally
from pinecall_run.voice.call_reception import MISSING, is_installed
from pinecall_run.voice.failure import described
from pinecall_run.voice.phone_desk import PHONE, SERVER_FULL, PhoneDesk
from pinecall_run.voice.sip_settings import SipSettings
from pinecall_run.wire import call_commands, events, speech_events

if TYPE_CHECKING:  # they need an extra, which typed conversations do without
    from pinecall_run.transports.metronome import Metronome
    from pinecall_run.transports.sip_call import SipCall
    from pinecall_run.transports.sip_sockets import SipSockets

_LOG = logging.getLogger("pinecall_run.voice")

NOT_SET = "calls of SIP addresses need PINECALL_SIP where the voice server runs (docs/channels/sip.md)"

GOODBYE_SECONDS = 0.5
"""How long the last answers may take when the server stops."""

BUSY, DECLINED, UNKNOWN, UNABLE, BROKEN, FULL = 486, 603, 404, 480, 500, 503

_STATUS = {"busy": BUSY, SERVER_FULL: FULL}
"""Why a call is turned away, in numbers."""

_NUMBER = re.compile(r"\+?\d{3,15}")

CHALLENGE = 401
"""How whoever has a password begins: no refusal."""


class SipDoor:
    """A :class:`pinecall_run.voice.phone_desk.Carrier` of calls to SIP addresses."""

    def __init__(
        self,
        desk: PhoneDesk,
        registry: Registry,
        settings: SipSettings | None,
        *,
        refused: Counter[str] | None = None,
    ) -> None:
        self.refused: Counter[str] = Tally("sip") if refused is None else refused
        self._desk = desk
        self._registry = registry
        self._settings = settings or SipSettings()
        self._lacks = "" if settings else NOT_SET
        self._sockets: SipSockets | None = None
        self._metronome: Metronome
        self._there: dict[str, str] = {}
        """The hosts of calls that there are, by their names."""
        self._calls: dict[str, SipCall] = {}
        """Those with a conversation."""
        self._hosts: Counter[str] = Counter()
        """Those with calls, by how many."""
        self._work: set[asyncio.Task[None]] = set()

    # what is there (Carrier)

    def serves(self, ref: str) -> bool:
        """See :class:`Carrier`: addresses of SIP."""
        return ref.startswith(("sip:", "sips:"))

    def missing(self) -> str:
        """See :class:`Carrier`."""
        return self._lacks

    def notes(self) -> list[str]:
        """See :class:`Carrier`."""
        return []

    def dial(self, agent: Agent, command: call_commands.CallDial) -> None:
        """See :class:`Carrier`: calls come in here, and none go out."""
        error = "this voice server places no calls over SIP"
        self._desk.tell(
            agent.agent_id, speech_events.CallError(agent_id=agent.agent_id, error=error, code="NO_TRANSPORT")
        )

    def cancel(self, connection: str, call_id: str) -> None:
        """See :class:`Carrier`."""

    # beginning and end

    async def open(self) -> None:
        """Listen, where that is set up. What keeps it from that is said of every channel, and logged."""
        if self._lacks:
            return
        if not is_installed():
            self._lacks = MISSING
            return
        from pinecall_run.transports.metronome import Metronome
        from pinecall_run.transports.sip_sockets import SipSockets

        settings = self._settings
        self._metronome = Metronome()
        sockets = SipSockets(
            self._agent,
            self._told,
            trusts=settings.trusts,
            knows=self._hosts.__contains__,
            on_flood=lambda: self.refused.update(floods=1),
        )
        try:
            tls = (_context(settings.tls.certificate, settings.tls.key), settings.tls.port) if settings.tls else None
            ports = await sockets.open(settings.host, settings.port, tls=tls)
        except OSError as error:
            self._lacks = f"SIP cannot listen on {settings.host}:{settings.port}: {error.strerror or 'see tls'}"
            _LOG.error("%s", self._lacks)
            return
        self._sockets = sockets
        _LOG.info("SIP listens on %s", ", ".join(f"{name} {settings.host}:{port}" for name, port in ports.items()))

    def _agent(self, ports: Mapping[str, int]) -> UserAgent:
        settings = self._settings
        given = Settings(settings.address, ports, users=settings.users, algorithms=settings.algorithms)
        return UserAgent(given, secrets.token_bytes)

    async def close(self) -> None:
        """End what is left, and let go of the sockets."""
        if self._sockets is None:
            return
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        for name in list(self._there):
            self._sockets.do(lambda agent, now, name=name: agent.hang_up(name, now))  # type: ignore[misc]
        loop = asyncio.get_running_loop()
        until = loop.time() + GOODBYE_SECONDS
        while len(self._sockets.agent) and loop.time() < until:  # noqa: ASYNC110 - the core has no event for that
            await asyncio.sleep(0.01)
        await self._sockets.close()
        self._sockets = None

    # what the user agent tells

    def _told(self, output: Output) -> None:
        match output:
            case IncomingCall():
                self._hosts[output.peer.host] += 1
                self._there[output.call] = output.peer.host
                self._start(output)
            case Ended(name, reason):
                self._over(name, reason)
            case Refused(status=status) if status != CHALLENGE:
                self.refused["requests"] += 1
            case Ignored():
                self.refused["messages without sense"] += 1
            case Answered() | MediaChanged() | Dtmf() | Forwarded() | ForwardFailed():
                if (call := self._calls.get(output.call)) is not None:
                    _tell(call, output)

    def _over(self, name: str, reason: EndReason) -> None:
        host = self._there.pop(name, "")
        if self._hosts[host] > 1:
            self._hosts[host] -= 1
        else:
            del self._hosts[host]
        call = self._calls.pop(name, None)
        if call is None:
            self._desk.gave_up(name)
        else:
            call.over(reason)
            self.refused["packets of forged sound"] += call.sound.ignored

    def _start(self, incoming: IncomingCall) -> None:
        task = asyncio.create_task(self._take(incoming))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # a call that comes in

    async def _take(self, incoming: IncomingCall) -> None:
        """Answer a call, or say why not."""
        try:
            status = await self._decided(incoming)
        except Exception as error:  # noqa: BLE001 - the border of a call that comes in
            _LOG.error("a call could not be taken: %s", described(error))
            status = BROKEN
        if status:
            self._do(lambda agent, now: agent.reject(incoming.call, now, status=status))

    async def _decided(self, incoming: IncomingCall) -> int:
        """Have whoever is called take it; returns the status that it is refused with where nobody does."""
        name, from_ = incoming.call, _caller(incoming.from_.uri)
        found = self._answering(incoming.uri, from_)
        if found is None:
            self.refused["calls of nobody"] += 1
            return UNKNOWN
        agent, ref = found
        self._do(lambda agent, now: agent.ring(name, now))
        reason = await self._desk.screen(agent, name, from_=from_, to=ref)
        if reason or name not in self._there:
            return _STATUS.get(reason, DECLINED)
        return self._begin(incoming, agent, from_=from_, ref=ref)

    def _begin(self, incoming: IncomingCall, agent: Agent, *, from_: str, ref: str) -> int:
        """Begin the conversation of a call and answer it; returns the status that refuses it where that cannot be."""
        from pinecall_run.transports.rtp_session import RtpSession
        from pinecall_run.transports.sip_call import Patience, SipCall

        assert self._sockets is not None
        settings, clock = self._settings, asyncio.get_running_loop().time
        try:
            call = SipCall(
                incoming,
                self._sockets,
                self._metronome,
                lambda on_key: RtpSession(settings.host, settings.rtp_ports, clock, on_key=on_key),
                patience=Patience(settings.silence_seconds, settings.hold_seconds),
                tell_failure=lambda sentence: self._failed(agent.agent_id, sentence),
            )
        except OSError as error:
            _LOG.error("a call was turned away: %s", error.strerror or error)
            return FULL
        caller = Caller("phone", clock, from_=from_, to=ref, channel=(PHONE, ref), line=call)
        try:
            call.begin(self._desk.begin(agent, incoming.call, call, caller))
        except Exception as error:
            call.stop()
            if isinstance(error, BusyError):  # counted, and told to the runner
                return FULL if error.is_servers else BUSY
            if not isinstance(error, NotAdmittedError):
                raise
            _LOG.warning("a call to %s was turned away: %s", agent.agent_id, error)
            return UNABLE
        self._calls[incoming.call] = call
        encryption = settings.encryption(incoming.peer.transport)
        audio = LocalAudio(settings.address, call.sound.port, encryption=encryption)
        self._do(lambda agent, now: agent.answer(incoming.call, audio, now))
        return 0

    def _do(self, what: Callable[[UserAgent, float], None]) -> None:
        if self._sockets is not None:
            self._sockets.do(what)

    def _failed(self, agent_id: str, sentence: str) -> None:
        # Without the agent's name: an error that has it is about its registration.
        self._desk.tell(agent_id, events.Error(code="FORWARD_FAILED", error=sentence))

    def _answering(self, uri: Uri, from_: str) -> tuple[Agent, str] | None:
        """Who answers a request's target, and at which address of theirs: the one that is written there, in any way to
        write it; else, where the target names a machine instead of a domain, the only one with that user."""
        name = uri.name.lower()
        hosts = [f"{uri.host}:{uri.port}", uri.host] if uri.port else [uri.host]
        refs = [f"{scheme}:{name}@{host}" for host in hosts for scheme in ("sip", "sips")]
        if _is_machine(uri.host):
            alike = {ref for ref in self._refs() if ref.partition(":")[2].rpartition("@")[0] == name}
            refs += alike if len(alike) == 1 else ()
        answers = ((self._desk.answering(ref, from_), ref) for ref in refs)
        return next(((agent, ref) for agent, ref in answers if agent is not None), None)

    def _refs(self) -> list[str]:
        keys = (key for agent in self._registry.agents.values() for key in agent.channels)
        return [ref for kind, ref in keys if kind == PHONE and self.serves(ref)]


def _tell(call: SipCall, output: Answered | MediaChanged | Dtmf | Forwarded | ForwardFailed) -> None:
    match output:
        case Answered(media=media) | MediaChanged(media=media):
            call.agreed(media)
        case Dtmf(digit=key):
            call.info(key)
        case Forwarded():
            call.forwarded()
        case ForwardFailed(status=status):
            call.forward_failed(status)


def _caller(uri: Uri) -> str:
    """A number where the name is one, else the address."""
    return uri.name if _NUMBER.fullmatch(uri.name) else str(uri.bare())


def _is_machine(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context

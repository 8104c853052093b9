"""Telephone calls over SIP: who may call, whom they want, and what becomes of them."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence

from pinecall_run.protocol.registry import Agent, Registry
from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.core import Settings
from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.outputs import (
    Answered,
    Ended,
    Ignored,
    IncomingCall,
    Output,
    Refused,
    Registered,
    RegistrationFailed,
    Unregistered,
)
from pinecall_run.sip.uri import Uri
from pinecall_run.transports.contract import BusyError, NotAdmittedError
from pinecall_run.transports.handshakes import Handshakes
from pinecall_run.transports.refusals import Tally
from pinecall_run.voice.call_reception import MISSING, is_installed
from pinecall_run.voice.failure import described
from pinecall_run.voice.phone_desk import PHONE, SERVER_FULL, PhoneDesk
from pinecall_run.voice.sip_calls import SipCalls, target
from pinecall_run.voice.sip_dials import SipDials
from pinecall_run.voice.sip_registrations import SipRegistrations
from pinecall_run.voice.sip_settings import SipSettings, is_address
from pinecall_run.voice.sip_trunks import Trunk
from pinecall_run.wire import call_commands

_LOG = logging.getLogger("pinecall_run.voice")

NOT_SET = (
    "calls of SIP addresses need `server: {sip: …}`, or PINECALL_SIP where the voice server runs (docs/channels/sip.md)"
)

NO_HOST = "no calls can be placed from this number: its trunk has no `host` (docs/channels/sip.md)"

GOODBYE_SECONDS = 0.5
"""How long the last answers may take when the server stops."""

BUSY, DECLINED, UNKNOWN, UNABLE, BROKEN, FULL = 486, 603, 404, 480, 500, 503

_STATUS = {"busy": BUSY, SERVER_FULL: FULL}
"""Why a call is turned away, in numbers."""

_NUMBER = re.compile(r"\+?\d{3,15}")

CHALLENGE = 401
"""How whoever has a password begins: no refusal."""


class SipDoor:
    """A :class:`pinecall_run.voice.phone_desk.Carrier` of calls over SIP."""

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
        self._is_open = False
        self._calls = SipCalls(desk, self._settings, self.refused)
        self._dials = SipDials(self._calls)
        self._registrations = SipRegistrations(self._calls, self._settings.trunks)
        self._work: set[asyncio.Task[None]] = set()

    # what is there (Carrier)

    def serves(self, ref: str) -> bool:
        """See :class:`Carrier`: addresses of SIP, and the numbers of trunks."""
        return is_address(ref) or bool(self._settings.trunks_of(ref))

    def missing(self) -> str:
        """See :class:`Carrier`."""
        return self._lacks

    def notes(self, ref: str) -> list[str]:
        """See :class:`Carrier`."""
        trunks = self._settings.trunks_of(ref)
        unable = not is_address(ref) and not any(trunk.host for trunk in trunks)
        return [*self._registrations.notes(trunks), *([NO_HOST] if unable else ())]

    def dial(self, agent: Agent, command: call_commands.CallDial) -> None:
        """See :class:`Carrier`."""
        self._dials.dial(agent, command)

    def cancel(self, connection: str, call_id: str) -> None:
        """See :class:`Carrier`."""
        self._dials.cancel(connection, call_id)

    # beginning and end

    async def open(self) -> None:
        """Listen, where that is set up. What keeps it from that is said of every channel, and logged."""
        if self._lacks:
            return
        if not is_installed():
            self._lacks = MISSING
            return
        from pinecall_run.transports.sip_sockets import SipSockets

        settings = self._settings
        sockets = SipSockets(
            self._agent,
            self._told,
            trusts=settings.trusts,
            knows=self._calls.knows,
            on_flood=lambda: self.refused.update(floods=1),
        )
        try:
            tls = None
            if settings.tls:
                context = _context(settings.tls.certificate, settings.tls.key)
                tls = Handshakes(context, self.refused), settings.tls.port
            ports = await sockets.open(settings.host, settings.port, tls=tls)
        except OSError as error:
            self._lacks = f"SIP cannot listen on {settings.host}:{settings.port}: {error.strerror or 'see tls'}"
            _LOG.error("%s", self._lacks)
            return
        self._calls.sockets = sockets
        self._is_open = True
        _LOG.info("SIP listens on %s", ", ".join(f"{name} {settings.host}:{port}" for name, port in ports.items()))
        self._registrations.begin()

    def _agent(self, ports: Mapping[str, int]) -> UserAgent:
        settings = self._settings
        given = Settings(settings.address, ports, users=settings.users, algorithms=settings.algorithms)
        return UserAgent(given, secrets.token_bytes)

    async def close(self) -> None:
        """End what is left, and let go of the sockets."""
        if not self._is_open:
            return
        self._is_open = False
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        for name in self._calls:
            self._calls.hang_up(name)
        self._registrations.leave()
        sockets, loop = self._calls.sockets, asyncio.get_running_loop()
        until = loop.time() + GOODBYE_SECONDS
        while (len(sockets.agent) or len(self._registrations)) and loop.time() < until:  # noqa: ASYNC110 - the core has no event for that
            await asyncio.sleep(0.01)
        await sockets.close()

    # what the user agent tells

    def _told(self, output: Output) -> None:
        match output:
            case IncomingCall():
                self._calls.came(output.call, output.peer.host)
                self._start(output)
            case Ended(name, reason):
                is_conversation = self._calls.over(name, reason)
                if not self._dials.ended(output) and not is_conversation:
                    self._desk.gave_up(name)
            case Refused(status=status) if status != CHALLENGE:
                self.refused["requests"] += 1
            case Ignored():
                self.refused["messages without sense"] += 1
            case Answered():
                self._dials.answered(output)
                self._calls.told(output)
            case Registered() | RegistrationFailed() | Unregistered():
                self._registrations.told(output)
            case _:
                self._calls.told(output)

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
            self._calls.do(lambda agent, now: agent.reject(incoming.call, now, status=status))

    async def _decided(self, incoming: IncomingCall) -> int:
        """Have whoever is called take it; returns the status that it is refused with where nobody does."""
        name, from_ = incoming.call, _caller(incoming.from_.uri)
        found = self._wanted(incoming, from_)
        if found is None:
            self.refused["calls of nobody"] += 1
            return UNKNOWN
        agent, ref = found
        self._calls.do(lambda agent, now: agent.ring(name, now))
        verdict = await self._desk.screen(agent, name, from_=from_, to=ref)
        if name not in self._calls:
            return DECLINED
        if isinstance(verdict, call_commands.CallForward):
            if self._redirect(incoming, agent.agent_id, verdict):
                return 0
        elif verdict:
            return _STATUS.get(verdict, DECLINED)
        return self._begin(incoming, agent, from_=from_, ref=ref)

    def _redirect(self, incoming: IncomingCall, agent_id: str, command: call_commands.CallForward) -> bool:
        """Have whoever calls call somebody else; ``False`` where it is nobody that could be called."""
        try:
            to = target(command.to, incoming.peer, self._trunk(incoming))
        except GrammarError:
            self._desk.not_forwarded(agent_id, f"{command.to} is no address of SIP's")
            return False
        self._calls.do(lambda agent, now: agent.redirect(incoming.call, to, now))
        self._desk.forwarded(agent_id, command)
        return True

    def _begin(self, incoming: IncomingCall, agent: Agent, *, from_: str, ref: str) -> int:
        """Begin the conversation of a call and answer it; returns the status that refuses it where that cannot be."""
        try:
            line = self._calls.line(agent.agent_id, incoming.call, incoming.peer, self._trunk(incoming))
        except OSError as error:
            _LOG.error("a call was turned away: %s", error.strerror or error)
            return FULL
        try:
            self._calls.begin(agent, line, {"from_": from_, "to": ref, "channel": (PHONE, ref)})
        except BusyError as error:  # counted, and told to the runner
            return FULL if error.is_servers else BUSY
        except NotAdmittedError as error:
            _LOG.warning("a call to %s was turned away: %s", agent.agent_id, error)
            return UNABLE
        audio = self._calls.audio(line)
        self._calls.do(lambda agent, now: agent.answer(incoming.call, audio, now))
        return 0

    def _wanted(self, incoming: IncomingCall, from_: str) -> tuple[Agent, str] | None:
        """Who answers a call, and at which address of theirs. Who asks for an account that is registered has put whom
        they want into To: the target is what was registered (RFC 3261, 16.6)."""
        trunks = self._ways(incoming)
        accounts = {each.account.username for each in trunks if each.account is not None and each.is_registered}
        targets = [incoming.uri, incoming.to.uri] if incoming.uri.name in accounts else [incoming.uri]
        found = (self._answering(target, from_) or self._numbered(target, from_, trunks) for target in targets)
        return next((each for each in found if each is not None), None)

    def _trunk(self, incoming: IncomingCall) -> Trunk | None:
        """The one by which its caller can be sent to numbers."""
        return next((each for each in self._ways(incoming) if each.host), None)

    def _ways(self, incoming: IncomingCall) -> list[Trunk]:
        """The trunks that a call came by."""
        return [each for each in self._settings.trunks if each.is_way_of(incoming.peer.host, incoming.username)]

    def _numbered(self, uri: Uri, from_: str, trunks: Sequence[Trunk]) -> tuple[Agent, str] | None:
        """Who has a number, if one of these trunks carries it: in E.164, its plus written or not."""
        name = uri.name.partition(";")[0]
        number = f"+{name.removeprefix('+')}"
        if not _NUMBER.fullmatch(name) or not any(trunk.carries(number) for trunk in trunks):
            return None
        agent = self._desk.answering(number, from_)
        return None if agent is None else (agent, number)

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
        return [ref for kind, ref in keys if kind == PHONE and is_address(ref)]


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

"""The middle of the server: connections, who answers on which, and the conversations that are going on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pinecall_run.protocol.keepalive import PACE, Pace
from pinecall_run.protocol.outputs import Ignored, Received, Shut, Transmit
from pinecall_run.protocol.registry import Close, Outcome, Registry, Tell
from pinecall_run.protocol.server import ServerPeer
from pinecall_run.providers.catalogue import OpenModel, open_model
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.transports.contract import Admitted, NotAdmittedError, Outlet
from pinecall_run.voice import whatsapp_numbers
from pinecall_run.voice.call_reception import SPOKEN, CallReception, audition
from pinecall_run.voice.capacity import Capacity
from pinecall_run.voice.chat_session import ChatSession
from pinecall_run.voice.conversations import Conversations, Opening
from pinecall_run.voice.failure import described
from pinecall_run.voice.phone_desk import PHONE, PhoneDesk
from pinecall_run.voice.terminal import TerminalOutlet
from pinecall_run.voice.threads import Threads
from pinecall_run.voice.tokens import BadTokenError, TokenMint
from pinecall_run.voice.whatsapp_desk import WhatsappDesk
from pinecall_run.wire import call_commands, commands, events, speech_events
from pinecall_run.wire.absent import UNSET

_LOG = logging.getLogger("pinecall_run.voice")

SERVED = SPOKEN | {"chat", "whatsapp", PHONE}
"""Channel types that have a transport in this server; a telephone's also needs somebody who carries its calls."""

DISPLACED, GOING_AWAY = 4001, 1001

GOODBYE_SECONDS = 0.3
"""How long the last frames may take to be written when the server stops."""

Deliver = Callable[[Transmit | Shut], None]
"""Hands a peer's output to its socket; never blocks."""


class Hub:
    """One voice server. Everything here runs on one event loop, so nothing is locked. ``is_eager`` loads what spoken
    calls need as soon as an agent can have one; ``max_calls`` spoken ones go on at a time at most, and ``refused``
    counts those that do not."""

    def __init__(
        self,
        *,
        accepts_key: Callable[[str], bool],
        environ: Mapping[str, str],
        tokens: TokenMint,
        new_id: Callable[[], str],
        clock: Callable[[], float],
        tool_timeout: float = 30.0,
        pace: Pace = PACE,
        open_model: OpenModel = open_model,
        is_eager: bool = False,
        max_calls: int | None = None,
        refused: Counter[str] | None = None,
    ) -> None:
        self.registry = Registry(SERVED)
        self.capacity = Capacity(self.tell_holder, clock, max_calls, refused)
        self.conversations = Conversations(
            self._tell, environ, new_id, clock, tool_timeout, open_model, capacity=self.capacity
        )
        self.calls = CallReception(self, environ, new_id)
        self.phone = PhoneDesk(self.registry, self.calls, self._tell, self.capacity)
        self.whatsapp = WhatsappDesk(self, environ, new_id)
        self.threads = Threads(new_id, clock)
        self.tokens = tokens
        self.clock = clock
        self._accepts_key = accepts_key
        self._pace = pace
        self._environ = environ
        self._is_eager = is_eager
        self._new_id = new_id
        self._connections: dict[str, tuple[ServerPeer, Deliver]] = {}
        self._terminals: dict[str, dict[str, TerminalOutlet]] = {}
        self._changed = asyncio.Event()

    # connections

    def connected(self, deliver: Deliver) -> str:
        """A socket opened; returns its id."""
        connection = self._new_id()
        peer = ServerPeer(connection, "local", self._accepts_key, self.clock(), self._pace)
        self._connections[connection] = peer, deliver
        return connection

    def received(self, connection: str, message: str) -> None:
        """A message arrived on a connection."""
        peer, _ = self._connections[connection]
        self.registry.heard(connection, self.clock())
        peer.receive(message, self.clock())
        self._flush(connection)

    def ticked(self, connection: str) -> None:
        """A connection's deadline passed."""
        self.registry.tick(self.clock())  # often enough: every connection has a deadline each few seconds
        self._connections[connection][0].tick(self.clock())
        self._flush(connection)

    def deadline(self, connection: str) -> float | None:
        """When :meth:`ticked` should be called for a connection."""
        return self._connections[connection][0].deadline()

    def disconnected(self, connection: str) -> None:
        """A socket closed. Its conversations go on with whoever holds their agents now, or does next: their runner
        may be back in a moment."""
        self._connections.pop(connection, None)
        self._changed.set()
        self._orphan(connection)
        self._carry_out(self.registry.gone(connection, self.clock()))
        for terminal in self._terminals.pop(connection, {}).values():
            terminal.leave()

    def _flush(self, connection: str) -> None:
        peer, deliver = self._connections[connection]
        for output in peer.drain():
            match output:
                case Received(frame):
                    self._dispatch_safely(connection, frame)
                case Ignored(what):
                    _LOG.debug("ignored on %s: %s", connection, type(what).__name__)
                case Transmit() | Shut():
                    deliver(output)

    def _dispatch_safely(self, connection: str, frame: commands.Command) -> None:
        try:
            self._dispatch(connection, frame)
        except Exception as error:  # noqa: BLE001 - one bad frame must not take every agent of a connection down
            name = type(frame).__struct_config__.tag
            _LOG.error("a frame %s failed: %s", name, described(error))
            self._tell(connection, events.Error(code="SERVER_ERROR", error=f"the voice server failed at {name}"))

    def _dispatch(self, connection: str, frame: commands.Command) -> None:
        handler = _COMMANDS.get(type(frame))
        if handler is not None:
            handler(self, connection, frame)
            return
        call_id = getattr(frame, "call_id", None) or getattr(frame, "session_id", None)
        session = self.conversations.get(call_id) if call_id else None
        if session is None:
            if isinstance(frame, commands.CallHangup):
                self.phone.hang_up(connection, frame.call_id)
            elif isinstance(frame, call_commands.CallForward):
                self.phone.decide(connection, frame)
            return  # over, or never there: a client cannot know
        may_ask = isinstance(frame, commands.LlmToolResult) or self.conversations.owner(session.id) == connection
        if may_ask and not session.handle(frame):
            name = type(frame).__struct_config__.tag
            sentence = f"{name} means nothing in a call such as {session.id}"
            # Without the agent's name: an error that has it is about its registration.
            self._tell(connection, events.Error(code="NOT_SUPPORTED", error=sentence))

    def _on_dial(self, connection: str, command: call_commands.CallDial) -> None:
        self.phone.dial(connection, command)

    def _on_decision(self, connection: str, command: call_commands.CallAccept | call_commands.CallReject) -> None:
        self.phone.decide(connection, command)

    def _on_callers(self, connection: str, command: call_commands.DevConfig) -> None:
        self.registry.route_callers(connection, command)

    def _on_bridge(self, connection: str, command: call_commands.CallBridge) -> None:
        error = "this voice server connects no two agents"
        self._tell(connection, speech_events.CallError(agent_id=command.agent_id, error=error, code="NO_TRANSPORT"))

    def _tell(self, connection: str, event: events.Event) -> bool:
        known = self._connections.get(connection)
        if known is None:
            return False
        peer, deliver = known
        peer.send(event)
        for output in peer.drain():
            if isinstance(output, Transmit | Shut):
                deliver(output)
        return True

    def _carry_out(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            match outcome:
                case Tell(connection, event):
                    self._tell(connection, event)
                    if isinstance(event, events.AgentCreated):
                        self.conversations.adopt(event.agent_id, connection)
                case Close(connection, reason):
                    self._shut(connection, DISPLACED, reason)
                    self._orphan(connection)

    def _orphan(self, connection: str) -> None:
        for agent_id in self.conversations.orphan(connection):
            agent = self.registry.agents.get(agent_id)
            if agent is not None and agent.connection != connection:  # it had left before its conversations ended
                self.conversations.adopt(agent_id, agent.connection)

    def _shut(self, connection: str, code: int, reason: str) -> None:
        if connection in self._connections:
            peer, deliver = self._connections[connection]
            peer.shut(code, reason)
            for output in peer.drain():
                if isinstance(output, Transmit | Shut):
                    deliver(output)

    # agents

    def _on_create(self, connection: str, command: commands.AgentCreate) -> None:
        if not self._check_model(connection, command.agent_id, command.configuration()):
            return
        self._carry_out(self.registry.create(connection, command, self.clock()))

    def _check_model(self, connection: str, agent_id: str, configuration: Mapping[str, Any]) -> bool:
        """Whether a configuration's model can be opened: refused now, not in the middle of a call."""
        try:
            self.conversations.model(configuration)
        except ProviderError as error:
            sentence = f"{error}; {error.hint}" if error.hint else str(error)
            self._tell(connection, events.Error(code="REGISTRATION_ERROR", error=sentence, agent_id=agent_id))
            return False
        return True

    def _on_configure(self, connection: str, command: commands.AgentConfigure) -> None:
        if "llm" not in command.configuration() or self._check_model(
            connection, command.agent_id, command.configuration()
        ):
            self._carry_out(self.registry.configure(connection, command))

    def _on_remove(self, connection: str, command: commands.AgentRemove) -> None:
        """What is going on with it goes on where it is: its tools are still there."""
        self._carry_out(self.registry.remove(connection, command, self.clock()))

    def _on_channel_add(self, connection: str, command: commands.ChannelAdd) -> None:
        self._carry_out(map(self._judged, self.registry.add_channel(connection, command)))

    def _judged(self, outcome: Outcome) -> Outcome:
        """An acknowledgement says how a spoken channel will be served, before anybody calls."""
        match outcome:
            case Tell(_, events.ChannelAdded(agent_id=agent_id, type=type) as added) if type in SPOKEN | {PHONE}:
                ref = added.ref if isinstance(added.ref, str) else ""
                missing = self.phone.missing(ref) if type == PHONE else ""
                if missing:
                    added.served, added.notes = False, [missing]
                    return outcome
                heard = audition(self.registry.agents[agent_id].configured(type, ref), self._environ)
                if heard.can_talk and self._is_eager:
                    self.calls.warm_up()
                added.served = heard.can_talk
                added.notes = [*heard.notes, *(self.phone.notes(ref) if type == PHONE else ())] or UNSET
            case Tell(_, events.ChannelAdded(agent_id=agent_id, type="whatsapp", ref=str(ref)) as added):
                added.served, notes = whatsapp_numbers.audition(self.registry.agents[agent_id], ref, self._environ)
                added.notes = notes or UNSET
        return outcome

    def _on_channel_configure(self, connection: str, command: commands.ChannelConfigure) -> None:
        self._carry_out(self.registry.configure_channel(connection, command))

    def _on_channel_remove(self, connection: str, command: commands.ChannelRemove) -> None:
        self._carry_out(self.registry.remove_channel(connection, command))

    def kick(self, agent_id: str) -> bool:
        """Displace the process that holds an agent; ``False`` when nobody does."""
        found = agent_id in self.registry.agents
        self._carry_out(self.registry.kick(agent_id, self.clock()))
        return found

    # conversations

    def open_chat(self, token: str, outlet: Outlet, thread: str = "") -> Admitted:
        """See :class:`pinecall_run.transports.contract.Reception`."""
        try:
            claims = self.tokens.redeem("chat", token, self.clock())
        except BadTokenError as error:
            raise NotAdmittedError(str(error)) from error
        agent = self.registry.agents.get(claims.agent)
        if agent is None:
            raise NotAdmittedError(f"Agent '{claims.agent}' is not online")
        found = self.threads.find(claims.agent, claims.metadata, thread)
        earlier = self.threads.take(found)
        self.capacity.leave(found.call_id)  # it may not know yet that it is over
        opening = Opening(earlier=earlier, is_gone_on_with=True, on_over=lambda: self.threads.leave(found, session))
        session = self.conversations.begin(agent, f"chat-{self._new_id()}", outlet, claims.metadata, opening)
        self.threads.hold(found, session)
        before, found.call_id = found.call_id, session.id
        if before and self.conversations.takeover.move(agent.agent_id, before, session.id):
            paused = speech_events.SessionPaused(agent_id=agent.agent_id, session_id=session.id)
            self.conversations.tell(session.id, paused)
        return Admitted(session, claims.scope == "supervise", found.id, earlier.shown if earlier else ())

    def _on_terminal(self, connection: str, command: commands.LlmChat) -> None:
        terminals = {id: each for id, each in self._terminals.get(connection, {}).items() if not each.is_over}
        self._terminals[connection] = terminals
        terminal = terminals.get(command.session_id)
        if terminal is None:
            terminal = TerminalOutlet(partial(self._tell, connection), command.agent_id, command.session_id)
            agent = self.registry.agents.get(command.agent_id)
            if agent is None:
                terminal.error(f"Agent '{command.agent_id}' is not online")
                return
            metadata = command.metadata if isinstance(command.metadata, dict) else {}
            try:
                session = self.conversations.begin(agent, command.session_id, terminal, metadata)
            except NotAdmittedError as refusal:
                terminal.error(str(refusal))
                return
            terminal.begin(session, is_owner=agent.connection == connection)
            terminals[command.session_id] = terminal
        terminal.post(command.text)

    def tell_holder(self, agent_id: str, event: events.Event) -> bool:
        """Send an event to the runner that holds an agent; ``False`` when nobody does."""
        agent = self.registry.agents.get(agent_id)
        return agent is not None and self._tell(agent.connection, event)

    def _on_takeover(self, connection: str, command: call_commands.SessionScope) -> None:
        """A human takes over, or gives back; whoever has the server's key may, from any connection."""
        if isinstance(command, call_commands.SessionSend) and self._wrote_in_chat(command):
            sent = speech_events.SessionSent(agent_id=command.agent_id, session_id=command.session_id)
            self._tell(connection, sent)
            return
        told = self.whatsapp.take_over(command, lambda event: self._tell(connection, event))
        agent = self.registry.agents.get(command.agent_id)
        if told is not None and agent is not None and agent.connection != connection:
            self._tell(agent.connection, told)

    def _wrote_in_chat(self, command: call_commands.SessionSend) -> bool:
        """Say what a human wrote in a conversation whose door shows it; ``False`` where that is none."""
        session = self.conversations.get(command.session_id) if isinstance(command.session_id, str) else None
        if not isinstance(session, ChatSession) or self.whatsapp.has(session.id):
            return False
        if session.agent_id != command.agent_id:
            return False
        session.human_wrote(command.text)
        return True

    async def close(self) -> None:
        """End every conversation, say so to everybody, and close every connection."""
        self.whatsapp.shut()
        await self.conversations.close()
        await self.whatsapp.close()
        await self.calls.close()
        for connection in list(self._connections):
            self._shut(connection, GOING_AWAY, "server stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                while self._connections:
                    self._changed.clear()
                    await self._changed.wait()


_COMMANDS: dict[type[commands.Command], Callable[[Hub, str, Any], None]] = {
    commands.AgentCreate: Hub._on_create,
    commands.AgentConfigure: Hub._on_configure,
    commands.AgentRemove: Hub._on_remove,
    commands.ChannelAdd: Hub._on_channel_add,
    commands.ChannelConfigure: Hub._on_channel_configure,
    commands.ChannelRemove: Hub._on_channel_remove,
    commands.LlmChat: Hub._on_terminal,
    call_commands.CallDial: Hub._on_dial,
    call_commands.CallBridge: Hub._on_bridge,
    call_commands.CallAccept: Hub._on_decision,
    call_commands.CallReject: Hub._on_decision,
    call_commands.DevConfig: Hub._on_callers,
    call_commands.SessionPause: Hub._on_takeover,
    call_commands.SessionResume: Hub._on_takeover,
    call_commands.SessionSend: Hub._on_takeover,
}

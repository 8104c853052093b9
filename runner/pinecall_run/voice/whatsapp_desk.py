"""All conversations on WhatsApp: whom a message belongs to, which came before, and where a human answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from pinecall_run.protocol.whatsapp import NAME, PHONE, PREFIX, Contact, from_chat
from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.transports.seen import Seen
from pinecall_run.transports.whatsapp_webhook import Message, Status
from pinecall_run.voice.conversations import Opening
from pinecall_run.voice.failure import described
from pinecall_run.voice.takeover import digits
from pinecall_run.voice.whatsapp_numbers import TYPE, WINDOW_SECONDS, Number, all_numbers, numbers_of, reached
from pinecall_run.wire import call_commands, events, speech_events
from pinecall_run.wire.absent import UNSET

if TYPE_CHECKING:  # hub imports this module; the others need an extra
    from pinecall_run.protocol.registry import Agent
    from pinecall_run.voice.hub import Hub
    from pinecall_run.voice.whatsapp_talk import Office, Talk

_LOG = logging.getLogger("pinecall_run.voice")

REMEMBERED = 100_000
"""Deliveries of which it is known that they were here."""

CLOSING_SECONDS = 0.3
"""How long the last messages may take to be sent when the server stops."""

WINDOW_CLOSED = 131047

Key = tuple[str, str]
"""A number of the business, by its id, and a person's."""


class Outcome(Enum):
    """What became of a delivery."""

    TAKEN = auto()
    REPLAYED = auto()
    """It was here before, or is older than the window in which it could be answered."""
    FORGED = auto()
    """It is signed, but by another app than the number's."""
    AWAY = auto()
    """Nobody can take it at the moment: it is to be delivered again."""


class WhatsappDesk:
    """Begins conversations, and finds them again."""

    def __init__(self, hub: Hub, environ: Mapping[str, str], new_id: Callable[[], str]) -> None:
        self._hub = hub
        self._environ = environ
        self._new_id = new_id
        self._talks: dict[Key, Talk] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._seen = Seen(REMEMBERED)
        self._takeover = hub.conversations.takeover
        self._office: Office | None = None
        self._is_closed = False

    # who may

    def secrets(self) -> set[str]:
        """What webhooks may be signed with now. Conversations go on for a while without their runner."""
        numbers = [*all_numbers(self._hub.registry), *(talk.number() for talk in self._talks.values())]
        return {number.secret for number in numbers if number.is_open}

    def verify_tokens(self) -> set[str]:
        """The words by which Meta may ask whether the webhook is ours."""
        return {number.verify_token for number in all_numbers(self._hub.registry) if number.verify_token}

    # from the door

    def deliver(self, item: Message | Status, secret: str) -> Outcome:
        """One message, or one status, of a webhook that ``secret`` signed."""
        talk = self._live((item.number, item.sender if isinstance(item, Message) else item.recipient))
        found = reached(self._hub.registry, item.number)
        number = found[1] if found else talk.number() if talk else None
        if number is None or self._is_closed:
            return Outcome.AWAY if isinstance(item, Message) else Outcome.TAKEN
        if number.secret != secret:
            return Outcome.FORGED
        if isinstance(item, Status):
            return self._report(item, talk, found[0].agent_id if found else "")
        return self._receive(item, talk, found)

    def _receive(self, message: Message, talk: Talk | None, found: tuple[Agent, Number] | None) -> Outcome:
        is_late = self._hub.clock() - message.sent_at > WINDOW_SECONDS
        if is_late or not self._seen.add(message.id):
            return Outcome.REPLAYED
        agent = found[0] if found else self._hub.registry.agents.get(talk.agent_id) if talk else None
        if agent is not None and not self._hub.capacity.may_write(agent, message.sender):
            return Outcome.TAKEN
        try:
            self._hand_over(message, talk, found)
        except NotAdmittedError:
            self._seen.forget(message.id)
            return Outcome.AWAY
        return Outcome.TAKEN

    def _hand_over(self, message: Message, talk: Talk | None, found: tuple[Agent, Number] | None) -> None:
        if found is not None and (talk is None or talk.agent_id != found[0].agent_id):
            talk = self._begin(message, *found)
        if talk is None:
            raise NotAdmittedError("nobody answers at this number now")
        talk.receive(message)

    def _report(self, status: Status, talk: Talk | None, agent_id: str) -> Outcome:
        if not self._seen.add((status.id, status.status)):
            return Outcome.REPLAYED
        event = speech_events.WhatsappStatus(
            agent_id=talk.agent_id if talk else agent_id,
            status=status.status,
            recipient=status.recipient,
            message_id=status.id,
            session_id=talk.id if talk else UNSET,
            code=status.code or UNSET,
            error=status.error or UNSET,
        )
        if talk is None:
            self._hub.tell_holder(agent_id, event)
        else:
            self._hub.conversations.tell(talk.id, event)
            if status.code == WINDOW_CLOSED:
                talk.window_closed()
        return Outcome.TAKEN

    # conversations

    def _live(self, key: Key) -> Talk | None:
        """The conversation with somebody, unless it is about to end."""
        talk = self._talks.get(key)
        return talk if talk is not None and not talk.session.is_ending else None

    def _begin(self, message: Message, agent: Agent, number: Number) -> Talk:
        from pinecall_run.voice.whatsapp_talk import Talk

        key = (message.number, message.sender)
        contact = Contact(message.sender, message.name)
        id = f"{PREFIX}{self._new_id()}"
        talk = Talk(id, agent.agent_id, contact, self._current(number), office=self._opened())
        is_paused = lambda: self._takeover.is_paused(talk.agent_id, id, contact.phone)  # noqa: E731
        opening = Opening(TYPE, number.id, _retelling(talk, number), is_paused, number.idle_seconds)
        metadata = {PHONE: contact.phone, NAME: contact.name}
        talk.open(self._hub.conversations.begin(agent, id, talk, metadata, opening), is_paused)
        if (before := self._talks.get(key)) is not None:
            before.session.end("rerouted")
        self._talks[key] = talk
        task = asyncio.create_task(talk.run(), name=f"whatsapp {id}")
        self._tasks.add(task)
        task.add_done_callback(self._over)
        task.add_done_callback(lambda _: self._forget(key, talk))
        return talk

    def _current(self, number: Number) -> Callable[[], Number]:
        """The number as it is registered now, or was last: tokens change while people talk."""
        latest = number

        def current() -> Number:
            nonlocal latest
            found = reached(self._hub.registry, number.id)
            latest = found[1] if found else latest
            return latest

        return current

    def _forget(self, key: Key, talk: Talk) -> None:
        if self._talks.get(key) is talk:
            del self._talks[key]
        if not self._is_closed:
            self._go_on(key, talk.left_over())

    def _go_on(self, key: Key, messages: Iterable[Message]) -> None:
        """Meta has been told that these were taken: they are answered in the next conversation."""
        for message in messages:
            try:
                self._hand_over(message, self._live(key), reached(self._hub.registry, message.number))
            except NotAdmittedError:
                _LOG.warning("a message on WhatsApp was lost: its conversation ended, and nobody can begin another")

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a conversation on WhatsApp broke: %s", described(error))

    def _opened(self) -> Office:
        from pinecall_run.transports.whatsapp_graph import ADDRESS, VARIABLE, Graph
        from pinecall_run.voice.whatsapp_talk import Office

        if self._office is None:
            conversations = self._hub.conversations
            graph = Graph(self._environ.get(VARIABLE) or ADDRESS)
            self._office = Office(graph, conversations.tell, self._hub.clock, conversations.health, self._environ)
        return self._office

    def shut(self) -> None:
        """Take nothing more: Meta delivers it again to the server that comes after this one."""
        self._is_closed = True

    async def close(self) -> None:
        """Send what is still to be sent, for a moment, and let go of everything. To be called when all have ended."""
        self.shut()
        tasks = set(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._office is not None:
            await self._office.graph.close()

    # a human

    def has(self, session: str) -> bool:
        """Whether a conversation, by its id, is one of ours."""
        return any(talk.id == session for talk in self._talks.values())

    def take_over(
        self, command: call_commands.SessionScope, tell: Callable[[events.Event], object]
    ) -> events.Event | None:
        """Do what a human wants; ``tell`` tells them. What the agent's holder is to know, too, is given back."""
        is_known = command.agent_id in self._hub.registry.agents
        if not is_known and not any(talk.agent_id == command.agent_id for talk in self._talks.values()):
            tell(events.Error(code="AGENT_NOT_FOUND", error=f"there is no agent {command.agent_id} here"))
            return None
        session, contact = (value if isinstance(value, str) else "" for value in (command.session_id, command.contact))
        scope = (command.agent_id, session, contact)
        match command:
            case call_commands.SessionSend():
                self._send(command, scope, tell)
                return None
            case call_commands.SessionPause():
                self._takeover.pause(*scope)
                told: events.Event = speech_events.SessionPaused(**_scope(command))
            case _:
                self._takeover.resume(*scope)
                told = speech_events.SessionResumed(**_scope(command))
        tell(told)
        return told

    def _send(
        self, command: call_commands.SessionSend, scope: tuple[str, str, str], tell: Callable[[events.Event], object]
    ) -> None:
        sent = speech_events.SessionSent(**_scope(command))
        talk = next(self._of(*scope), None)
        if talk is not None:
            talk.human_said(command.text, lambda: tell(sent))
            return
        agent = self._hub.registry.agents.get(command.agent_id)
        number = next((number for number in numbers_of(agent) if number.is_open), None) if agent else None
        if number is None or not scope[2]:
            sentence = "session.send needs the id of a conversation that goes on, or a contact and a channel to it"
            tell(events.Error(code="SESSION_NOT_FOUND", error=sentence))
            return
        task = asyncio.create_task(self._send_late(command, number, digits(scope[2]), lambda: tell(sent)))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    async def _send_late(
        self, command: call_commands.SessionSend, number: Number, to: str, on_sent: Callable[[], object]
    ) -> None:
        """To somebody whose conversation is over."""
        from pinecall_run.voice.whatsapp_postbox import Postbox

        session = command.session_id if isinstance(command.session_id, str) else ""

        def failed(code: int, sentence: str) -> None:
            event = speech_events.WhatsappStatus(
                agent_id=command.agent_id, status="failed", recipient=to, code=code, error=sentence
            )
            self._hub.tell_holder(command.agent_id, event)

        office = self._opened()
        postbox = Postbox(to, self._current(number), office.graph, clock=office.clock, on_failure=failed)
        if await postbox.say(command.text):
            on_sent()
            event = speech_events.WhatsappResponse(
                agent_id=command.agent_id, session_id=session, to=to, text=command.text, source="human"
            )
            self._hub.tell_holder(command.agent_id, event)

    def _of(self, agent: str, session: str, contact: str) -> Iterator[Talk]:
        """The conversations of a scope, the one that was named before others with the same person, the latest first."""
        live = [t for t in reversed(self._talks.values()) if t.agent_id == agent and not t.session.is_ending]
        yield from (talk for talk in live if session and talk.id == session)
        yield from (talk for talk in live if contact and talk.contact.phone == digits(contact))


def _retelling(talk: Talk, number: Number) -> Callable[[events.CallEvent], events.Event | None]:
    def retell(event: events.CallEvent) -> events.Event | None:
        if isinstance(event, events.ChatMessage):
            talk.begins_next()
        if isinstance(event, events.ChatEnded) and event.reason == "idle_timeout":
            event.reason = "window_expired" if number.idle_seconds >= WINDOW_SECONDS else event.reason
        return from_chat(event, talk.contact)

    return retell


def _scope(command: call_commands.SessionScope) -> dict[str, Any]:
    return {"agent_id": command.agent_id, "session_id": command.session_id, "contact": command.contact}

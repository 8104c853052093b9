"""All conversations of a server: begun, found, ended."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pinecall_run.protocol.registry import Agent
from pinecall_run.providers.catalogue import OpenModel, is_duplex, open_duplex, open_model, parse_models
from pinecall_run.providers.contracts import LanguageModel, ProviderError
from pinecall_run.transports.contract import BusyError, NotAdmittedError, Outlet
from pinecall_run.voice.call_core import Surroundings
from pinecall_run.voice.capacity import Capacity, Full
from pinecall_run.voice.chat_session import ChatSession
from pinecall_run.voice.failure import described
from pinecall_run.voice.health import Health
from pinecall_run.voice.models import Models, OpenedModel
from pinecall_run.voice.takeover import Takeover
from pinecall_run.voice.threads import Earlier
from pinecall_run.wire import commands, events

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.transports.contract import AudioOutlet, Caller
    from pinecall_run.voice.overflow_call import OverflowCall
    from pinecall_run.voice.spoken_call import Equipment, SpokenCall

_LOG = logging.getLogger("pinecall_run.voice")

MAX_SESSIONS = 10_000

MOST_TOLD = 20
"""Callers at a time who are told that there is no room; more hear that the line is busy."""

CLOSING_SECONDS = 0.5
"""How long a model may take to let go of an answer when the server stops."""

IDLE_SECONDS = 1800.0
"""A typed conversation without a message for this long ends, so that forgotten ones do not pile up."""

DEFAULT_MODEL = "openai:gpt-4.1-mini"
"""Answers for a client that sends a prompt and no model."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a typed conversation comes about.

    Attributes:
        type, ref: the channel that it came in by.
        retell: what its runner is told in place of an event; ``None`` where that is nothing.
        is_paused: whether a human answers.
        idle_seconds: without a message for so long it ends.
        earlier: what was said before, over another connection; ``None`` where nothing was.
        is_gone_on_with: whether another may go on in its place: a human who answers does so there, too.
        on_over: told when it has ended.
    """

    type: str = "chat"
    ref: str = ""
    retell: Callable[[events.CallEvent], events.Event | None] = lambda event: event
    is_paused: Callable[[], bool] = lambda: False
    idle_seconds: float = IDLE_SECONDS
    earlier: Earlier | None = None
    is_gone_on_with: bool = False
    on_over: Callable[[], None] = lambda: None


class Session(Protocol):
    """A call as the server sees it."""

    @property
    def id(self) -> str: ...

    @property
    def agent_id(self) -> str: ...

    @property
    def heard_at(self) -> float:
        """When its person was heard from last, in epoch seconds."""
        ...

    def announce(self) -> None:
        """Tell the runner that it is there."""

    def owner_left(self) -> None:
        """Its runner is gone, and with it the rest of what that was streaming."""

    def owner_returned(self) -> None:
        """Another runner has it now, or the same one again."""

    def handle(self, command: commands.Command) -> bool:
        """What a runner wants of it; ``False`` if that means nothing here."""
        ...

    def end(self, reason: str) -> None:
        """It is to end."""

    async def run(self) -> None:
        """Serve it to its end."""


CHAT = Opening()


class Conversations:
    """The live sessions, each with the task that runs it and the connection that it belongs to.

    ``tell`` sends an event to a connection; ``False`` says that it is gone.
    """

    def __init__(
        self,
        tell: Callable[[str, events.Event], bool],
        environ: Mapping[str, str],
        new_id: Callable[[], str],
        clock: Callable[[], float],
        tool_timeout: float,
        open_model: OpenModel = open_model,
        *,
        capacity: Capacity,
    ) -> None:
        self.takeover = Takeover()
        """Where a human answers, in typed conversations of every kind."""
        self._capacity = capacity
        self._told: set[str] = set()
        self._health = Health(clock)
        self._around = Surroundings(self._tell_owner, new_id, clock, tool_timeout, self.model, self._health)
        self._tell = tell
        self._environ = environ
        self._open_model = open_model
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._owners: dict[str, str] = {}
        self._openings: dict[str, Opening] = {}
        self._orphans: dict[str, None] = {}
        """Sessions whose connection is gone, in their order."""

    def get(self, call_id: str) -> Session | None:
        """The live session of an id."""
        return self._sessions.get(call_id)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def count(self, agent_id: str) -> int:
        """How many sessions an agent has."""
        return sum(session.agent_id == agent_id for session in self._sessions.values())

    def talking(self) -> Mapping[str, int]:
        """How many sessions each agent has that has any."""
        return Counter(session.agent_id for session in self._sessions.values())

    def owner(self, call_id: str) -> str | None:
        """The connection that a session belongs to, for as long as that lives: whoever held its agent when it began."""
        return self._owners.get(call_id)

    def model(self, configuration: Mapping[str, Any]) -> LanguageModel | None:
        """The model of a configuration that reads and writes; ``None`` when it has another kind only, or the client
        answers by itself.

        Raises:
            ProviderError: it cannot be opened.
        """
        llm = configuration.get("llm") or (DEFAULT_MODEL if configuration.get("prompt") else None)
        models: list[OpenedModel] = []
        failed: list[ProviderError] = []
        duplexes = 0
        for spec in parse_models(llm):
            try:
                if is_duplex(spec):  # calls open it; here it is only tried
                    open_duplex(spec, self._environ)
                    duplexes += 1
                    continue
                models.append(OpenedModel(spec, self._open_model(spec, self._environ)))
            except ProviderError as error:
                failed.append(error)
        if failed and not (models or duplexes):
            raise failed[0]
        return Models(models, self._health) if models else None

    def begin(
        self, agent: Agent, call_id: str, outlet: Outlet, metadata: Mapping[str, Any], opening: Opening = CHAT
    ) -> ChatSession:
        """A new session, told to the agent's owner, which begins to speak on the next turn of the event loop.

        Raises:
            NotAdmittedError: there is no room, the id is taken, or the model cannot be opened.
        """
        self._check_room(call_id)
        place = (opening.type, opening.ref)
        # Who writes on WhatsApp is not put off: Meta would deliver the message again and again.
        if opening.type == "chat" and (full := self._capacity.full(agent, place, is_spoken=False)) is not None:
            self._capacity.turned_away(agent, full)
            raise BusyError(full.sentence)
        channel = agent.configured(*place)
        configuration = {key: value for key, value in channel.items() if key not in commands.ONLY_ADDED}
        model = self._model_or_refuse(configuration)
        if model is None and any(map(is_duplex, parse_models(configuration.get("llm")))):
            raise NotAdmittedError("the agent's model hears and speaks: it takes calls, and no typed conversations")
        session = ChatSession(
            call_id,
            agent.agent_id,
            configuration,
            model,
            outlet,
            self._around,
            metadata=metadata,
            is_paused=lambda: opening.is_paused() or self.takeover.is_paused(agent.agent_id, call_id, ""),
            earlier=opening.earlier,
            is_shown_at_once=opening.type == CHAT.type,
        )
        self._openings[call_id] = opening
        self._capacity.take(call_id, agent.agent_id, place, is_spoken=False)
        self._start(session, agent)
        return session

    @property
    def health(self) -> Health:
        """Of the vendors, for all conversations."""
        return self._health

    def begin_spoken(
        self, agent: Agent, call_id: str, outlet: AudioOutlet, *, caller: Caller, equipment: Equipment
    ) -> SpokenCall | OverflowCall:
        """A new spoken call, told to the agent's owner. What its page asks for is in ``caller``, checked by now. Where
        an agent's limit is reached, its caller is told so instead.

        Raises:
            BusyError: there is no room, and nothing can be said of it.
            NotAdmittedError: a stage of the call cannot be opened.
        """
        from pinecall_run.voice.spoken_call import SpokenCall

        self._check_room(call_id)
        is_ours = caller.direction == "outbound"
        if not is_ours and (full := self._full(agent, caller)) is not None:
            self._capacity.turned_away(agent, full)
            return self._tell_of_no_room(full, agent, call_id, outlet, caller=caller, equipment=equipment)
        configuration = {**agent.configured(*caller.channel), **caller.config}
        model = self._model_or_refuse(configuration)
        try:
            session = SpokenCall(
                call_id,
                agent.agent_id,
                configuration,
                model,
                outlet,
                self._around,
                caller=caller,
                equipment=equipment,
                metadata=caller.metadata,
            )
        except ProviderError as error:
            raise NotAdmittedError("the agent cannot hear or speak here: the start of pinecall-run says why") from error
        if is_ours:
            self._capacity.dial_is_over(agent.agent_id, caller.channel)
        self._capacity.take(call_id, agent.agent_id, caller.channel, is_spoken=True)
        self._start(session, agent)
        return session

    def _full(self, agent: Agent, caller: Caller) -> Full | None:
        wished = caller.config.get("language")
        language = wished if isinstance(wished, str) else None
        return self._capacity.full(agent, caller.channel, is_spoken=True, language=language)

    def _tell_of_no_room(
        self,
        full: Full,
        agent: Agent,
        call_id: str,
        outlet: AudioOutlet,
        *,
        caller: Caller,
        equipment: Equipment,
    ) -> OverflowCall:
        from pinecall_run.voice.overflow_call import OverflowCall, sentence

        busy = BusyError(full.sentence, is_servers=full.whose == "server")
        if not full.words or len(self._told) >= MOST_TOLD:
            raise busy
        configuration = {**agent.configured(*caller.channel), **caller.config}
        language = configuration.get("language")
        try:
            voices = equipment.open_stages(configuration).voices
        except ProviderError as error:
            raise busy from error
        words = sentence(full.words, call_id, language if isinstance(language, str) else "")
        told = OverflowCall(
            call_id,
            agent.agent_id,
            words,
            outlet,
            self._around,
            caller=caller,
            voices=voices,
            phrases=equipment.phrases,
        )
        self._told.add(call_id)
        self._start(told, agent)
        return told

    def _check_room(self, call_id: str) -> None:
        if len(self._sessions) >= MAX_SESSIONS:
            raise BusyError("the server is at capacity; try again later", is_servers=True)
        if call_id in self._sessions:
            raise NotAdmittedError("the session id is in use")

    def _model_or_refuse(self, configuration: Mapping[str, Any]) -> LanguageModel | None:
        try:
            return self.model(configuration)
        except ProviderError as error:
            raise NotAdmittedError("the agent's model is not available") from error

    def _start(self, session: Session, agent: Agent) -> None:
        self._sessions[session.id] = session
        self._owners[session.id] = agent.connection
        try:
            session.announce()  # before anything else: what the runner hears later of the agent is not in this session
        except Exception:  # metadata that nests too deeply to be written
            self._openings.pop(session.id, None)
            self._let_go(session.id)
            raise
        task = asyncio.create_task(session.run(), name=f"conversation {session.id}")
        self._tasks[session.id] = task
        task.add_done_callback(lambda task: self._forget(session.id, task))

    def orphan(self, connection: str) -> set[str]:
        """A connection is gone: its sessions go on without an owner. Returns the agents that they are with."""
        lost = [call_id for call_id, owner in self._owners.items() if owner == connection]
        for call_id in lost:
            del self._owners[call_id]
            self._sessions[call_id].owner_left()
        self._orphans |= dict.fromkeys(lost)
        return {self._sessions[call_id].agent_id for call_id in lost}

    def adopt(self, agent_id: str, connection: str) -> None:
        """A connection holds an agent: sessions with it that have no owner are its own from now on."""
        for call_id in [each for each in self._orphans if self._sessions[each].agent_id == agent_id]:
            del self._orphans[call_id]
            self._owners[call_id] = connection
            self._sessions[call_id].owner_returned()

    def sweep(self) -> None:
        """End sessions that were forgotten."""
        for session in self._sessions.values():
            if self._around.clock() - session.heard_at > self._openings.get(session.id, CHAT).idle_seconds:
                session.end("idle_timeout")

    async def close(self) -> None:
        """End every session and wait for its goodbye."""
        for session in self._sessions.values():
            session.end("server_stopped")
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=CLOSING_SECONDS)

    def tell(self, call_id: str, event: events.Event) -> bool:
        """Send an event to the runner that a session belongs to; ``False`` when there is none."""
        owner = self._owners.get(call_id)
        return owner is not None and self._tell(owner, event)

    def _tell_owner(self, event: events.CallEvent) -> bool:
        told = self._openings.get(event.call_id, CHAT).retell(event)
        return told is None or self.tell(event.call_id, told)

    def _forget(self, call_id: str, task: asyncio.Task[None]) -> None:
        opening = self._openings.pop(call_id, CHAT)
        self._let_go(call_id, is_gone_on_with=opening.is_gone_on_with)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a conversation broke: %s", described(error))
        try:
            opening.on_over()
        except Exception as error:  # noqa: BLE001 - the loop would print its text
            _LOG.error("the end of a conversation broke: %s", described(error))

    def _let_go(self, call_id: str, *, is_gone_on_with: bool = False) -> None:
        session = self._sessions.pop(call_id, None)
        if session is not None and not is_gone_on_with:
            self.takeover.resume(session.agent_id, session=call_id)
        self._owners.pop(call_id, None)
        self._orphans.pop(call_id, None)
        self._told.discard(call_id)
        self._capacity.leave(call_id)
        self._tasks.pop(call_id, None)

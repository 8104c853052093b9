"""One typed conversation: a task that answers message after message, and the state everything else changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pinecall_run.providers.contracts import LanguageModel, ProviderError
from pinecall_run.transports.contract import Outlet
from pinecall_run.voice.configured import are_tools, preparing_budget, prompt_in, zone
from pinecall_run.voice.conversation import Conversation, ToolOutcome, change_history
from pinecall_run.voice.failure import described
from pinecall_run.voice.thinking import Mind, think
from pinecall_run.voice.tool_desk import ToolDesk
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET

_LOG = logging.getLogger("pinecall_run.voice")

_E = TypeVar("_E", bound=events.CallEvent)

WAITING = 20
"""Messages that may wait for their answer; a person does not type ahead of that."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a conversation needs of the server.

    Attributes:
        tell_owner: sends an event to the runner that the call belongs to; ``False`` when there is none.
        new_id: a fresh unguessable id.
        clock: epoch seconds.
        open_model: the model of a configuration, or ``None``; raises :class:`ProviderError`.
    """

    tell_owner: Callable[[events.CallEvent], bool]
    new_id: Callable[[], str]
    clock: Callable[[], float]
    tool_timeout: float
    open_model: Callable[[Mapping[str, Any]], LanguageModel | None]


@dataclass(slots=True)
class _Reply:
    """A client-side reply being streamed."""

    message_id: str
    pieces: list[str] = field(default_factory=list)


class ChatSession:
    """One conversation with one agent, pinned to the configuration that it began with."""

    def __init__(
        self,
        call_id: str,
        agent_id: str,
        configuration: Mapping[str, Any],
        model: LanguageModel | None,
        outlet: Outlet,
        around: Surroundings,
        *,
        model_name: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = call_id
        self.agent_id = agent_id
        self.model_name = model_name
        self.metadata = dict(metadata or {})
        self.conversation = Conversation(
            str(configuration.get("prompt") or prompt_in(configuration.get("llm"))),
            dict(configuration.get("vars") or {}),
        )
        self._configuration = dict(configuration)
        self._model = model
        self._outlet = outlet
        self._around = around
        self._desk = ToolDesk(around.tell_owner, timeout=around.tool_timeout)
        self._inbox: asyncio.Queue[str] = asyncio.Queue(WAITING)
        self._latest = ""
        self._turn = 0
        self._prepared = asyncio.Event()
        self._partial: list[str] = []
        self._deferred: list[str] = []
        self._unanswered: str | None = None
        """What the client was asked to answer, and has not yet."""
        self._replies: dict[str, _Reply] = {}
        self._started_at = around.clock()
        self.heard_at = self._started_at
        self._end_reason = ""
        self._ended = asyncio.Event()

    # from the door

    def post(self, text: str) -> None:
        """The person said ``text``; answered after what came before it."""
        self.heard_at = self._around.clock()
        try:
            self._inbox.put_nowait(text)
        except asyncio.QueueFull:
            self._outlet.error(f"{WAITING} messages are waiting for an answer; wait for one")

    def set_context(self, key: str, value: Any) -> None:
        """What the person's page shows, for the model."""
        self.conversation.set_screen(key, value)

    def end(self, reason: str) -> None:
        """End the conversation; the first reason counts."""
        if not self._ended.is_set():
            self._end_reason = reason
            self._ended.set()

    # from the runner

    def handle(self, command: commands.Command) -> bool:
        """A runner's command about this call, applied at once, in the order of the socket; ``False`` if it means
        nothing where people type."""
        handler = _COMMANDS.get(type(command))
        if handler is not None:
            handler(self, command)
        # What is said is shown at once: nothing of it waits to be cancelled.
        return handler is not None or isinstance(command, commands.BotCancel | commands.BotClear)

    def owner_returned(self) -> None:
        """A runner took the conversation up: the one that lost its connection, or the next to hold the agent."""
        self.announce()
        self._desk.send_again()
        if self._model is None and self._unanswered is not None:
            self._replies.clear()  # what was begun is begun anew
            self._ask_client(self._unanswered)

    def announce(self) -> None:
        """Tell the runner that the conversation is there."""
        language = self._configuration.get("language")
        self._tell(
            events.ChatStarted,
            metadata=self.metadata or UNSET,
            language=language if isinstance(language, str) else UNSET,
        )

    # the task

    async def run(self) -> None:
        """Serve the conversation until it ends; always says goodbye to both sides."""
        answering = asyncio.create_task(self._answer_messages())  # begins when this task first waits
        answering.add_done_callback(self._answering_is_over)
        try:
            self._greet()
            await self._ended.wait()
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)  # its exception is told by the callback
            self.conversation.agent_said("".join(self._partial))  # an answer cut short was shown that far
            self._say_goodbye(self._end_reason or "server_stopped")

    def _answering_is_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a conversation of %s failed: %s", self.agent_id, described(error))
            self.end("error")

    async def _answer_messages(self) -> None:
        while True:
            text = await self._inbox.get()
            self._latest = self._around.new_id()
            self.conversation.user_said(text)
            self._tell(events.ChatMessage, text=text, message_id=self._latest)
            if self._model is None:
                self._ask_client(text)
            else:
                await self._answer(self._model)

    def _ask_client(self, text: str) -> None:
        self._unanswered = text
        self._tell(events.UserMessage, message_id=self._latest, text=text)
        if not self._tell(events.TurnEnd, message_id=self._latest, text=text):
            self._outlet.error("the agent is away; try again in a moment")

    async def _answer(self, model: LanguageModel) -> None:
        tools = list(self._configuration.get("tools") or ())
        await self._prepare()
        try:
            text = await think(Mind(model, tools, self._call_tools, self._now), self.conversation, self._stream)
        except ProviderError as error:
            self._fail(f"{error} ({error.hint})" if error.hint else str(error))
        except Exception as error:  # noqa: BLE001 - an answer may fail in any way; the conversation goes on
            _LOG.error("an answer of %s failed: %s", self.agent_id, described(error))
            self._fail(f"the voice server failed with {type(error).__name__}")
        else:
            self.conversation.agent_said(text)
            self._outlet.done(text)
            if text:
                self._tell(events.ChatResponse, text=text, message_id=self._around.new_id())
        self.conversation.answer_is_over()
        self._partial.clear()
        for waiting in self._deferred:
            self._show(waiting)
        self._deferred.clear()

    def _fail(self, sentence: str) -> None:
        self.conversation.agent_said("".join(self._partial))
        self._tell(events.LlmError, error=sentence)
        self._outlet.error("the agent cannot answer right now")

    async def _prepare(self) -> None:
        """Let a runner that asked for it get ready before the model is asked (protocol: ``preparing``)."""
        budget = preparing_budget(self._configuration.get("preparing"))
        if not budget:
            return
        self._turn += 1
        self._prepared.clear()
        started = self._around.clock()
        if not self._tell(events.LlmBefore, turn=self._turn):
            return
        try:
            async with asyncio.timeout(budget):
                await self._prepared.wait()
        except TimeoutError:
            waited = (self._around.clock() - started) * 1000
            self._tell(events.LlmPreparingTimeout, turn=self._turn, waited_ms=waited, budget_ms=budget * 1000)

    async def _call_tools(self, calls: Sequence[events.ToolCall]) -> Sequence[ToolOutcome]:
        self._partial.clear()
        self._outlet.tool_calls(calls)
        request = self._event(events.LlmToolCall, msg_id=self._around.new_id(), tool_calls=list(calls))
        outcomes = await self._desk.ask(request)
        self._outlet.tool_results(
            [events.NamedResult(tool_call_id=o.call.id, name=o.call.name, result=o.result) for o in outcomes]
        )
        return outcomes

    def _stream(self, text: str) -> None:
        self._partial.append(text)
        self._outlet.token(text)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._around.clock(), zone(self._configuration.get("timezone")))

    def _greet(self) -> None:
        greeting = self._configuration.get("greeting")
        if isinstance(greeting, dict):
            language = str(self._configuration.get("language") or "")
            base = language.partition("-")[0]
            greeting = greeting.get(language) or greeting.get(base) or next(iter(greeting.values()), None)
        if self._configuration.get("greeting_in_chat") and isinstance(greeting, str) and greeting:
            self.conversation.agent_said(greeting)
            self._show(greeting)
            self._tell(events.ChatResponse, text=greeting, message_id=self._around.new_id())

    def _show(self, text: str) -> None:
        self._outlet.token(text)
        self._outlet.done(text, is_asked=False)

    def _say_goodbye(self, reason: str) -> None:
        now = self._around.clock()
        self._outlet.ended(reason)
        self._tell(
            events.ChatEnded,
            reason="chat_completed" if reason == "disconnected" else reason,
            duration_seconds=round(now - self._started_at, 3),
            started_at=self._started_at,
            ended_at=now,
            messages=self.conversation.messages,
        )

    def _tell(self, kind: type[events.CallEvent], **fields: Any) -> bool:
        return self._around.tell_owner(self._event(kind, **fields))

    def _event(self, kind: type[_E], **fields: Any) -> _E:
        return kind(agent_id=self.agent_id, call_id=self.id, session_id=self.id, **fields)

    # the runner's commands

    def _on_reply(self, command: commands.BotReply) -> None:
        if self._is_obsolete(command.message_id, command.in_reply_to):
            return
        if command.in_reply_to:
            self._unanswered = None
        self._tell(events.BotSpeaking, message_id=command.message_id, text=command.text)
        self._deliver(command.text, command.message_id, add=command.add_to_history or bool(command.in_reply_to))

    def _on_reply_stream(self, command: commands.BotReplyStream) -> None:
        match command.action:
            case "start":
                if not self._is_obsolete(command.message_id, command.in_reply_to):
                    self._replies[command.message_id] = _Reply(command.message_id)
                    self._tell(events.BotSpeaking, message_id=command.message_id)
            case "chunk" if command.message_id in self._replies:
                self._replies[command.message_id].pieces.append(command.token)
                if not self._partial:
                    self._outlet.token(command.token)
            case "end" if command.message_id in self._replies:
                text = "".join(self._replies.pop(command.message_id).pieces)
                self._unanswered = None
                self.conversation.agent_said(text)
                if self._partial:
                    self._deferred.append(text)
                else:
                    self._outlet.done(text)
                self._tell(events.BotFinished, message_id=command.message_id)

    def _deliver(self, text: str, message_id: str, *, add: bool) -> None:
        if add:
            self.conversation.agent_said(text)
        if self._partial:
            self._deferred.append(text)  # shown when the answer that is being written is complete
        else:
            self._show(text)
        self._tell(events.BotFinished, message_id=message_id)

    def _is_obsolete(self, message_id: str, in_reply_to: str) -> bool:
        if not in_reply_to or in_reply_to == self._latest:
            return False
        self._tell(
            events.ReplyRejected,
            message_id=message_id,
            in_reply_to=in_reply_to,
            expected_reply_to=self._latest,
            reason="message_obsolete",
        )
        return True

    def _on_tool_result(self, command: commands.LlmToolResult) -> None:
        self._desk.answer(command)

    def _on_hangup(self, command: commands.CallHangup) -> None:
        self.end("client_hangup")

    def _on_configure(self, command: commands.SessionConfigure) -> None:
        changes = command.configuration()
        if not are_tools(changes.get("tools")):
            del changes["tools"]  # a client's own objects, sent raw (protocol: session.configure): no model knows them
        self._configuration.update(changes)
        if "llm" in changes:
            self._change_model()
        if isinstance(changes.get("prompt"), str):
            self.conversation.instructions = changes["prompt"]
        self.conversation.variables.update(changes.get("vars") or {})
        self._tell(events.SessionConfigured)

    def _change_model(self) -> None:
        """From the next answer on; the one that is being made keeps its model."""
        try:
            self._model = self._around.open_model(self._configuration)
        except ProviderError as error:
            self._tell(events.LlmError, error=f"{error} ({error.hint})" if error.hint else str(error))

    def _on_history(self, command: commands.HistoryCommand) -> None:
        if isinstance(command, commands.HistoryGet):
            self._tell(events.HistoryData, request_id=command.request_id, messages=self.conversation.messages)
            return
        change_history(self.conversation, command)
        count = len(self.conversation.messages)
        self._tell(events.HistoryUpdated, request_id=command.request_id, count=count)

    def _on_ready(self, command: commands.LlmReady) -> None:
        if command.turn is UNSET or command.turn == self._turn:  # else it is late, for a turn that went on without
            self._prepared.set()


_COMMANDS: dict[type[commands.Command], Callable[[ChatSession, Any], None]] = {
    commands.BotReply: ChatSession._on_reply,
    commands.BotReplyStream: ChatSession._on_reply_stream,
    commands.LlmToolResult: ChatSession._on_tool_result,
    commands.CallHangup: ChatSession._on_hangup,
    commands.SessionConfigure: ChatSession._on_configure,
    commands.HistoryGet: ChatSession._on_history,
    commands.LlmReady: ChatSession._on_ready,
    commands.HistoryAdd: ChatSession._on_history,
    commands.HistorySet: ChatSession._on_history,
    commands.HistoryClear: ChatSession._on_history,
    commands.HistorySetInstructions: ChatSession._on_history,
    commands.HistorySetVars: ChatSession._on_history,
    commands.HistoryAddContext: ChatSession._on_history,
}

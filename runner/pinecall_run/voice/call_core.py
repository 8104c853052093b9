"""What every call has, spoken or typed: its configuration, history and model, and the way to its runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pinecall_run.providers.contracts import LanguageModel, ModelFailed, ProviderError, TokensUsed
from pinecall_run.voice.configured import are_tools, greeting_in, preparing_budget, prompt_in, rates_of, zone
from pinecall_run.voice.conversation import Conversation, ToolOutcome, change_history
from pinecall_run.voice.health import Health
from pinecall_run.voice.summary import summary
from pinecall_run.voice.thinking import Mind
from pinecall_run.voice.tool_desk import ToolDesk
from pinecall_run.voice.usage import Usage
from pinecall_run.wire import commands, events, speech_events
from pinecall_run.wire.absent import UNSET

_E = TypeVar("_E", bound=events.CallEvent)

CallTools = Callable[[Sequence[events.ToolCall]], Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call needs of the server.

    Attributes:
        tell_owner: sends an event to the runner that the call belongs to; ``False`` when there is none.
        new_id: a fresh unguessable id.
        clock: epoch seconds.
        open_model: the model of a configuration, or ``None``; raises :class:`ProviderError`.
        health: of the vendors, for all calls of the server.
    """

    tell_owner: Callable[[events.CallEvent], bool]
    new_id: Callable[[], str]
    clock: Callable[[], float]
    tool_timeout: float
    open_model: Callable[[Mapping[str, Any]], LanguageModel | None]
    health: Health


class CallCore:
    """One call with one agent, pinned to the configuration that it began with. ``tell`` is told every event; by default
    that is the runner alone."""

    def __init__(
        self,
        call_id: str,
        agent_id: str,
        configuration: Mapping[str, Any],
        model: LanguageModel | None,
        around: Surroundings,
        *,
        metadata: Mapping[str, Any] | None = None,
        tell: Callable[[events.CallEvent], bool] | None = None,
    ) -> None:
        self.id = call_id
        self.agent_id = agent_id
        self.metadata = dict(metadata or {})
        self.configuration = dict(configuration)
        self.model = model
        self.around = around
        self.conversation = Conversation(
            str(configuration.get("prompt") or prompt_in(configuration.get("llm"))),
            dict(configuration.get("vars") or {}),
        )
        self._deliver = around.tell_owner if tell is None else tell
        self.desk = ToolDesk(self._deliver, timeout=around.tool_timeout)
        self.usage = Usage()
        self.started_at = around.clock()
        self.is_taken_over = False
        """A human answers in the agent's place."""
        self._writer: LanguageModel | None = None
        """Where the model hears and speaks, one that writes."""
        self._moment: datetime | None = None
        """What the prompt takes for now, where that does not move on."""
        self._turn = 0
        self._prepared = asyncio.Event()

    # to the runner

    def tell(self, kind: type[events.CallEvent], **fields: Any) -> bool:
        """Send an event of this call; ``False`` when no runner has it."""
        return self._deliver(self.event(kind, **fields))

    def event(self, kind: type[_E], **fields: Any) -> _E:
        """An event of this call."""
        return kind(agent_id=self.agent_id, call_id=self.id, session_id=self.id, **fields)

    def over(self) -> dict[str, Any]:
        """What is told of a call that ends now."""
        now = self.around.clock()
        return {
            "duration_seconds": round(now - self.started_at, 3),
            "started_at": self.started_at,
            "ended_at": now,
            "messages": self.conversation.messages,
            "metrics": self.usage.told(rates_of(self.configuration)),
        }

    @property
    def language(self) -> str:
        """The language of the call, as a BCP-47 tag; empty where nobody said."""
        language = self.configuration.get("language")
        return language if isinstance(language, str) else ""

    @property
    def greeting(self) -> str:
        """What the agent says first; empty where it waits."""
        return greeting_in(self.configuration.get("greeting"), self.language)

    # thinking

    def mind(self, model: LanguageModel, call_tools: CallTools) -> Mind:
        """What an answer is made with."""
        tools = list(self.configuration.get("tools") or ())
        return Mind(model, tools, call_tools, self._now, on_used=self._used, on_failed=self._model_failed)

    def _used(self, used: TokensUsed) -> None:
        self.usage.thought((used.provider, used.model), used)

    def _model_failed(self, failure: ModelFailed) -> None:
        self.tell(
            speech_events.ProviderFailed,
            stage="llm",
            provider=failure.provider,
            error=failure.error,
            next=failure.next,
        )

    async def summarise(self) -> tuple[str, str]:
        """What the call was about; see :func:`pinecall_run.voice.summary.summary`."""
        model = self.model if self._moment is None else self._writer
        return await summary(self.conversation.messages, model, self.usage, language=self.language)

    async def prepare(self) -> None:
        """Let a runner that asked for it get ready before the model is asked (protocol: ``preparing``)."""
        budget = preparing_budget(self.configuration.get("preparing"))
        if not budget:
            return
        self._turn += 1
        self._prepared.clear()
        started = self.around.clock()
        if not self.tell(events.LlmBefore, turn=self._turn):
            return
        try:
            async with asyncio.timeout(budget):
                await self._prepared.wait()
        except TimeoutError:
            waited = (self.around.clock() - started) * 1000
            self.tell(events.LlmPreparingTimeout, turn=self._turn, waited_ms=waited, budget_ms=budget * 1000)

    async def ask_tools(self, calls: Sequence[events.ToolCall]) -> Sequence[ToolOutcome]:
        """Have the runner run tools; every call gets an outcome."""
        request = self.event(events.LlmToolCall, msg_id=self.around.new_id(), tool_calls=list(calls))
        return await self.desk.ask(request)

    def keep_model(self, model: LanguageModel) -> None:
        """Think with this one to the end. It remembers what it was told, so that the prompt speaks of one moment: its
        variables count once (protocol: LLM)."""
        self._moment = self._now()
        self._writer, self.model = self.model, model
        self.around = replace(self.around, open_model=_kept)

    def _now(self) -> datetime:
        if self._moment is not None:
            return self._moment
        return datetime.fromtimestamp(self.around.clock(), zone(self.configuration.get("timezone")))

    # from the runner

    def handle(self, command: commands.Command) -> bool:
        """A command that means the same in every call; ``False`` for others."""
        handler = _COMMANDS.get(type(command))
        if handler is not None:
            handler(self, command)
        return handler is not None

    def reject(self, command: commands.BotReply | commands.BotReplyStream, latest: str) -> bool:
        """Whether a reply is for a message that is no longer the latest, or a human replies: the runner is told so."""
        is_obsolete = bool(command.in_reply_to) and command.in_reply_to != latest
        if not (is_obsolete or self.is_taken_over):
            return False
        self.tell(
            events.ReplyRejected,
            message_id=command.message_id,
            in_reply_to=command.in_reply_to,
            expected_reply_to=latest,
            reason="message_obsolete" if is_obsolete else "taken_over",
        )
        return True

    def _on_tool_result(self, command: commands.LlmToolResult) -> None:
        self.desk.answer(command)

    def _on_configure(self, command: commands.SessionConfigure) -> None:
        changes = command.configuration()
        if not are_tools(changes.get("tools")):
            del changes["tools"]  # a client's own objects, sent raw (protocol: session.configure): no model knows them
        self.configuration.update(changes)
        if "llm" in changes:
            self._change_model()
        if isinstance(changes.get("prompt"), str):
            self.conversation.instructions = changes["prompt"]
        self.conversation.variables.update(changes.get("vars") or {})
        self.tell(events.SessionConfigured)

    def _change_model(self) -> None:
        """From the next answer on; the one that is being made keeps its model."""
        try:
            self.model = self.around.open_model(self.configuration)
        except ProviderError as error:
            self.tell(events.LlmError, error=explained(error))

    def _on_history(self, command: commands.HistoryCommand) -> None:
        if isinstance(command, commands.HistoryGet):
            self.tell(events.HistoryData, request_id=command.request_id, messages=self.conversation.messages)
            return
        change_history(self.conversation, command)
        count = len(self.conversation.messages)
        self.tell(events.HistoryUpdated, request_id=command.request_id, count=count)

    def _on_ready(self, command: commands.LlmReady) -> None:
        if command.turn is UNSET or command.turn == self._turn:  # else it is late, for a turn that went on without
            self._prepared.set()


def _kept(configuration: Mapping[str, Any]) -> LanguageModel:
    raise ProviderError("a call keeps its realtime model", "the next call has the new one")


def explained(error: ProviderError) -> str:
    """A vendor's failure in one sentence, with what to do."""
    return f"{error} ({error.hint})" if error.hint else str(error)


_COMMANDS: dict[type[commands.Command], Callable[[CallCore, Any], None]] = {
    commands.LlmToolResult: CallCore._on_tool_result,
    commands.SessionConfigure: CallCore._on_configure,
    commands.LlmReady: CallCore._on_ready,
    commands.HistoryGet: CallCore._on_history,
    commands.HistoryAdd: CallCore._on_history,
    commands.HistorySet: CallCore._on_history,
    commands.HistoryClear: CallCore._on_history,
    commands.HistorySetInstructions: CallCore._on_history,
    commands.HistorySetVars: CallCore._on_history,
    commands.HistoryAddContext: CallCore._on_history,
}

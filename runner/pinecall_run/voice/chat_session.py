"""One typed conversation: a task that answers message after message, and the state everything else changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pinecall_run.providers.contracts import LanguageModel, ProviderError
from pinecall_run.transports.contract import Outlet
from pinecall_run.voice.call_core import CallCore, Surroundings, explained
from pinecall_run.voice.chat_replies import ChatReplies
from pinecall_run.voice.conversation import Conversation, ToolOutcome
from pinecall_run.voice.failure import described
from pinecall_run.voice.thinking import think
from pinecall_run.voice.threads import RESUMED, Earlier
from pinecall_run.wire import call_commands, commands, events
from pinecall_run.wire.absent import UNSET

_LOG = logging.getLogger("pinecall_run.voice")

WAITING = 20
"""Messages that may wait for their answer; a person does not type ahead of that."""

LEFT = ("disconnected", RESUMED)
"""How a conversation ends whose person may be back: it still owes them what it had not answered."""

UNKNOWN = "the connection was lost before {} had answered: it may have been done, or not"
"""What the model is told of a tool."""


class ChatSession:
    """One conversation with one agent, pinned to the configuration that it began with. While it ``is_paused`` a human
    answers: what the person says is kept for the model, which says nothing. What was said ``earlier``, over another
    connection, is gone on with: there is no second greeting, and what is owed an answer gets one."""

    def __init__(
        self,
        call_id: str,
        agent_id: str,
        configuration: Mapping[str, Any],
        model: LanguageModel | None,
        outlet: Outlet,
        around: Surroundings,
        *,
        metadata: Mapping[str, Any] | None = None,
        is_paused: Callable[[], bool] = lambda: False,
        earlier: Earlier | None = None,
        is_shown_at_once: bool = False,
    ) -> None:
        self.id = call_id
        self.agent_id = agent_id
        self._core = CallCore(call_id, agent_id, configuration, model, around, metadata=metadata)
        self._outlet = outlet
        self._around = around
        self._is_paused = is_paused
        self._is_shown_at_once = is_shown_at_once
        """Whether the person sees an answer while it is made: a human who takes over cannot keep it back."""
        self._inbox: asyncio.Queue[str] = asyncio.Queue(WAITING)
        self._latest = ""
        self._partial: list[str] = []
        self._unanswered: str | None = None
        """What the person said last, while it has no answer."""
        self._asked: Sequence[events.ToolCall] = ()
        """Tools that have not answered yet."""
        self._is_resumed = earlier is not None
        self._remembered: Earlier | None = None
        self._replies = ChatReplies(
            self._core,
            outlet,
            latest=lambda: self._latest,
            is_writing=lambda: bool(self._partial),
            on_answered=self._client_answered,
        )
        self.heard_at = around.clock()
        self._end_reason = ""
        self._ended = asyncio.Event()
        if earlier is not None:
            self._go_on_from(earlier)

    def _go_on_from(self, earlier: Earlier) -> None:
        self.conversation.messages = list(earlier.messages)
        self._unanswered = earlier.unanswered
        for text in earlier.waiting[:WAITING]:
            self._inbox.put_nowait(text)

    @property
    def conversation(self) -> Conversation:
        """What the model is shown of it."""
        return self._core.conversation

    @property
    def is_ending(self) -> bool:
        """Whether nothing that is posted will be answered."""
        return self._ended.is_set()

    @property
    def core(self) -> CallCore:
        """What it shares with every call."""
        return self._core

    # from the door

    def post(self, text: str) -> None:
        """The person said ``text``; answered after what came before it."""
        self.heard_at = self._around.clock()
        try:
            self._inbox.put_nowait(text)
        except asyncio.QueueFull:
            sentence = f"{WAITING} messages wait for their answers: this one was not taken; wait for one of them"
            self._outlet.error(sentence, is_refusal=True)

    async def post_in_turn(self, text: str) -> None:
        """As :meth:`post`, for a door where messages can wait: returns once there is room for it."""
        self.heard_at = self._around.clock()
        await self._inbox.put(text)

    def human_said(self, text: str) -> None:
        """A human answered in the agent's place; the door shows it by itself."""
        self.heard_at = self._around.clock()
        self.conversation.agent_said(text)
        self._tell(events.ChatResponse, text=text, message_id=self._around.new_id(), source="human")

    def human_wrote(self, text: str) -> None:
        """As :meth:`human_said`, where the door does not show it by itself."""
        self.human_said(text)
        self._replies.human(text)

    def set_context(self, key: str, value: Any) -> None:
        """What the person's page shows, for the model."""
        self.conversation.set_screen(key, value)

    def end(self, reason: str) -> None:
        """End the conversation; the first reason counts."""
        if not self._ended.is_set():
            self._end_reason = reason
            self._ended.set()

    def remembered(self) -> Earlier:
        """What the person's next connection goes on from, once this one has ended. An answer that was not complete is
        not part of it: it is made anew, from what the tools had said by then."""
        if self._remembered is None:
            self._remembered = self._remember()
        return self._remembered

    def _remember(self) -> Earlier:
        kept = self.conversation.copy()
        if self._asked:
            unknown = [ToolOutcome(call, {"error": UNKNOWN.format(call.name)}) for call in self._asked]
            kept.tools_answered("", unknown)
        kept.answer_is_over()
        if self._end_reason not in LEFT:
            return Earlier(kept.messages)
        waiting = []
        while not self._inbox.empty():
            waiting.append(self._inbox.get_nowait())
        return Earlier(kept.messages, self._unanswered, tuple(waiting))

    # from the runner

    def handle(self, command: commands.Command) -> bool:
        """A runner's command about this call, applied at once, in the order of the socket; ``False`` if it means
        nothing where people type."""
        if self._core.handle(command):
            return True
        handler = _COMMANDS.get(type(command))
        if handler is not None:
            handler(self, command)
        # What is said is shown at once: nothing of it waits to be cancelled.
        return handler is not None or isinstance(command, commands.BotCancel | commands.BotClear)

    def owner_left(self) -> None:
        """The runner is gone: what it began is begun anew."""
        self._replies.forget()

    def owner_returned(self) -> None:
        """A runner took the conversation up: the one that lost its connection, or the next to hold the agent."""
        self.announce()
        self._core.desk.send_again()
        if self._core.model is None and self._unanswered is not None:
            self._ask_client(self._unanswered)

    def announce(self) -> None:
        """Tell the runner that the conversation is there."""
        core = self._core
        said = Earlier(self.conversation.messages).shown
        if core.model is None and said and said[-1] == {"role": "user", "content": self._unanswered}:
            said.pop()  # it comes as a message, to be answered
        core.tell(
            events.ChatStarted,
            metadata=core.metadata or UNSET,
            language=core.language or UNSET,
            messages=said or UNSET,
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
            self.remembered()
            self.conversation.agent_said("".join(self._partial))  # an answer cut short was shown that far
            self._say_goodbye(self._end_reason or "server_stopped")

    def _answering_is_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a conversation of %s failed: %s", self.agent_id, described(error))
            self.end("error")

    async def _answer_messages(self) -> None:
        if self._unanswered is not None and not self._is_paused():
            self._latest = self._around.new_id()
            await self._answer_to(self._unanswered)
        while True:
            text = await self._inbox.get()
            self._latest = self._around.new_id()
            self.conversation.user_said(text)
            self._tell(events.ChatMessage, text=text, message_id=self._latest)
            if not self._is_paused():
                await self._answer_to(text)

    async def _answer_to(self, text: str) -> None:
        self._unanswered = text
        if self._core.model is None:
            self._ask_client(text)
        else:
            await self._answer(self._core.model)
            self._unanswered = None

    def _ask_client(self, text: str) -> None:
        self._tell(events.UserMessage, message_id=self._latest, text=text)
        if not self._tell(events.TurnEnd, message_id=self._latest, text=text):
            self._outlet.error("the agent is away; try again in a moment")

    async def _answer(self, model: LanguageModel) -> None:
        await self._core.prepare()
        try:
            text = await think(self._core.mind(model, self._call_tools), self.conversation, self._stream)
        except ProviderError as error:
            self._fail(explained(error))
        except Exception as error:  # noqa: BLE001 - an answer may fail in any way; the conversation goes on
            _LOG.error("an answer of %s failed: %s", self.agent_id, described(error))
            self._fail(f"the voice server failed with {type(error).__name__}")
        else:
            self._answered(text)
        self.conversation.answer_is_over()
        self._partial.clear()
        self._replies.answer_is_over()

    def _answered(self, text: str) -> None:
        if self._is_paused() and not self._is_shown_at_once:  # a human took over while it was made
            return
        self.conversation.agent_said(text)
        self._outlet.done(text)
        if text:
            self._tell(events.ChatResponse, text=text, message_id=self._around.new_id())

    def _fail(self, sentence: str) -> None:
        self.conversation.agent_said("".join(self._partial))
        self._tell(events.LlmError, error=sentence)
        self._outlet.error("the agent cannot answer right now")

    async def _call_tools(self, calls: Sequence[events.ToolCall]) -> Sequence[ToolOutcome]:
        self._partial.clear()
        self._outlet.tool_calls(calls)
        self._asked = calls
        outcomes = await self._core.ask_tools(calls)
        self._asked = ()
        self._outlet.tool_results(
            [events.NamedResult(tool_call_id=o.call.id, name=o.call.name, result=o.result) for o in outcomes]
        )
        return outcomes

    def _stream(self, text: str) -> None:
        self._partial.append(text)
        self._outlet.token(text)

    def _greet(self) -> None:
        greeting = self._core.greeting
        if self._core.configuration.get("greeting_in_chat") and greeting and not self._is_resumed:
            self.conversation.agent_said(greeting)
            self._replies.show(greeting)
            self._tell(events.ChatResponse, text=greeting, message_id=self._around.new_id())

    def _say_goodbye(self, reason: str) -> None:
        self._outlet.ended(reason)
        self._tell(
            events.ChatEnded, reason="chat_completed" if reason == "disconnected" else reason, **self._core.over()
        )

    def _tell(self, kind: type[events.CallEvent], **fields: Any) -> bool:
        return self._core.tell(kind, **fields)

    # the runner's commands

    def _on_reply(self, command: commands.BotReply) -> None:
        self._replies.whole(command)

    def _on_stream(self, command: commands.BotReplyStream) -> None:
        self._replies.streamed(command)

    def _client_answered(self) -> None:
        self._unanswered = None

    def _on_hangup(self, command: commands.CallHangup) -> None:
        self.end("client_hangup")

    def _on_context(self, command: call_commands.SetContext) -> None:
        self.set_context(command.key, command.value)


_COMMANDS: dict[type[commands.Command], Callable[[ChatSession, Any], None]] = {
    commands.BotReply: ChatSession._on_reply,
    commands.BotReplyStream: ChatSession._on_stream,
    commands.CallHangup: ChatSession._on_hangup,
    call_commands.SetContext: ChatSession._on_context,
}

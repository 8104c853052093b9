"""What a runner says in a typed conversation, whole or piece by piece, and when the person is shown it."""

from __future__ import annotations

from collections.abc import Callable

from pinecall_run.transports.contract import Outlet
from pinecall_run.voice.call_core import CallCore
from pinecall_run.wire import commands, events


class ChatReplies:
    """The replies of one conversation. ``latest`` gives the id of what the person said last, ``is_writing`` whether an
    answer of the model's is being shown, and ``on_answered`` hears that the runner has answered."""

    def __init__(
        self,
        core: CallCore,
        outlet: Outlet,
        *,
        latest: Callable[[], str],
        is_writing: Callable[[], bool],
        on_answered: Callable[[], None],
    ) -> None:
        self._core = core
        self._outlet = outlet
        self._latest = latest
        self._is_writing = is_writing
        self._on_answered = on_answered
        self._streams: dict[str, list[str]] = {}
        """The pieces of those that are being streamed, by id."""
        self._deferred: list[str] = []

    def whole(self, command: commands.BotReply) -> None:
        """The runner says something."""
        if self._core.reject(command, self._latest()):
            return
        if command.in_reply_to:
            self._on_answered()
        self._core.tell(events.BotSpeaking, message_id=command.message_id, text=command.text)
        if command.add_to_history or command.in_reply_to:
            self._core.conversation.agent_said(command.text)
        if self._is_writing():
            self._deferred.append(command.text)
        else:
            self.show(command.text, is_asked=bool(command.in_reply_to) and self._core.model is None)
        self._core.tell(events.BotFinished, message_id=command.message_id)

    def streamed(self, command: commands.BotReplyStream) -> None:
        """The runner begins to say something, says more of it, or has said it."""
        match command.action:
            case "start":
                if not self._core.reject(command, self._latest()):
                    self._streams[command.message_id] = []
                    self._core.tell(events.BotSpeaking, message_id=command.message_id)
            case "chunk" if command.message_id in self._streams:
                self._streams[command.message_id].append(command.token)
                if not self._is_writing():
                    self._outlet.token(command.token)
            case "end" if command.message_id in self._streams:
                self._end("".join(self._streams.pop(command.message_id)))
                self._core.tell(events.BotFinished, message_id=command.message_id)

    def human(self, text: str) -> None:
        """A human answered in the agent's place."""
        if self._is_writing():
            self._deferred.append(text)
        else:
            self.show(text)

    def _end(self, text: str) -> None:
        self._on_answered()
        self._core.conversation.agent_said(text)
        if self._is_writing():
            self._deferred.append(text)
        else:
            self._outlet.done(text)

    def show(self, text: str, *, is_asked: bool = False) -> None:
        """Show a whole text."""
        self._outlet.token(text)
        self._outlet.done(text, is_asked=is_asked)

    def answer_is_over(self) -> None:
        """Show what was said while the model's answer was being written."""
        for text in self._deferred:
            self.show(text)
        self._deferred.clear()

    def forget(self) -> None:
        """The runner is gone, and with it the rest of what it was streaming."""
        self._streams.clear()

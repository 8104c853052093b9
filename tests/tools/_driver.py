"""A call's driver that writes down what it is asked to send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pinecall_run.live.promises import Promise
from pinecall_run.tools.call import Call, Pending, ReplyStream, Utterance
from pinecall_run.wire import commands


class Recorder:
    """Sends nothing; whatever is waited for is there at once."""

    def __init__(self, on_send: Callable[[], object] = lambda: None) -> None:
        self.sent: list[commands.Command] = []
        self.dialled: list[tuple[str, str, dict[str, Any]]] = []
        self._on_send = on_send

    def send(self, command: commands.Command) -> None:
        self.sent.append(command)
        self._on_send()

    def say(self, command: commands.BotReply) -> Pending[Utterance]:
        self.send(command)
        promise: Promise[Utterance] = Promise()
        promise.settle(Utterance(command.message_id, "finished"))
        return promise

    def request(self, command: commands.HistoryCommand) -> Pending[list[dict[str, Any]]]:
        self.send(command)
        promise: Promise[list[dict[str, Any]]] = Promise()
        promise.settle([])
        return promise

    def open(self, stream: ReplyStream) -> None:
        pass

    def dial(self, agent: str, to: str, **options: Any) -> Pending[Call]:
        self.dialled.append((agent, to, {name: value for name, value in options.items() if value is not None}))
        promise: Promise[Call] = Promise()
        promise.settle(Call(self, id="call_2", agent=agent, channel="phone", revision="r1"))
        return promise

    def new_message_id(self) -> str:
        return "msg_1"


def some_call(on_send: Callable[[], object] = lambda: None) -> Call:
    """A call that leads nowhere."""
    return Call(Recorder(on_send), id="call_1", agent="desk", channel="chat", revision="r1")

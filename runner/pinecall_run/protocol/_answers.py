"""Answers to tool calls until the server has shown that it has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pinecall_run.wire import events

V = TypeVar("V")

ANSWERS, ANSWER_BYTES = 10_000, 64 * 1024 * 1024
"""What is kept at most. Beyond that the oldest answer goes: its call has most likely timed out."""

CALLS, WORDS = 100_000, 1_000
"""What is remembered of calls whose end nobody told, and of what was said; beyond that the oldest is forgotten."""

RESEND_SECONDS = 1.0
"""How long a server, back after a loss, has to say what it is waiting for before it is sent an answer a second time."""

_PROGRESS = (
    events.TerminalToken,
    events.TerminalToolResult,
    events.TerminalDone,
    events.ChatResponse,
    events.ChatError,
    events.LlmBefore,
    events.LlmPreparingTimeout,
    events.LlmError,
)
"""Events which say that the model went on: it has every answer of its call, or waits for none. What a person does
(``chat.message``, ``turn.end``) says nothing of the kind; ``bot.speaking`` only where it is not our own ``say``."""

_OVER = (events.CallEnded, events.ChatEnded)

Key = tuple[str, str]
"""Call and message: a server may number its messages anew for each call."""


@dataclass(slots=True)
class _Answer:
    data: bytes
    agent_id: str
    epoch: int
    """The connection on which it was sent last; 0 is none."""


@dataclass(slots=True)
class Answers:
    """What was answered, encoded once, in the order of the answers."""

    _kept: dict[Key, _Answer] = field(default_factory=dict)
    _by_call: dict[str, list[str]] = field(default_factory=dict)
    _agents: dict[str, str] = field(default_factory=dict)
    """The agent of each live call that has asked for tools."""
    _own_words: dict[str, None] = field(default_factory=dict)
    """The latest ``message_id`` of what our side says."""
    _size: int = 0

    def __len__(self) -> int:
        return len(self._kept)

    def heard(self, event: events.CallEvent) -> None:
        """What an event says about the answers of its call."""
        if isinstance(event, events.LlmToolCall):
            self._settle(event.call_id, but=event.msg_id)
            _remember(self._agents, event.call_id, event.agent_id, CALLS)
        elif isinstance(event, _OVER):
            self._settle(event.call_id)
            self._agents.pop(event.call_id, None)
        elif event.call_id in self._by_call and self._is_progress(event):
            self._settle(event.call_id)

    def says(self, message_id: str) -> None:
        """Our side has an agent say something, which is no sign of the model."""
        _remember(self._own_words, message_id, None, WORDS)

    def agent_of(self, call_id: str) -> str:
        """The agent of a call that asked for tools; empty when it is not known."""
        return self._agents.get(call_id, "")

    def keep(self, key: Key, data: bytes, epoch: int) -> list[Key]:
        """Keep an answer, sent on ``epoch``; returns what had to go for it."""
        self._drop(key)
        call_id, msg_id = key
        self._kept[key] = _Answer(data, self.agent_of(call_id), epoch)
        self._by_call.setdefault(call_id, []).append(msg_id)
        self._size += len(data)
        gone = []
        while len(self._kept) > ANSWERS or (self._size > ANSWER_BYTES and len(self._kept) > 1):
            oldest = next(iter(self._kept))
            self._drop(oldest)
            gone.append(oldest)
        return gone

    def to_send(self, agent_id: str, epoch: int, *, again: bool) -> Iterator[bytes]:
        """The answers in an agent's calls that were never sent, or (``again``) those last sent on an older connection;
        they count as sent on this one."""
        for answer in self._kept.values():
            if answer.agent_id == agent_id and answer.epoch < epoch and bool(answer.epoch) is again:
                answer.epoch = epoch
                yield answer.data

    def agents(self) -> dict[str, None]:
        """Whose answers are kept, in their order."""
        return dict.fromkeys(answer.agent_id for answer in self._kept.values())

    def _is_progress(self, event: events.CallEvent) -> bool:
        if isinstance(event, events.BotSpeaking):
            return event.message_id not in self._own_words
        return isinstance(event, _PROGRESS)

    def _settle(self, call_id: str, *, but: str = "") -> None:
        for msg_id in list(self._by_call.get(call_id, ())):
            if msg_id != but:
                self._drop((call_id, msg_id))

    def _drop(self, key: Key) -> None:
        answer = self._kept.pop(key, None)
        if answer is not None:
            self._size -= len(answer.data)
            messages = self._by_call[key[0]]
            messages.remove(key[1])
            if not messages:
                del self._by_call[key[0]]


def _remember(memory: dict[str, V], key: str, value: V, limit: int) -> None:
    memory[key] = value
    if len(memory) > limit:
        del memory[next(iter(memory))]

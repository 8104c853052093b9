"""How the model's answers come to be spoken: begun early where that helps, given up when the caller goes on, with every
tool that was asked for seen through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pinecall_run.providers.contracts import Aloud, LanguageModel, ProviderError, SpokenItem
from pinecall_run.voice.call_core import CallCore, explained
from pinecall_run.voice.conversation import ToolOutcome
from pinecall_run.voice.failure import described
from pinecall_run.voice.patience import Patient
from pinecall_run.voice.thinking import Mind, think
from pinecall_run.voice.utterance import Utterance
from pinecall_run.wire.events import ToolCall

_LOG = logging.getLogger("pinecall_run.voice")


@dataclass(eq=False)
class _Answer:
    """One answer being made. ``turn`` is the caller's message that it answers."""

    turn: int
    is_final: asyncio.Event = field(default_factory=asyncio.Event)
    """The caller's turn is over: tools may run."""
    utterance: Utterance | None = None
    has_said: bool = False
    is_abandoned: bool = False
    is_at_tools: bool = False
    is_made: bool = False
    task: asyncio.Task[None] | None = None

    def close(self) -> None:
        """What was said until now is complete."""
        if self.utterance is not None:
            self.utterance.close()
            self.utterance = None


class Speech(Protocol):
    """Where answers are spoken and told of."""

    def open_utterance(self, turn: int, item: SpokenItem | None = None) -> Utterance:
        """A new utterance of the agent, at the end of what is to be said; ``item`` where the model speaks it itself."""

    def first_token(self) -> None:
        """The model began to answer."""

    def tools_answered(self, outcomes: Sequence[ToolOutcome]) -> None:
        """Tools answered that the model called."""

    def answer_failed(self, sentence: str) -> None:
        """There is no answer, or no rest of it."""

    def answer_over(self) -> None:
        """The model has said all of it; nothing may have been said."""


class Answering:
    """The answers of one call, one at a time."""

    def __init__(self, core: CallCore, speech: Speech) -> None:
        self._core = core
        self._speech = speech
        self._answer: _Answer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is being made."""
        return self._answer is not None and not self._answer.is_made

    def writes(self, utterance: Utterance) -> bool:
        """Whether an answer is being written to an utterance."""
        return self._answer is not None and self._answer.utterance is utterance

    def begin(self, model: LanguageModel, turn: int, *, is_final: bool) -> None:
        """Answer a message of the caller's. Until it is final no tool is called for it."""
        self.abandon()
        answer = self._answer = _Answer(turn)
        if is_final:
            answer.is_final.set()
        answer.task = asyncio.create_task(self._make(answer, model))
        self._tasks.add(answer.task)
        answer.task.add_done_callback(self._tasks.discard)

    def confirm(self, turn: int) -> bool:
        """The caller's turn is over as it was answered early; ``False`` when there is no such answer."""
        if self._answer is None or self._answer.turn != turn:
            return False
        self._answer.is_final.set()
        if self._answer.is_made:
            self._speech.answer_over()
        return True

    def abandon(self) -> None:
        """Nobody wants the answer any more. Tools that run are waited for: their results are facts."""
        answer, self._answer = self._answer, None
        if answer is None:
            return
        answer.is_abandoned = True
        answer.close()
        if answer.task is not None and not answer.is_at_tools:
            answer.task.cancel()

    async def close(self) -> None:
        """Stop everything, tools' answers too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make(self, answer: _Answer, model: LanguageModel) -> None:
        earlier = [task for task in self._tasks if task is not answer.task]
        if earlier:
            await asyncio.wait(earlier)
        problem = ""
        try:
            await self._core.prepare()
            await think(self._mind(answer, model), self._core.conversation, lambda text: self._say(answer, text))
        except ProviderError as error:
            problem = explained(error)
        except Exception as error:  # noqa: BLE001 - an answer may fail in any way; the call goes on
            _LOG.error("an answer of %s failed: %s", self._core.agent_id, described(error))
            problem = f"the voice server failed with {type(error).__name__}"
        self._core.conversation.answer_is_over()
        answer.close()
        if problem:  # nobody needs to know if the caller goes on
            await answer.is_final.wait()
        answer.is_made = True
        if self._answer is answer:
            if problem:
                self._speech.answer_failed(problem)
            self._speech.answer_over()

    def _mind(self, answer: _Answer, model: LanguageModel) -> Mind:
        mind = self._core.mind(Patient(model), lambda calls: self._call_tools(answer, calls))
        return replace(
            mind,
            is_spoken=True,
            is_abandoned=lambda: answer.is_abandoned,
            on_aloud=lambda piece: self._speak(answer, piece),
        )

    def _say(self, answer: _Answer, text: str, item: SpokenItem | None = None) -> None:
        if answer.is_abandoned:
            return
        if not answer.has_said:
            answer.has_said = True
            self._speech.first_token()
        if answer.utterance is None:
            if not text.strip() and item is None:
                return
            answer.utterance = self._speech.open_utterance(answer.turn, item)
        answer.utterance.write(text)

    def _speak(self, answer: _Answer, piece: Aloud) -> None:
        if answer.utterance is not None and answer.utterance.item is not piece.item:
            answer.close()
        self._say(answer, piece.text, piece.item)
        if piece.samples is not None and answer.utterance is not None:
            answer.utterance.add(piece.samples)

    async def _call_tools(self, answer: _Answer, calls: Sequence[ToolCall]) -> Sequence[ToolOutcome]:
        answer.close()
        await answer.is_final.wait()
        answer.is_at_tools = True
        try:
            outcomes = await self._core.ask_tools(calls)
            self._speech.tools_answered(outcomes)
            return outcomes
        finally:
            answer.is_at_tools = False

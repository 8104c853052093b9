"""The agent's side of a spoken call: what it says, by a model or by the runner, and what the caller heard of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.playhead import HeardWord
from pinecall_run.providers.contracts import SpokenItem
from pinecall_run.voice.answering import Answering
from pinecall_run.voice.call_core import CallCore
from pinecall_run.voice.configured import greeting_in, raw
from pinecall_run.voice.conversation import ToolOutcome
from pinecall_run.voice.speaking import Audience, Speaker
from pinecall_run.voice.turn_times import TurnTimes
from pinecall_run.voice.utterance import Utterance
from pinecall_run.wire import commands, events, speech_events


class Floor(Protocol):
    """Whom the agent's side tells what it does: turn taking."""

    def agent_began(self, message: int) -> None:
        """The first sound of an utterance is played; ``message`` is the caller's that it answers, 0 for none."""

    def agent_pending(self) -> None:
        """More is being made, after what was played."""

    def agent_played(self, seconds: float) -> None:
        """So much of the current utterance was played."""

    def agent_ended(self, *, is_all: bool) -> None:
        """Nothing more is to be heard; ``is_all`` where it is known that there will be no answer either."""


class AgentSide:
    """What one agent says in one call. ``clock`` is the call's, in seconds; ``show`` tells the door what the runner
    knows already; ``has_words`` is whether it is told when each word is heard."""

    def __init__(
        self,
        core: CallCore,
        speaker: Callable[[Audience], Speaker],
        floor: Floor,
        *,
        clock: Callable[[], float],
        show: Callable[[events.CallEvent], None],
        has_words: bool = True,
    ) -> None:
        self.speaker = speaker(self)
        self.answering = Answering(core, self)
        self.times: TurnTimes | None = None
        self._core = core
        self._floor = floor
        self._clock = clock
        self._show = show
        self._has_words = has_words
        self._streams: dict[str, Utterance] = {}
        self._afterwards: dict[str, Callable[[], object]] = {}
        """What is to be done when an utterance is over, by its id."""
        self._has_apologised = False

    def take(self, *, may_begin: bool) -> Samples | None:
        """The next 20 ms for the caller."""
        current = self.speaker.current
        chunk = self.speaker.take(may_begin=may_begin)
        if current is not None and current is self.speaker.current:
            self._floor.agent_played(current.playhead.played_ms / 1000)
        return chunk

    def played(self, chunks: int) -> None:
        """So many chunks of all that were taken have been played, where the door says so."""
        current = self.speaker.current
        self.speaker.played(chunks)
        if current is not None and current is self.speaker.current:
            self._floor.agent_played(current.playhead.played_ms / 1000)

    # what is said

    def greet(self) -> None:
        """Say the greeting, if there is one."""
        if self._core.greeting and not self._core.is_taken_over:
            self.say(self._core.greeting)

    def say(self, text: str) -> None:
        """Say a text of the configuration after what is being said."""
        self._say(text, self._utterance(keeps=True, is_fixed=True))

    def say_for_human(self, text: str) -> str:
        """Say what a human wrote, who has the call; the id of the utterance."""
        utterance = self._utterance(keeps=True)
        self._say(text, utterance)
        return utterance.message_id

    def say_before(self, text: str, then: Callable[[], object]) -> None:
        """Say a text after what is being said, then do something; where it is cut short or cannot be said, too."""
        utterance = self._utterance(keeps=True, is_fixed=True)
        self._afterwards[utterance.message_id] = then
        self._say(text, utterance)

    def _say(self, text: str, utterance: Utterance) -> None:
        utterance.shown_at_once = text
        utterance.write(text)
        utterance.close()
        self.speaker.say(utterance)

    def apologise(self) -> None:
        """Say, once a call, that something went wrong, where the configuration has words for it."""
        words = greeting_in(raw(self._core.configuration, "apology"), self._core.language)
        if words and not self._has_apologised:
            self._has_apologised = True
            self.say(words)

    def on_reply(self, command: commands.BotReply, turn: int) -> None:
        """The runner has the agent say a text, in answer to a message or, with 0, to none."""
        keeps = command.add_to_history or bool(turn)
        # What is not for the history is a phrase that covers a wait (live/phrases.py).
        utterance = self._utterance(command.message_id, turn=turn, keeps=keeps, is_clients=True, is_fixed=not keeps)
        self._say(command.text, utterance)

    def on_stream(self, command: commands.BotReplyStream, turn: int) -> None:
        """The runner streams a reply."""
        match command.action:
            case "start" if command.message_id not in self._streams:
                utterance = self._utterance(command.message_id, turn=turn, keeps=True, is_clients=True)
                self._streams[command.message_id] = utterance
                self.speaker.say(utterance)
            case "chunk" if command.message_id in self._streams:
                self._streams[command.message_id].write(command.token)
            case "end" if command.message_id in self._streams:
                self._streams.pop(command.message_id).close()

    def _utterance(
        self,
        message_id: str = "",
        *,
        turn: int = 0,
        keeps: bool,
        is_clients: bool = False,
        is_fixed: bool = False,
        item: SpokenItem | None = None,
    ) -> Utterance:
        return Utterance(
            message_id or f"msg_{self._core.around.new_id()[:12]}",
            language=self._core.language,
            turn=turn,
            is_clients=is_clients,
            is_fixed=is_fixed,
            record=self._core.conversation.begin("assistant") if keeps else None,
            item=item,
        )

    # answers (Speech)

    def open_utterance(self, turn: int, item: SpokenItem | None = None) -> Utterance:
        """See :class:`Speech`."""
        utterance = self._utterance(turn=turn, keeps=True, item=item)
        if item is not None:
            item.message = utterance.record
        self.speaker.say(utterance)
        return utterance

    def first_token(self) -> None:
        """See :class:`Speech`."""
        self._note("first_token")

    def tools_answered(self, outcomes: Sequence[ToolOutcome]) -> None:
        """See :class:`Speech`."""
        results = [events.NamedResult(tool_call_id=o.call.id, name=o.call.name, result=o.result) for o in outcomes]
        self._show(self._core.event(speech_events.ToolsAnswered, results=results))

    def answer_failed(self, sentence: str) -> None:
        """See :class:`Speech`."""
        self._core.tell(events.LlmError, error=sentence)
        self.apologise()

    def answer_over(self) -> None:
        """See :class:`Speech`."""
        if not self.speaker.is_busy:
            self._no_answer_more()

    def _note(self, stage: str) -> None:
        if self.times is not None:
            self.times.note(stage, self._clock())

    # what becomes of it (Audience)

    def sounded(self, utterance: Utterance) -> None:
        """See :class:`Audience`."""
        self._note("first_audio")

    def began(self, utterance: Utterance) -> None:
        """See :class:`Audience`."""
        self._core.tell(events.BotSpeaking, message_id=utterance.message_id, text=utterance.shown_at_once)
        self._floor.agent_began(utterance.turn)
        if self.times is not None and self.times.heard is None:
            self._note("first_audio")
            self._note("heard")
            turn = {"turn_id": self.times.turn_id, "message_id": utterance.message_id}
            self._core.tell(speech_events.TurnMetrics, **turn, **self.times.metrics())

    def word(self, utterance: Utterance, word: HeardWord) -> None:
        """See :class:`Audience`."""
        if not self._has_words:
            return
        self._core.tell(
            speech_events.BotWord,
            message_id=utterance.message_id,
            word=word.word,
            word_index=word.index,
            start_time=round(word.start, 3),
            end_time=round(word.end, 3),
        )

    def finished(self, utterance: Utterance) -> None:
        """See :class:`Audience`."""
        self._streams.pop(utterance.message_id, None)  # one that could not be spoken may still be open
        if utterance.has_begun or utterance.is_clients:
            self._confirm(utterance)
            self._core.tell(
                events.BotFinished, message_id=utterance.message_id, duration_ms=round(utterance.playhead.played_ms, 1)
            )
        elif not utterance.playhead.heard:
            self._abort(utterance, "unspoken")
        self._is_over(utterance)
        self._go_on(utterance)

    def voice_used(self, vendor: tuple[str, str], characters: int) -> None:
        """See :class:`Audience`."""
        self._core.usage.spoken(vendor, characters)

    def voice_failed(self, provider: str, error: str, next: str) -> None:
        """See :class:`Audience`."""
        self._core.tell(speech_events.ProviderFailed, stage="tts", provider=provider, error=error, next=next)
        if not next:
            self.apologise()

    def _is_over(self, utterance: Utterance) -> None:
        """The caller may have the floor after an utterance, or wait for the answer that is being made."""
        if self.speaker.is_busy:
            return
        if self.answering.is_busy:
            if utterance.has_begun:
                self._floor.agent_pending()
                self._floor.agent_ended(is_all=False)
        elif self._core.model is not None:
            self._no_answer_more()
        else:  # the runner may be at it
            self._floor.agent_ended(is_all=False)

    def _no_answer_more(self) -> None:
        self.times = None
        self._floor.agent_ended(is_all=True)

    # interruption

    def interrupt(self, reason: str) -> None:
        """Fall silent: the caller goes on (``continuation``), begins (``user_spoke``), or the runner wants it
        (``cancelled``). What was heard stays in the history, but for a continuation, which nobody answered."""
        self.answering.abandon()
        for utterance in self.speaker.cut():
            self._cut_short(utterance, reason)

    def clear(self) -> None:
        """Fall silent by the runner's wish; there is no answer to what the caller said last."""
        self.interrupt("cancelled")
        self._no_answer_more()

    def cancel(self, message_id: str) -> None:
        """Take one utterance back by the runner's wish, with the rest of the answer that is being written to it."""
        utterance = self.speaker.find(message_id)
        if utterance is not None:
            if self.answering.writes(utterance):
                self.answering.abandon()
            self.speaker.drop(utterance)
            self._cut_short(utterance, "cancelled")
            self._is_over(utterance)

    def owner_left(self) -> None:
        """The runner is gone: of its streams, what is heard ends with what there is, what is not yet begins anew."""
        for utterance in list(self._streams.values()):
            if utterance.has_begun:
                utterance.close()
            else:
                self.speaker.drop(utterance)
                self._cut_short(utterance, "cancelled")
        self._streams.clear()

    def take_back(self, turn: int) -> None:
        """The early answer to a message is not wanted: the caller has heard nothing of it."""
        self.answering.abandon()
        for utterance in self.speaker.answers(turn):
            self.speaker.drop(utterance)
            self._cut_short(utterance, "continuation")

    def _cut_short(self, utterance: Utterance, reason: str) -> None:
        self._streams.pop(utterance.message_id, None)
        heard = utterance.playhead
        if utterance.item is not None:
            utterance.item.heard_seconds = heard.played_ms / 1000
        words = heard.heard.split()
        if utterance.has_begun or utterance.is_clients:
            self._core.tell(
                speech_events.BotInterrupted,
                message_id=utterance.message_id,
                played_ms=round(heard.played_ms, 1),
                words_spoken=heard.words_heard,
                reason=reason,
                **({"last_word": words[-1]} if words else {}),
            )
        if reason == "continuation" or not heard.heard:
            self._abort(utterance, reason)
        else:
            self._confirm(utterance)
        self._go_on(utterance)

    def _go_on(self, utterance: Utterance) -> None:
        if (then := self._afterwards.pop(utterance.message_id, None)) is not None:
            then()

    def _confirm(self, utterance: Utterance) -> None:
        text = utterance.playhead.heard
        if utterance.record is not None:
            if text:
                utterance.record["content"] = text
            else:
                self._forget(utterance)
        self._core.tell(speech_events.MessageConfirmed, message_id=utterance.message_id, text=text)

    def _abort(self, utterance: Utterance, reason: str) -> None:
        self._forget(utterance)
        if utterance.has_begun or utterance.is_clients:
            self._core.tell(speech_events.MessageAborted, message_id=utterance.message_id, reason=reason)

    def _forget(self, utterance: Utterance) -> None:
        if utterance.record is not None:
            self._core.conversation.forget(utterance.record)

    async def close(self) -> None:
        """Stop making answers. What was being said was heard as far as it went."""
        self._afterwards.clear()
        self.interrupt("cancelled")
        await self.answering.close()

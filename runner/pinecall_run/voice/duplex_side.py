"""The caller's half of a call with a model that hears and speaks itself: it signals turns, and each act is ours.

Turn taking (``turns/``) decides by words; here they come late, often after the answer began, so that turns are as the
model says, and only the limits of a call and its silences are watched as in any other. Words that are not there
``WORDS_SECONDS`` after the turn are not waited for: ``turn.end`` is told without, and ``user.message`` when they come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pinecall_run.audio.chunk import Samples
from pinecall_run.providers.contracts import (
    CallerBegan,
    CallerSaid,
    CallerStopped,
    DuplexEvent,
    ProviderError,
    SecondsHeard,
    TokensUsed,
)
from pinecall_run.turns import inputs
from pinecall_run.turns.rules import TurnRules, rules_of
from pinecall_run.voice.call_core import CallCore, explained
from pinecall_run.voice.call_limits import CallLimits
from pinecall_run.voice.duplex_line import Duplex, DuplexLine
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.speaking import Voice
from pinecall_run.voice.turn_times import TurnTimes
from pinecall_run.wire import events, speech_events

if TYPE_CHECKING:
    from pinecall_run.voice.agent_side import AgentSide
    from pinecall_run.voice.hearing import Guarded

_LOG = logging.getLogger("pinecall_run.voice")

WORDS_SECONDS = 0.6
"""How long the agent waits with an answer for the words that it answers, so that they are told before it."""

NOTICED_SECONDS = 0.5
"""How long the caller may have spoken when the model says that they do."""

_FORGOTTEN: Mapping[str, Any] = {}
"""A message of no history: what the model has of it is deleted."""

_IGNORED = ("stt", "voice", "vad", "turn_detection")
"""Keys of the configuration that mean nothing to such a call (protocol: LLM)."""


@dataclass(eq=False, slots=True)
class _Turn:
    """What the caller said in one go. ``record`` is its message of the history; ``None`` while nobody listened."""

    number: int
    message_id: str
    record: dict[str, Any] | None
    due: float = 0.0
    is_told: bool = False
    """Whether its end was told."""
    is_owed: bool = False
    """Whether it has to be answered when it was heard by another stream."""


class DuplexSide:
    """See :class:`pinecall_run.voice.hearing.Hears` and its ``CallerHalf``, and ``Floor`` of the agent's side."""

    agent: AgentSide

    def __init__(
        self,
        core: CallCore,
        duplexes: Sequence[Duplex],
        guarded: Guarded,
        *,
        clock: Callable[[], float],
        hang_up: Callable[[str], None],
    ) -> None:
        self._core = core
        self._guarded = guarded
        self._clock = clock
        self._hang_up = hang_up
        self._line = DuplexLine(
            duplexes,
            self._on_event,
            self._failed,
            self._on_lost,
            language=lambda: core.language,
            health=core.around.health,
        )
        first = duplexes[0]
        self.ears: Sequence[Ear] = ()
        self.voices = [Voice(first.provider, self._line, first.name, is_billed_by_text=False)]
        core.keep_model(self._line)
        self._rules = self._new_rules()
        self._limits = CallLimits(core, self._rules, clock(), hang_up)
        self._turns: dict[str, _Turn] = {}
        """Those without words yet, by the model's item."""
        self._awaited: _Turn | None = None
        """The one whose words an answer waits for."""
        self._again: list[_Turn] = []
        """Those that another stream is to hear again, and the one that it hears."""
        self._hearing_again: _Turn | None = None
        self._waiting: _Turn | None = None
        """The one that is answered when the agent has finished, where it may not be interrupted."""
        self._number = 0
        self.latest = ""
        self._speaking_since: float | None = None
        self._is_playing = self._is_held = self._is_over = False
        self._muted: list[str] | None = None
        """What was said while nobody listened, where nobody does."""
        self._running: asyncio.Task[None] | None = None
        ignored = [key for key in _IGNORED if core.configuration.get(key)]
        if ignored:
            _LOG.warning("%s: %s mean nothing to a realtime model", core.agent_id, ", ".join(ignored))

    @property
    def caller(self) -> DuplexSide:
        """See :class:`Hears`."""
        return self

    floor = caller

    def begin(self) -> None:
        """See :class:`Hears`."""
        self._running = asyncio.create_task(self._guarded(self._run))

    def greet_later(self) -> None:
        """See :class:`CallerHalf`. Such a model answers whoever speaks first, and a greeting after that answer would be
        one too many: it greets at once."""
        self.agent.greet()

    async def _run(self) -> None:
        if not await self._line.run():
            self._hang_up("error")

    async def close(self) -> None:
        """See :class:`Hears`."""
        self._is_over = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def change(self, changes: Mapping[str, Any]) -> None:
        """See :class:`Hears`."""
        self._rules = self._new_rules()
        self._limits.change(self._rules, self._clock())
        if isinstance(changes.get("language"), str):
            self._line.change_language()
            self._core.tell(speech_events.CallUpdated, language=changes["language"])

    def _new_rules(self) -> TurnRules:
        rules = rules_of(self._core.configuration, has_native_turns=True, has_smart_turn=False)
        return rules.patient() if self._core.is_taken_over else rules

    # the caller's half

    def hear(self, chunk: Samples) -> None:
        """See :class:`CallerHalf`."""
        self._line.hear(chunk)

    def pulse(self, now: float) -> None:
        """See :class:`CallerHalf`."""
        if self._awaited is not None and now >= self._awaited.due:
            self._tell_end(self._awaited, "")
        self._limits.pulse(now)

    def take(self, input: inputs.Input) -> None:
        """See :class:`CallerHalf`."""
        match input:
            case inputs.Typed(text):
                self._on_typed(text)
            case inputs.Muted() if self._muted is None:
                self._muted = []
            case inputs.Unmuted() if self._muted is not None:
                said, self._muted = " ".join(self._muted), None
                self._core.tell(speech_events.CallUnmuted, muted_transcript=said or None)
                if self._speaking_since is not None:
                    self._open_turn()
            case inputs.Held():
                self._is_held = True
                self._speaking_since = self._waiting = self._hearing_again = None
                self._again.clear()
                self._line.forget()
            case inputs.Unheld():
                self._is_held = False
        self._watch()

    @property
    def may_agent_begin(self) -> bool:
        """See :class:`CallerHalf`."""
        return self._awaited is None and (self._speaking_since is None or not self._rules.has_interruption)

    def answered_by(self, in_reply_to: str) -> int:
        """See :class:`CallerHalf`."""
        return self._number if in_reply_to and in_reply_to == self.latest else 0

    def ask_again(self) -> None:
        """See :class:`CallerHalf`: it is the model that answers."""

    def go_on(self) -> None:
        """See :class:`CallerHalf`."""
        if self._speaking_since is None and self._awaited is None and self._core.conversation.is_unanswered:
            self.agent.answering.begin(self._line, self._number, is_final=True)

    # the agent's side (Floor)

    def agent_began(self, message: int) -> None:
        """See :class:`Floor`."""
        self._is_playing = True
        self._watch()

    def agent_pending(self) -> None:
        """See :class:`Floor`."""

    def agent_played(self, seconds: float) -> None:
        """See :class:`Floor`."""

    def agent_ended(self, *, is_all: bool) -> None:
        """See :class:`Floor`."""
        self._is_playing = False
        self._watch()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._answer(waiting)

    def _watch(self) -> None:
        """The caller's silence counts while it is for them to say something."""
        is_theirs = not (self._is_playing or self._is_held) and self._speaking_since is None and self._muted is None
        self._limits.count(is_theirs, self._clock())

    # what the model tells

    def _on_event(self, event: DuplexEvent) -> None:
        match event:
            case TokensUsed():
                self._core.usage.thought((event.provider, event.model), event)
            case SecondsHeard():
                self._core.usage.heard((event.provider, event.model), event.seconds)
            case CallerSaid():
                self._on_said(event)
            case CallerStopped() if self._is_held:
                event.item.message = _FORGOTTEN
            case _ if self._is_over or self._is_held:
                pass
            case CallerBegan():
                self._on_began()
            case CallerStopped():
                self._on_stopped(event)

    def _on_began(self) -> None:
        if self._again:
            self._hearing_again = self._again.pop(0)
            return
        if self._speaking_since is not None:  # it goes on, for another stream
            return
        now = self._speaking_since = self._clock()
        self._limits.spoke(now)
        self._watch()
        if self._muted is not None:
            return
        if self._awaited is not None:
            self._tell_end(self._awaited, "")
        self._open_turn()
        if self._rules.has_interruption:
            self._interrupt()

    def _open_turn(self) -> None:
        self._number += 1
        self._tell(speech_events.SpeechStarted, turn_id=self._number, confidence=1.0, timestamp=self._epoch())

    def _interrupt(self) -> None:
        self.agent.interrupt("user_spoke")
        self._is_playing = False

    def _on_stopped(self, event: CallerStopped) -> None:
        now = self._clock()
        again, self._hearing_again = self._hearing_again, None
        if again is not None:
            self._take_up(again, event)
            return
        began, self._speaking_since = self._speaking_since, None
        self._watch()
        if self._muted is not None:
            event.item.message = _FORGOTTEN
            self._turns[event.item.id] = _Turn(0, "", None)
            return
        duration = 0.0 if began is None else round(max(0.0, now - began - event.quiet) * 1000, 1)
        self._tell(speech_events.SpeechEnded, turn_id=self._number, duration_ms=duration, timestamp=self._epoch())
        turn = self._awaited = self._new_turn("")
        turn.due = now + WORDS_SECONDS
        turn.is_owed = True
        self._take_up(turn, event)

    def _take_up(self, turn: _Turn, event: CallerStopped) -> None:
        """The model has heard a turn: it answers it, unless it has."""
        event.item.message = turn.record
        self._turns[event.item.id] = turn
        if turn.is_owed:
            turn.is_owed = False
            self._answer(turn, event.quiet)

    def _on_lost(self) -> None:
        """The stream has ended: turns without words are heard again by the next one. One that was being answered is
        answered anew, for the model did not know what was said."""
        if self._is_over:
            return
        current = [] if self._hearing_again is None else [self._hearing_again]
        pending = [turn for turn in self._turns.values() if turn.record is not None]
        self._again = [*pending, *current, *self._again]
        self._turns.clear()
        self._hearing_again = None
        if self._again and (self.agent.answering.is_busy or self._waiting is not None):
            self._again[-1].is_owed = True
            self._waiting = None
            self.agent.answering.abandon()

    def _on_said(self, event: CallerSaid) -> None:
        turn = self._turns.get(event.item.id)
        if not event.is_final:
            if self._muted is None:
                number = self._number if turn is None else turn.number
                self._tell(speech_events.UserSpeaking, turn_id=number, text=event.text, confidence=1.0)
            return
        self._turns.pop(event.item.id, None)
        if not (self._turns or self._again or self._hearing_again):
            since = self._speaking_since
            self._line.understood(0.0 if since is None else self._clock() - since + NOTICED_SECONDS)
        if turn is None:
            return
        if turn.record is None:
            if self._muted is not None and event.text:
                self._muted.append(event.text)
            return
        self._put_into_words(turn, event)

    def _put_into_words(self, turn: _Turn, event: CallerSaid) -> None:
        if event.text and turn.record is not None:
            turn.record["content"] = event.text
            told = {"turn_id": turn.number, "message_id": turn.message_id, "text": event.text}
            self._tell(events.UserMessage, **told, confidence=1.0)
        elif turn.record is not None:  # the model has heard it all the same
            event.item.message = None
            self._core.conversation.forget(turn.record)
        if self.agent.times is not None and self.agent.times.turn_id == turn.number:
            self.agent.times.note("transcript", self._clock())
        if not turn.is_told:
            self._tell_end(turn, event.text)

    # turns

    def _on_typed(self, text: str) -> None:
        self._number += 1
        self._limits.spoke(self._clock())
        if self._awaited is not None:
            self._tell_end(self._awaited, "")
        self._interrupt()
        turn = self._new_turn(text)
        told = {"turn_id": turn.number, "message_id": turn.message_id, "text": text}
        self._tell(events.UserMessage, **told, confidence=1.0)
        self._tell_end(turn, text)
        self._answer(turn)

    def _new_turn(self, text: str) -> _Turn:
        self.latest = self._core.around.new_id()
        return _Turn(self._number, self.latest, self._core.conversation.begin("user", text))

    def _tell_end(self, turn: _Turn, text: str) -> None:
        turn.is_told = True
        if self._awaited is turn:
            self._awaited = None
        latency = max(0.0, self._clock() - (turn.due - WORDS_SECONDS)) if turn.due else 0.0
        told = {"turn_id": turn.number, "message_id": turn.message_id, "text": text}
        self._tell(events.TurnEnd, **told, latency_ms=round(latency * 1000, 1))

    def _answer(self, turn: _Turn, quiet: float = 0.0) -> None:
        if self._core.is_taken_over:
            return
        if not self._rules.has_interruption and (self._is_playing or self.agent.speaker.is_busy):
            self._waiting = turn
            return
        now = self._clock()
        self.agent.times = TurnTimes(turn.number, now - quiet)
        self.agent.times.note("decided", now)
        self.agent.answering.begin(self._line, turn.number, is_final=True)

    def _failed(self, provider: str, error: ProviderError, next: str) -> None:
        told = {"stage": "llm", "provider": provider, "error": explained(error), "next": next}
        self._core.tell(speech_events.ProviderFailed, **told)

    def _tell(self, kind: type[events.CallEvent], **fields: Any) -> None:
        self._core.tell(kind, **fields)

    def _epoch(self) -> float:
        return round(self._core.around.clock(), 3)

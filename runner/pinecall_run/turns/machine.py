"""Turn taking of one call: what is heard and played goes in, what is to be told and done comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from operator import itemgetter
from typing import Any

from pinecall_run.turns import actions as act
from pinecall_run.turns import inputs
from pinecall_run.turns.ending import ASK, HUSH
from pinecall_run.turns.floor import TAKING, Floor
from pinecall_run.turns.foreground import Foreground
from pinecall_run.turns.gate import Gate
from pinecall_run.turns.idle import IdleWatch
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.said import Said
from pinecall_run.turns.transitions import State, Trigger
from pinecall_run.turns.turn import UNREAD

LOWER = 0.7
"""A voice goes on down to this part of the threshold that it had to begin with."""

_RESUMABLE = frozenset({State.ANALYZING, State.PAUSED, State.PENDING})

_Opened = Callable[[float, float], None]
_Timer = tuple[float, Callable[[float], None]]


class TurnMachine:
    """Decides whose go it is.

    Its driver hands over what happens with :meth:`handle`, calls :meth:`tick` at :meth:`deadline`, and carries out the
    actions of both in their order. After :class:`~pinecall_run.turns.actions.TurnContinued`, and after a message with a
    higher number, what was begun for an older message is void.
    """

    def __init__(self, rules: TurnRules, now: float, *, language: str = "en") -> None:
        self._floor = Floor(rules, now, language)
        self._speech = self._floor.speech
        self._foreground = Foreground()
        self._began = now
        self._muted: Said | None = None
        self._is_held = False
        self._idle = IdleWatch(rules, now)
        self._gates: tuple[tuple[Gate, _Opened], ...] = ()
        self._due = now
        self.change(rules, now)

    @property
    def state(self) -> State:
        """Whose go it is."""
        return self._floor.state

    @property
    def is_listening(self) -> bool:
        """Whether the caller speaks, or has not finished: only then may their silence come to something."""
        return self._speech.is_on or self.state in TAKING

    @property
    def is_owing(self) -> bool:
        """Whether the caller waits for a reply of which nothing was heard yet."""
        return self._floor.is_owing

    def change(self, rules: TurnRules, now: float, *, language: str = "") -> None:
        """Other rules hold from now on, and another language is spoken where one is given (BCP-47)."""
        self._floor.language = language or self._floor.language
        self._rules = self._floor.rules = rules
        self._lower = rules.threshold * LOWER
        self._start = Gate(rules.min_speech_seconds, rules.threshold, 0.0)
        self._resume = Gate(rules.resume_min_seconds, rules.threshold, rules.resume_min_volume)
        self._barge = Gate(rules.interruption_min_seconds, rules.interruption_confidence, rules.interruption_min_volume)
        self._idle.change(rules, now)
        self._attend(now)
        self._due = inf if self.state is State.OVER else now

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called at the latest."""
        return None if self._due == inf else self._due

    def tick(self, now: float) -> Sequence[act.Action]:
        """Time passed."""
        self._catch_up(now)
        return self._drained()

    def handle(self, happened: inputs.Input, now: float) -> Sequence[act.Action]:
        """Something happened."""
        if now >= self._due:
            self._catch_up(now)
        if type(happened) is inputs.Voice:
            self._hear(happened, now)
        elif type(happened) is inputs.AgentPlayed:  # fifty times a second, and nothing is due by it
            self._floor.played = happened.seconds
        elif self.state is not State.OVER:
            _HANDLERS[type(happened)](self, happened, now)
            self._attend(now)
            self._catch_up(now)
        return self._drained() if self._floor.out else ()

    def _drained(self) -> Sequence[act.Action]:
        out, self._floor.out = self._floor.out, []
        return out

    def _attend(self, now: float) -> None:
        """What the caller's voice may bring about in this state, and whether their silence counts."""
        state, is_on, is_deaf = self.state, self._speech.is_on, self._is_deaf
        self._idle.run(state is not State.SPEAKING and not is_on and not is_deaf, now)
        gates: list[tuple[Gate, _Opened]] = []
        if not is_deaf:
            if state in (State.IDLE, State.SPEAKING) and not is_on:
                gates.append((self._start, self._voice_lasts))
            if state is State.SPEAKING and self._rules.has_interruption:
                gates.append((self._barge, self._barge_in))
            if state in _RESUMABLE or (state is State.LISTENING and self._floor.turn.is_eager):
                gates.append((self._resume, self._resumed))
        watched = [gate for gate, _ in self._gates]
        for gate, _ in gates:
            if gate not in watched:  # a voice is measured from when it could bring something about
                gate.reset()
        self._gates = tuple(gates)

    # Time

    def _catch_up(self, now: float) -> None:
        while self.state is not State.OVER:
            self._due, happen = min(self._timers(), key=itemgetter(0))
            if self._due > now:
                return
            happen(now)
            self._attend(now)
        self._due, self._gates = inf, ()

    def _timers(self) -> list[_Timer]:
        rules, speech = self._rules, self._speech
        found: list[_Timer] = [(self._idle.due, self._idle_step)]
        if rules.max_duration_seconds:
            found.append((self._began + rules.max_duration_seconds, self._too_long))
        if speech.is_on:
            found.append((speech.last + rules.min_silence_seconds, self._speech_over))
            if speech.finish_asked != speech.last:
                found.append((speech.last + min(HUSH, rules.min_silence_seconds), self._hush))
        if self.state in TAKING and not self._is_held:
            if rules.mode == "smart_turn" and speech.end_asked != speech.last:
                found.append((speech.last + ASK, self._ask))
            if self.state is not State.LISTENING:
                found.append((self._end_at(), self._waited))
        return found

    def _end_at(self) -> float:
        """When the pause ends the turn. A voice that has begun is given the time to become one."""
        return max(self._floor.end_at(), self._resume.patience if self._resume.run else -inf)

    def _waited(self, now: float) -> None:
        floor = self._floor
        if floor.said.text:
            floor.end_turn(Trigger.FINISHED, floor.probability, now - self._speech.last)
        else:
            floor.dissolve()

    def _hush(self, now: float) -> None:
        self._ask_for_text()
        if self.state is State.LISTENING:
            self._floor.weigh(now)

    def _ask(self, now: float) -> None:
        self._speech.end_asked, self._speech.verdict = self._speech.last, None
        self._floor.out.append(act.AskEndOfTurn())

    def _ask_for_text(self) -> None:
        self._speech.finish_asked = self._speech.last
        if self._rules.mode != "native":  # a vendor that decides about turns is not told where they end
            self._floor.out.append(act.FinishTranscript())

    def _idle_step(self, now: float) -> None:
        step = self._idle.take()
        self._floor.out.append(step)
        if isinstance(step, act.LimitReached):
            self._floor.go(Trigger.LIMIT)

    def _too_long(self, now: float) -> None:
        self._floor.out.append(act.LimitReached("max_duration"))
        self._floor.go(Trigger.LIMIT)

    # The caller's voice

    def _hear(self, voice: inputs.Voice, now: float) -> None:
        probability, volume = voice
        speech = self._speech
        if probability >= self._lower and not self._foreground.has(volume):
            probability = 0.0
        if speech.is_on and probability >= self._lower:
            speech.last = now
            speech.unread += 1
        for gate, opened in self._gates:
            run = gate.run
            if gate.feed(probability, volume, now):
                opened(probability, now)
            elif not run or gate.run:
                continue
            self._attend(now)
            self._catch_up(now)

    def _voice_lasts(self, probability: float, now: float) -> None:
        if self.state is State.IDLE:
            self._floor.begin_turn()
            self._floor.said.forget()
            self._floor.go(Trigger.VOICE)
        self._start_speech(self._start.began, probability, now)

    def _resumed(self, probability: float, now: float) -> None:
        self._start_speech(self._resume.began, probability, now)
        self._floor.resume(Trigger.RESUMED)

    def _barge_in(self, probability: float, now: float) -> None:
        self._start_speech(self._barge.began, probability, now)
        self._floor.take()
        self._floor.go(Trigger.BARGE_IN)

    def _start_speech(self, began: float, confidence: float, now: float) -> None:
        speech = self._speech
        if speech.is_on:
            return
        speech.is_on, speech.began, speech.last, speech.turn_id = True, began, now, self._floor.heard_in
        speech.unread = max(speech.unread, UNREAD)
        self._idle.reset(now)
        self._floor.out.append(act.SpeechStarted(speech.turn_id, confidence))

    def _speech_over(self, now: float) -> None:
        speech, floor = self._speech, self._floor
        speech.is_on = False
        self._idle.reset(now)
        self._idle.run(self.state is not State.SPEAKING, speech.last)
        floor.out.append(act.SpeechEnded(speech.turn_id, speech.last - speech.began))
        if speech.finish_asked != speech.last:
            self._ask_for_text()
        if self.state is State.LISTENING:
            floor.go(Trigger.QUIET)
            floor.weigh(now)

    # The caller's words

    def _partial(self, heard: inputs.Partial, now: float) -> None:
        self._read(lambda said: said.partial(heard.text, heard.confidence), now, is_final=False)

    def _final(self, heard: inputs.Final, now: float) -> None:
        self._read(lambda said: said.final(heard.text, heard.confidence, heard.language), now, is_final=True)

    def _native(self, heard: inputs.NativeTurn, now: float) -> None:
        floor, is_end = self._floor, heard.kind == "ended"
        self._read(lambda said: said.vendors(heard.text, is_end=is_end), now, is_final=is_end)
        if self._rules.mode != "native" or self._is_deaf:
            return
        if is_end:
            self._speech.end_asked, self._speech.verdict = self._speech.last, heard.probability
        if self.state not in TAKING:
            return
        latency = now - self._speech.last
        if is_end and floor.said.text:
            floor.end_turn(Trigger.FINISHED, heard.probability, latency)
        elif heard.kind == "eager" and floor.said.text:
            floor.foretell(heard.probability, latency)
        elif heard.kind == "resumed" and floor.turn.is_eager:
            self._words_heard(now)
            floor.resume(Trigger.WORDS)

    def _read(self, put: Callable[[Said], bool], now: float, *, is_final: bool) -> None:
        """A text came: put it where it belongs, and see what it means in this state."""
        floor = self._floor
        if self._is_deaf:
            if self._muted is not None and not self._is_held:
                put(self._muted)
            return
        is_unheard, has_changed = self._speech.is_read, put(floor.said)
        if is_final:
            self._speech.unread = 0
        if has_changed:
            self._changed(now, is_final=is_final, is_unheard=is_unheard)
            if not is_final and floor.heard_text:
                floor.out.append(act.UserSpeaking(floor.heard_in, floor.heard_text, floor.said.confidence))
        if is_final and self.state in TAKING and self._is_hushed:
            floor.weigh(now)

    def _changed(self, now: float, *, is_final: bool, is_unheard: bool) -> None:
        """There are other words. Those of a voice that went unheard are as good as the voice."""
        floor, is_on = self._floor, self._speech.is_on
        if self.state is State.IDLE:
            if floor.said.aside:
                self._words_begin(now)
        elif self.state in TAKING:
            if floor.turn.is_eager or (is_unheard and not is_on):
                self._words_heard(now)
                floor.resume(Trigger.WORDS)
        elif self.state is State.PENDING:
            if floor.is_interruption(0 if is_final else self._rules.interruption_min_words):
                self._words_heard(now)
                floor.resume(Trigger.RESUMED if is_on else Trigger.WORDS)
        elif self._rules.has_interruption and floor.is_interruption(max(1, self._rules.interruption_min_words)):
            self._words_heard(now)
            floor.take()
            floor.go(Trigger.BARGE_IN if is_on else Trigger.WORDS_IN)

    def _words_begin(self, now: float) -> None:
        if self._start.run:  # a voice that was about to be noticed
            self._voice_lasts(self._floor.said.confidence, now)
            return
        self._floor.begin_turn()
        self._words_heard(now)
        self._floor.go(Trigger.WORDS)

    def _words_heard(self, now: float) -> None:
        if not self._speech.is_on:
            self._speech.last = now
            self._idle.reset(now)

    def _typed(self, heard: inputs.Typed, now: float) -> None:
        floor = self._floor
        if not heard.text.strip():
            return
        self._idle.reset(now)
        if self.state is State.SPEAKING and not self._rules.has_interruption:
            floor.type(heard.text)
            return
        if self.state in (State.PENDING, State.SPEAKING):
            floor.take()
        elif not floor.turn.is_open:
            floor.begin_turn()
        floor.type(heard.text)
        floor.end_turn(Trigger.TYPED, 1.0, 0.0)

    def _verdict(self, heard: inputs.EndOfTurn, now: float) -> None:
        if self.state in TAKING:
            self._speech.verdict = heard.probability
            self._floor.weigh(now)

    # The agent

    def _agent_pending(self, _: inputs.AgentPending, now: float) -> None:
        self._floor.agent_pending()

    def _agent_began(self, happened: inputs.AgentBegan, now: float) -> None:
        self._floor.agent_began(happened.message)

    def _agent_ended(self, happened: inputs.AgentEnded, now: float) -> None:
        if self.state in (State.PENDING, State.SPEAKING):
            self._floor.agent_ended(now, is_all=happened.is_all)

    # Nobody listens

    @property
    def _is_deaf(self) -> bool:
        return self._is_held or self._muted is not None

    @property
    def _is_hushed(self) -> bool:
        """Whether the caller has been silent for long enough that a text is that of the pause."""
        return not self._speech.is_on or self._speech.finish_asked == self._speech.last

    def _mute(self, _: inputs.Muted, now: float) -> None:
        if self._muted is None:
            self._muted = self._deafen(now)

    def _unmute(self, _: inputs.Unmuted, now: float) -> None:
        said, self._muted = self._muted, None
        self._floor.out.append(act.UnmutedWith((said.text or None) if said else None))

    def _hold(self, _: inputs.Held, now: float) -> None:
        self._deafen(now)
        self._is_held = True

    def _unhold(self, _: inputs.Unheld, now: float) -> None:
        self._is_held = False
        if self._floor.turn.is_open:
            self._speech.last = now

    def _deafen(self, now: float) -> Said:
        """The caller is cut short: what was understood is what was said."""
        self._floor.said.take()
        self._speech.unread = 0
        if self._speech.is_on:
            self._speech_over(now)
        return self._floor.said.elsewhere()


_HANDLERS: dict[type[inputs.Input], Callable[[TurnMachine, Any, float], None]] = {
    inputs.Partial: TurnMachine._partial,
    inputs.Final: TurnMachine._final,
    inputs.NativeTurn: TurnMachine._native,
    inputs.Typed: TurnMachine._typed,
    inputs.EndOfTurn: TurnMachine._verdict,
    inputs.AgentPending: TurnMachine._agent_pending,
    inputs.AgentBegan: TurnMachine._agent_began,
    inputs.AgentEnded: TurnMachine._agent_ended,
    inputs.Muted: TurnMachine._mute,
    inputs.Unmuted: TurnMachine._unmute,
    inputs.Held: TurnMachine._hold,
    inputs.Unheld: TurnMachine._unhold,
}

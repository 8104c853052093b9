"""The caller's side of a spoken call: what they say, whose turn it is, and what follows from both."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Protocol

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples
from pinecall_run.audio.level import loudest
from pinecall_run.providers.contracts import Heard, Transcript
from pinecall_run.turns import actions, inputs
from pinecall_run.turns.machine import TurnMachine
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.transitions import State
from pinecall_run.voice.agent_side import AgentSide
from pinecall_run.voice.call_core import CallCore
from pinecall_run.voice.detector import Detection
from pinecall_run.voice.heard_time import HeardTime
from pinecall_run.voice.listening import Listener
from pinecall_run.voice.turn_times import TurnTimes
from pinecall_run.wire import events, speech_events


class Judge(Protocol):
    """A model that says whether the caller has finished."""

    def hear(self, chunk: Samples) -> None:
        """20 ms of the caller."""

    def begin(self) -> None:
        """A turn has begun: what was said in those before it counts no more."""

    def ask(self) -> None:
        """Judge what was heard last; the verdict comes as :class:`inputs.EndOfTurn`."""

    def close(self) -> None:
        """The call is over."""


LOUD_ENOUGH_TO_ASK = 0.1
"""Probability of a voice from which its loudness is worth the arithmetic."""

RECENT = 12
"""Chunks, a quarter of a second, whose loudest says how loud a voice is."""

KEPT = 128
"""Chunks in which those are found that a probability is about: on a busy machine it comes up to two seconds late."""

SILENT_SECONDS = 5.0
"""How long the agent waits for whom it called to say something, before it greets by itself."""

_AGENT_MAY_BEGIN = frozenset((State.IDLE, State.PENDING, State.SPEAKING))


class CallerSide:
    """Hears one caller. ``clock`` is the call's, in seconds; ``hang_up`` ends it with a reason."""

    def __init__(
        self,
        core: CallCore,
        rules: TurnRules,
        *,
        clock: Callable[[], float],
        hang_up: Callable[[str], None],
    ) -> None:
        self._core = core
        self._clock = clock
        self._hang_up = hang_up
        self._heard = HeardTime(clock())
        self._machine = TurnMachine(rules, clock(), language=core.language)
        self._number = 0
        self._record: dict[str, Any] | None = None
        """The message of the model's history that is the caller's current turn."""
        self._recorded = self._recorded_turn = 0
        self._recent: deque[Samples] = deque([SILENCE], KEPT)
        self._times: TurnTimes | None = None
        self._ended: dict[str, Any] = {}
        """What was told of the last turn that ended."""
        self.latest = ""
        """The id of the message that a reply would answer now."""
        self.agent: AgentSide
        self.listener: Listener
        self.detection: Detection
        self.judge: Judge | None = None
        self._greets_by: float | None = None
        """When the agent greets at the latest, if it waits for the caller to speak first."""
        self._judged = 0
        """The turn that the judge was told of last."""

    # in

    def hear(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        self._heard.hear()
        self._recent.append(chunk)
        self.detection.hear(chunk)
        if self.judge is not None:
            self.judge.hear(chunk)
        self.listener.hear(chunk)

    def on_probability(self, probability: float) -> None:
        """How probable a voice is in the next window of 32 ms."""
        volume = self._volume() if probability >= LOUD_ENOUGH_TO_ASK else 0.0
        self.take(inputs.Voice(probability, volume))

    def on_verdict(self, probability: float) -> None:
        """How probably the caller has finished, as the judge says."""
        self.take(inputs.EndOfTurn(probability))

    def on_heard(self, heard: Heard) -> None:
        """Something was understood."""
        if not isinstance(heard, Transcript):
            self.take(inputs.NativeTurn(heard.kind, heard.text, heard.probability))
        elif heard.is_final:
            self.take(inputs.Final(heard.text, heard.confidence, heard.language))
        else:
            self.take(inputs.Partial(heard.text, heard.confidence))

    def pulse(self, now: float) -> None:
        """Time passed."""
        if self._greets_by is not None and now >= self._greets_by and self._machine.state is State.IDLE:
            self._greet()
        self._heard.beat(now)
        heard, deadline = self._heard_time(), self._machine.deadline()
        if deadline is not None and heard >= deadline:
            self._do(self._machine.tick(heard))

    def greet_later(self) -> None:
        """Have the agent greet when the caller has said something, or nothing for some seconds."""
        if self._core.greeting:
            self._greets_by = self._clock() + SILENT_SECONDS

    def _greet(self) -> None:
        self._greets_by = None
        self.agent.greet()

    def change(self, rules: TurnRules) -> None:
        """Take turns by these rules from now on."""
        self._machine.change(rules, self._heard_time(), language=self._core.language)

    def ask_again(self) -> None:
        """The runner is back: it is to answer what it has not, where that is for it to do."""
        is_owed = self._machine.is_owing and not self.agent.speaker.answers(self._number)
        if is_owed and self._core.model is None:
            self._ask_runner()

    def _ask_runner(self) -> None:
        """Tell the runner of the last turn once more; the page knows already."""
        said = {key: self._ended[key] for key in ("turn_id", "message_id", "text")}
        self._core.around.tell_owner(self._core.event(events.UserMessage, **said))
        self._core.around.tell_owner(self._core.event(events.TurnEnd, **self._ended))

    def answered_by(self, in_reply_to: str) -> int:
        """The number of the message that a runner's reply answers; 0 where it answers none."""
        return self._number if in_reply_to and in_reply_to == self.latest else 0

    @property
    def may_agent_begin(self) -> bool:
        """Whether an utterance may begin: not while the caller has the turn."""
        return self._machine.state in _AGENT_MAY_BEGIN

    # the agent's side (Floor)

    def agent_began(self, message: int) -> None:
        """See :class:`Floor`."""
        self.take(inputs.AgentBegan(message))

    def agent_pending(self) -> None:
        """See :class:`Floor`."""
        self.take(inputs.AgentPending())

    def agent_played(self, seconds: float) -> None:
        """See :class:`Floor`."""
        self.take(inputs.AgentPlayed(seconds))

    def agent_ended(self, *, is_all: bool) -> None:
        """See :class:`Floor`."""
        self.take(inputs.AgentEnded(is_all))

    # out

    def take(self, input: inputs.Input) -> None:
        """Something happened: what follows from it is done at once."""
        done = self._machine.handle(input, self._heard_time())
        if done:
            self._do(done)

    def _do(self, done: Sequence[actions.Action]) -> None:
        for action in done:
            _ACTIONS[type(action)](self, action)

    def _heard_time(self) -> float:
        # The limits of a call wait for no detector: where a recording comes at twenty times its pace, none can follow.
        return self._heard.at(self._clock(), self.detection.behind if self._machine.is_listening else 0)

    def _tell(self, kind: type[events.CallEvent], **fields: Any) -> None:
        self._core.tell(kind, **fields)

    def _volume(self) -> float:
        """How loud the window is that the detector speaks of, with what was before it."""
        end = max(len(self._recent) - self.detection.behind // CHUNK_SAMPLES, 1)
        return loudest(list(islice(self._recent, max(end - RECENT, 0), end)))

    def _epoch(self) -> float:
        return round(self._core.around.clock(), 3)

    def _id(self, message: int) -> str:
        if message != self._number:
            self._number = message
            self.latest = self._core.around.new_id()
        return self.latest

    def _on_speech_started(self, action: actions.SpeechStarted) -> None:
        if self.judge is not None and action.turn_id != self._judged:
            self._judged = action.turn_id
            self.judge.begin()
        confidence = round(action.confidence, 3)
        self._tell(speech_events.SpeechStarted, turn_id=action.turn_id, confidence=confidence, timestamp=self._epoch())

    def _on_speech_ended(self, action: actions.SpeechEnded) -> None:
        duration = round(action.duration * 1000, 1)
        self._tell(speech_events.SpeechEnded, turn_id=action.turn_id, duration_ms=duration, timestamp=self._epoch())

    def _on_speaking(self, action: actions.UserSpeaking) -> None:
        self._tell(speech_events.UserSpeaking, turn_id=action.turn_id, text=action.text, confidence=action.confidence)

    def _on_message(self, action: actions.UserMessage) -> None:
        self._tell(
            events.UserMessage,
            turn_id=action.turn_id,
            message_id=self._id(action.message),
            text=action.text,
            confidence=round(action.confidence, 3),
        )

    def _on_eager(self, action: actions.EagerTurn) -> None:
        self._begin_times(action.turn_id, action.latency)
        self._tell(
            speech_events.EagerTurn,
            turn_id=action.turn_id,
            message_id=self._id(action.message),
            text=action.text,
            probability=round(action.probability, 3),
            latency_ms=round(action.latency * 1000, 1),
        )
        self._answer(action, is_final=False)

    def _on_ended(self, action: actions.TurnEnded) -> None:
        self._begin_times(action.turn_id, action.latency)
        if self._times is not None:
            self._times.note("decided", self._clock())
        self._ended = {
            "turn_id": action.turn_id,
            "message_id": self._id(action.message),
            "text": action.text,
            "probability": round(action.probability, 3),
            "latency_ms": round(action.latency * 1000, 1),
        }
        self._tell(events.TurnEnd, **self._ended)
        self._answer(action, is_final=True)

    def _begin_times(self, turn_id: int, latency: float) -> None:
        now = self._clock()
        if self._times is None or self._times.turn_id != turn_id or self._times.decided is not None:
            self._times = TurnTimes(turn_id, now - latency)
        self._times.note("transcript", now)
        self.agent.times = self._times

    def _answer(self, turn: actions.EagerTurn | actions.TurnEnded, *, is_final: bool) -> None:
        """Have a message answered; what was begun for it early is taken if it is the same that was said."""
        message, text = turn.message, turn.text
        if self._greets_by is not None and not self._core.is_taken_over:
            if is_final:
                self._keep(turn.turn_id, text)
                self._greet()
            return
        is_same = self._recorded == message and self._record is not None and self._record["content"] == text
        if is_final and is_same and self.agent.answering.confirm(message):
            return
        if self._recorded and not (is_final and is_same):
            self.agent.take_back(self._recorded)
        self._keep(turn.turn_id, text)
        self._recorded = message
        self._begin_answer(message, is_final=is_final)

    def _begin_answer(self, message: int, *, is_final: bool) -> None:
        model = self._core.model
        if self._core.is_taken_over:
            if is_final:
                self.agent.answer_over()
        elif model is not None:
            self.agent.answering.begin(model, message, is_final=is_final)

    def go_on(self) -> None:
        """See :class:`CallerHalf`."""
        is_theirs = self._machine.state is State.IDLE and self._core.conversation.is_unanswered
        if is_theirs and self._core.model is not None:
            self._begin_answer(self._number, is_final=True)
        elif is_theirs and self._ended:
            self._ask_runner()

    def _keep(self, turn_id: int, text: str) -> None:
        """Keep what the caller said; a turn that goes on is one message, unless the runner has taken it out."""
        is_there = any(message is self._record for message in self._core.conversation.messages)
        if self._record is None or turn_id != self._recorded_turn or not is_there:
            self._record = self._core.conversation.begin("user")
            self._recorded_turn = turn_id
        self._record["content"] = text

    def _on_paused(self, action: actions.TurnPaused) -> None:
        latency = round(action.latency * 1000, 1)
        probability = round(action.probability, 3)
        self._tell(speech_events.TurnPause, turn_id=action.turn_id, probability=probability, latency_ms=latency)

    def _on_resumed(self, action: actions.TurnResumed) -> None:
        self._tell(speech_events.TurnResumed, turn_id=action.turn_id, timestamp=self._epoch())

    def _on_continued(self, action: actions.TurnContinued) -> None:
        self._times = None  # what was measured is void, too
        self._tell(speech_events.TurnContinued, turn_id=action.turn_id, timestamp=self._epoch())

    def _on_interrupt(self, action: actions.Interrupt) -> None:
        self.agent.interrupt(action.reason)

    def _on_finish(self, action: actions.FinishTranscript) -> None:
        self.listener.finish()

    def _on_ask(self, action: actions.AskEndOfTurn) -> None:
        if self.judge is not None:
            self.judge.ask()

    def _on_warning(self, action: actions.IdleWarning) -> None:
        self._tell(
            speech_events.IdleWarning,
            remaining_seconds=action.remaining,
            idle_timeout_seconds=action.timeout,
        )

    def _on_limit(self, action: actions.LimitReached) -> None:
        self._tell(speech_events.SessionTimeout, reason=action.reason)
        self._hang_up(action.reason)

    def _on_unmuted(self, action: actions.UnmutedWith) -> None:
        self._tell(speech_events.CallUnmuted, muted_transcript=action.transcript)


_ACTIONS: dict[type[actions.Action], Callable[[CallerSide, Any], None]] = {
    actions.SpeechStarted: CallerSide._on_speech_started,
    actions.SpeechEnded: CallerSide._on_speech_ended,
    actions.UserSpeaking: CallerSide._on_speaking,
    actions.UserMessage: CallerSide._on_message,
    actions.EagerTurn: CallerSide._on_eager,
    actions.TurnPaused: CallerSide._on_paused,
    actions.TurnEnded: CallerSide._on_ended,
    actions.TurnResumed: CallerSide._on_resumed,
    actions.TurnContinued: CallerSide._on_continued,
    actions.FinishTranscript: CallerSide._on_finish,
    actions.AskEndOfTurn: CallerSide._on_ask,
    actions.Interrupt: CallerSide._on_interrupt,
    actions.UnmutedWith: CallerSide._on_unmuted,
    actions.IdleWarning: CallerSide._on_warning,
    actions.LimitReached: CallerSide._on_limit,
}

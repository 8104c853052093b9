"""Whose go it is: the state, the caller's turn with its texts, and what is told of both."""

from __future__ import annotations

from pinecall_run.turns import actions as act
from pinecall_run.turns.ending import end_at, is_settled
from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.said import Said
from pinecall_run.turns.transitions import TABLE, State, Trigger
from pinecall_run.turns.turn import Speech, Turn
from pinecall_run.turns.words import is_backchannel, look, words

FORETOLD = 0.5
"""How probably a turn has to be over for a model to begin before it is."""

ANSWERING = 0.5
"""What is said in the agent's last half second answers it, even if it is no more than "yes"."""

TAKING = frozenset({State.LISTENING, State.ANALYZING, State.PAUSED})
"""The caller's turn is open, and the agent is silent."""


class Floor:
    """The caller's turn and the agent's, moved by what :class:`~pinecall_run.turns.machine.TurnMachine` notices.

    Attributes:
        out: what is to be done and told, in order.
        played: how much of the agent's utterance was heard.
        is_owing: whether a reply is being made that has not begun.
        language: of the call, a BCP-47 tag; the speech to text may tell another.
    """

    def __init__(self, rules: TurnRules, now: float, language: str) -> None:
        self.rules = rules
        self.state = State.IDLE
        self.turn = Turn(0, 0, is_open=False)
        self.said = Said()
        self.speech = Speech(now)
        self.out: list[act.Action] = []
        self.played = 0.0
        self.is_owing = False
        self._is_signalled = False
        self._is_answer = False
        self._is_typed = False
        self.language = language

    def go(self, trigger: Trigger) -> None:
        """Move by the table.

        Raises:
            KeyError: there is no such way; a bug.
        """
        self.state = TABLE[self.state, trigger].target

    # The turn

    def begin_turn(self) -> None:
        """A turn begins, with what was said over the agent."""
        self.turn = Turn(self.turn.id + 1, self.turn.message + 1)
        self.said.begin()

    def type(self, text: str) -> None:
        """The caller wrote."""
        self.said.typed(text)
        self._is_typed = True

    def end_turn(self, trigger: Trigger, probability: float, latency: float) -> None:
        """The caller has finished."""
        turn = self.turn
        self.said.take()
        self.tell(latency)
        self.go(trigger)
        text = self.said.text
        self.out.append(
            act.TurnEnded(turn.id, turn.message, text, probability, latency, is_continuation=turn.has_ended)
        )
        self.said.mark()
        turn.end()
        self.speech.unread = 0
        self._is_typed = False
        self._is_signalled = True
        self.is_owing, self.played = True, 0.0

    def dissolve(self) -> None:
        """It was no turn."""
        self.go(Trigger.NOTHING)
        self.turn.close()
        self._continue()

    def resume(self, trigger: Trigger) -> None:
        """The caller goes on."""
        if self.state is State.PENDING:
            self.take()
        was = self.state
        self.go(trigger)
        if was is State.PAUSED:
            self.out.append(act.TurnResumed(self.turn.id))
        self._continue()

    def take(self) -> None:
        """The caller takes the floor from the agent: for the turn that was answered too early, or for the next."""
        is_early = self.played < self.rules.continuation_seconds
        self.out.append(act.Interrupt("continuation" if is_early else "user_spoke"))
        if is_early and self.turn.is_waiting:
            self.turn.reopen()
        elif not self.turn.is_open:
            self.begin_turn()
        self.is_owing, self.played = False, 0.0
        self._continue()

    def _continue(self) -> None:
        """What was begun for the turn so far is void."""
        self.turn.is_eager = False
        if self._is_signalled:
            self._is_signalled = False
            self.turn.message += 1
            self.out.append(act.TurnContinued(self.turn.id))

    def agent_pending(self) -> None:
        """A reply goes on."""
        if self.state is State.IDLE:
            self.go(Trigger.AGENT_PENDING)
            self._is_signalled = self.turn.has_ended
        self.is_owing = self.state in (State.PENDING, State.SPEAKING)

    def agent_began(self, message: int) -> None:
        """An utterance is heard."""
        self.played = 0.0
        self._is_answer = message == self.turn.message
        if self._is_answer or not self.turn.is_waiting:
            self.is_owing = False
        self.go(Trigger.AGENT_BEGAN)

    def agent_ended(self, now: float, *, is_all: bool) -> None:
        """The utterance was heard, or there is no reply: what the caller said meanwhile becomes their turn."""
        self.played = 0.0
        if self.state is State.SPEAKING and self.is_owing and not is_all:
            self.turn.is_waiting &= not self._is_answer
            self.go(Trigger.ENDED_OWING)
            return
        self.is_owing = self.turn.is_waiting = self._is_signalled = False
        if not (self.speech.is_on or self.turn.is_open or self._was_answered(now)):
            self.said.drop()
            self.go(Trigger.AGENT_ENDED)
            return
        if not self.turn.is_open:
            self.begin_turn()
        self.go(Trigger.ENDED_TALKED_OVER if self.speech.is_on else Trigger.ENDED_ANSWERED)
        if self.state is State.ANALYZING:
            self.weigh(now)

    def _was_answered(self, now: float) -> bool:
        """Whether what was said over the agent is more than a sign of listening, or may yet turn out to be."""
        since, said = now - self.speech.last, self.said.aside
        if self._is_typed:
            return True
        if not said:
            return not self.speech.is_read and since < self.rules.max_silence_seconds
        return since < ANSWERING or not self._is_backchannel(said)

    # What was said

    @property
    def tongue(self) -> str:
        """The language that is spoken, a BCP-47 tag."""
        return self.said.language or self.language

    @property
    def probability(self) -> float:
        """How probably the turn is over: what the model says, else what the text looks like."""
        verdict = self.speech.verdict
        return look(self.said.text, self.tongue).probability if verdict is None else verdict

    @property
    def heard_in(self) -> int:
        """The turn that what is said now belongs to, or would."""
        return self.turn.id + (not self._is_of_turn)

    @property
    def heard_text(self) -> str:
        """What that turn's text would be."""
        return self.said.text if self._is_of_turn else self.said.aside

    @property
    def _is_of_turn(self) -> bool:
        return self.turn.is_open or (self.turn.is_waiting and self.played < self.rules.continuation_seconds)

    def is_interruption(self, least: int) -> bool:
        """Whether what was said meanwhile is worth the floor. A late text that replaces the turn's last words is."""
        said = self.said.aside
        return (len(words(said)) >= least and not self._is_backchannel(said)) if said else not least

    def _is_backchannel(self, said: str) -> bool:
        return self.rules.has_backchannel_filter and is_backchannel(said, self.tongue)

    # The pause

    def end_at(self) -> float:
        """When the pause ends the turn."""
        is_paused = self.state is State.PAUSED
        return end_at(self.rules, self.speech, self.said, language=self.tongue, is_paused=is_paused)

    def weigh(self, now: float) -> None:
        """Tell a text that is final, and what it, or the model, says of the turn's end."""
        verdict, latency = self.speech.verdict, now - self.speech.last
        is_asked = self.rules.mode == "smart_turn" and self.state is State.ANALYZING
        if is_asked and verdict is not None and verdict < self.rules.smart_turn_threshold:
            self.go(Trigger.UNFINISHED)
            self.out.append(act.TurnPaused(self.turn.id, verdict, latency))
        if not self.said.text or not is_settled(self.speech, self.said):
            return
        self.tell(latency)
        probability = look(self.said.text, self.tongue).probability
        if self.rules.mode == "silence" and probability >= FORETOLD and self.end_at() > now:
            self.foretell(probability, latency)

    def tell(self, lag: float) -> None:
        """The turn's text, unless it was told."""
        turn, said = self.turn, self.said
        if (told := (turn.message, said.text)) != turn.told:
            turn.told = told
            self.out.append(act.UserMessage(turn.id, *told, said.confidence, lag, said.language))

    def foretell(self, probability: float, latency: float) -> None:
        """The turn is probably over."""
        turn = self.turn
        if self.rules.has_eager and not turn.is_eager:
            turn.is_eager = self._is_signalled = True
            self.tell(latency)
            self.out.append(act.EagerTurn(turn.id, turn.message, self.said.text, probability, latency))

"""The states of turn taking and what leads from one to another: a table that the machine obeys and the docs print."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class State(Enum):
    """Whose go it is (protocol 7.1)."""

    IDLE = "idle"
    LISTENING = "listening"
    ANALYZING = "analyzing"
    PAUSED = "paused"
    PENDING = "pending"
    SPEAKING = "speaking"
    OVER = "over"


class Trigger(Enum):
    """What moves it."""

    VOICE = "a voice lasts `min_speech_ms`"
    WORDS = "words are understood of a voice that was not noticed"
    QUIET = "the voice is gone for `min_silence_ms`"
    RESUMED = "a loud enough voice lasts `resume_min_ms`"
    UNFINISHED = "the model says: unfinished"
    FINISHED = "the turn is over"
    NOTHING = "nothing was understood"
    TYPED = "the caller writes"
    BARGE_IN = "the caller interrupts by voice"
    WORDS_IN = "the caller interrupts by words"
    AGENT_PENDING = "a reply is being made"
    AGENT_BEGAN = "the agent is heard"
    AGENT_ENDED = "the agent has finished"
    ENDED_OWING = "the agent has finished something else; the reply is still being made"
    ENDED_TALKED_OVER = "the agent has finished; the caller is talking"
    ENDED_ANSWERED = "the agent has finished; the caller said something meanwhile"
    LIMIT = "a session limit is reached"


class Row(NamedTuple):
    """What comes of a trigger: the next state, the frames that tell it, and a word of explanation."""

    target: State
    frames: tuple[str, ...] = ()
    note: str = ""


_INTERRUPTED = ("Interrupt", "TurnContinued")
_TURN = ("UserMessage", "TurnEnded")

TABLE: dict[tuple[State, Trigger], Row] = {
    (State.IDLE, Trigger.VOICE): Row(State.LISTENING, ("SpeechStarted",), "a new turn"),
    (State.IDLE, Trigger.WORDS): Row(State.ANALYZING, (), "a new turn: a soft voice"),
    (State.IDLE, Trigger.TYPED): Row(State.PENDING, _TURN, "a new turn"),
    (State.IDLE, Trigger.AGENT_PENDING): Row(State.PENDING, (), "after a tool, or unasked"),
    (State.IDLE, Trigger.AGENT_BEGAN): Row(State.SPEAKING, (), "a greeting, a question whether anybody is there"),
    (State.LISTENING, Trigger.QUIET): Row(State.ANALYZING, ("SpeechEnded", "UserMessage", "EagerTurn")),
    (State.LISTENING, Trigger.RESUMED): Row(State.LISTENING, ("TurnContinued",), "after `EagerTurn` in a short pause"),
    (State.LISTENING, Trigger.WORDS): Row(State.LISTENING, ("TurnContinued",), "after `EagerTurn` in a short pause"),
    (State.LISTENING, Trigger.FINISHED): Row(State.PENDING, _TURN, "the speech to text knows before the silence does"),
    (State.LISTENING, Trigger.TYPED): Row(State.PENDING, _TURN, "with what was said so far"),
    (State.LISTENING, Trigger.AGENT_BEGAN): Row(State.SPEAKING, (), "something unasked; the turn stays open"),
    (State.ANALYZING, Trigger.RESUMED): Row(State.LISTENING, ("SpeechStarted", "TurnContinued"), "the same turn"),
    (State.ANALYZING, Trigger.WORDS): Row(State.ANALYZING, ("TurnContinued",), "the same turn"),
    (State.ANALYZING, Trigger.UNFINISHED): Row(State.PAUSED, ("TurnPaused",), "mode `smart_turn`"),
    (State.ANALYZING, Trigger.FINISHED): Row(State.PENDING, _TURN),
    (State.ANALYZING, Trigger.NOTHING): Row(State.IDLE, (), "a cough: no turn"),
    (State.ANALYZING, Trigger.TYPED): Row(State.PENDING, _TURN, "with what was said so far"),
    (State.ANALYZING, Trigger.AGENT_BEGAN): Row(State.SPEAKING, (), "something unasked; the turn stays open"),
    (State.PAUSED, Trigger.RESUMED): Row(State.LISTENING, ("SpeechStarted", "TurnResumed"), "the same turn"),
    (State.PAUSED, Trigger.WORDS): Row(State.ANALYZING, ("TurnResumed",), "the same turn"),
    (State.PAUSED, Trigger.FINISHED): Row(State.PENDING, _TURN, "`max_silence_seconds`"),
    (State.PAUSED, Trigger.NOTHING): Row(State.IDLE, (), "a cough: no turn"),
    (State.PAUSED, Trigger.TYPED): Row(State.PENDING, _TURN, "with what was said so far"),
    (State.PAUSED, Trigger.AGENT_BEGAN): Row(State.SPEAKING, (), "something unasked; the turn stays open"),
    (State.PENDING, Trigger.RESUMED): Row(State.LISTENING, ("SpeechStarted", *_INTERRUPTED), "the same turn goes on"),
    (State.PENDING, Trigger.WORDS): Row(State.ANALYZING, _INTERRUPTED, "the same turn goes on: a late transcript"),
    (State.PENDING, Trigger.TYPED): Row(State.PENDING, (*_INTERRUPTED, *_TURN), "the same turn goes on, and ends"),
    (State.PENDING, Trigger.AGENT_BEGAN): Row(State.SPEAKING),
    (State.PENDING, Trigger.AGENT_ENDED): Row(State.IDLE, (), "there is no reply"),
    (State.PENDING, Trigger.ENDED_TALKED_OVER): Row(State.LISTENING, (), "there is no reply; a new turn"),
    (State.PENDING, Trigger.ENDED_ANSWERED): Row(State.ANALYZING, (), "there is no reply; a new turn"),
    (State.SPEAKING, Trigger.BARGE_IN): Row(State.LISTENING, ("SpeechStarted", *_INTERRUPTED), "early: the same turn"),
    (State.SPEAKING, Trigger.WORDS_IN): Row(State.ANALYZING, _INTERRUPTED, "early: the same turn"),
    (State.SPEAKING, Trigger.TYPED): Row(State.PENDING, (*_INTERRUPTED, *_TURN), "unless interruption is off"),
    (State.SPEAKING, Trigger.AGENT_BEGAN): Row(State.SPEAKING, (), "the next utterance"),
    (State.SPEAKING, Trigger.AGENT_ENDED): Row(State.IDLE, (), "a backchannel meanwhile is no turn"),
    (State.SPEAKING, Trigger.ENDED_OWING): Row(State.PENDING),
    (State.SPEAKING, Trigger.ENDED_TALKED_OVER): Row(State.LISTENING, (), "a new turn, begun meanwhile"),
    (State.SPEAKING, Trigger.ENDED_ANSWERED): Row(State.ANALYZING, (), "a new turn"),
    **{
        (state, Trigger.LIMIT): Row(State.OVER, ("LimitReached",), "hang up")
        for state in State
        if state is not State.OVER
    },
}  # fmt: skip
"""Nothing leads anywhere else."""


def as_markdown() -> str:
    """The table, for people."""
    lines = ["| from | when | to | what is told | |", "|---|---|---|---|---|"]
    for (source, trigger), row in TABLE.items():
        if trigger is not Trigger.LIMIT:
            told = ", ".join(f"`{frame}`" for frame in row.frames)
            lines.append(f"| {source.value} | {trigger.value} | {row.target.value} | {told} | {row.note} |")
    lines.append(f"| any | {Trigger.LIMIT.value} | {State.OVER.value} | `LimitReached` | hang up |")
    return "\n".join(lines) + "\n"

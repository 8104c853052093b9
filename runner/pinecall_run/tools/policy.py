"""How tools are called, as decisions: how long a try may take, when the next one begins, who ends one."""

from __future__ import annotations

from pinecall_run.tools.invoke import Answer, Failure
from pinecall_run.wire.events import Event
from pinecall_run.wire.speech_events import BotInterrupted, TurnContinued

BACKOFF_SECONDS, BACKOFF_CAP_SECONDS = 0.1, 1.0
"""The pause after the first failed try, doubled after each, and its limit: somebody is waiting on the line."""

_OURS = "cancelled"
"""Why an utterance was cut off when it was us who asked for it (protocol: barge-in)."""


def share(left: float | None, tries: int) -> float | None:
    """Seconds that the next of so many tries may take of what is ``left`` for all of them."""
    return None if left is None else max(left, 0.0) / tries


def pause_before_next(answer: Answer, tried: int, *, retries: int, left: float | None) -> float | None:
    """Seconds to wait before a tool is tried again; ``None`` when this is its answer."""
    if answer.failure is None or not answer.failure.may_pass or tried > retries:
        return None
    pause: float = min(BACKOFF_SECONDS * 2 ** (tried - 1), BACKOFF_CAP_SECONDS)
    return None if left is not None and pause >= left else pause


def is_interruption(event: Event) -> bool:
    """Whether the person talked over the agent, or goes on after what was taken for the end of the turn."""
    return isinstance(event, TurnContinued) or (isinstance(event, BotInterrupted) and event.reason != _OURS)


def timed_out(name: str, seconds: float, *, is_write: bool) -> Answer:
    """The answer of a tool that took too long."""
    return _given_up(name, "timed out", f"{name} did not answer within {round(seconds, 2):g} s", is_write=is_write)


def interrupted(name: str, *, is_write: bool) -> Answer:
    """The answer of a tool that was given up because the person spoke."""
    return _given_up(name, "cancelled", f"{name} was cancelled because the person spoke", is_write=is_write)


def not_journaled(name: str, why: str) -> Answer:
    """The answer of a write that was not begun, because nobody would have known of it after a crash."""
    return Answer.of(Failure("not journaled", f"{name} was not run: {why}"))


def unknown(name: str) -> Answer:
    """The answer of a write that began in a process that is gone."""
    return Answer.of(Failure("outcome unknown", _unknown(name, "it was cut off by a restart")))


def _given_up(name: str, kind: str, sentence: str, *, is_write: bool) -> Answer:
    message = _unknown(name, sentence) if is_write else sentence
    return Answer.of(Failure(kind, message, may_pass=kind == "timed out"))


def _unknown(name: str, why: str) -> str:
    """Words that a model can use: the caller hears that nobody knows, and nothing is booked a second time."""
    return (
        f"it is not known whether {name} took effect: {why}. "
        "Tell the person that it may or may not have happened, and do not try it again"
    )

"""When a call that no turn machine watches ends by itself: after too long, or after too long a silence."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from pinecall_run.turns import actions
from pinecall_run.turns.idle import IdleWatch
from pinecall_run.turns.rules import TurnRules
from pinecall_run.voice.call_core import CallCore
from pinecall_run.wire import speech_events


class CallLimits:
    """Warns, and hangs up with a reason. Times are those of the call's clock, in seconds."""

    def __init__(self, core: CallCore, rules: TurnRules, now: float, hang_up: Callable[[str], None]) -> None:
        self._core = core
        self._rules = rules
        self._hang_up = hang_up
        self._idle = IdleWatch(rules, now)
        self._began = now
        self._is_over = False

    def change(self, rules: TurnRules, now: float) -> None:
        """Other limits hold."""
        self._rules = rules
        self._idle.change(rules, now)

    def spoke(self, now: float) -> None:
        """The caller said something: their silence counts anew."""
        self._idle.reset(now)

    def count(self, is_silence: bool, now: float) -> None:
        """Let the caller's silence count, or not."""
        self._idle.run(is_silence, now)

    def pulse(self, now: float) -> None:
        """Time passed."""
        if self._is_over:
            return
        if now >= self._began + (self._rules.max_duration_seconds or inf):
            self._reached(actions.LimitReached("max_duration"))
        elif now >= self._idle.due:
            self._reached(self._idle.take())

    def _reached(self, step: actions.IdleWarning | actions.LimitReached) -> None:
        if isinstance(step, actions.IdleWarning):
            told = {"remaining_seconds": step.remaining, "idle_timeout_seconds": step.timeout}
            self._core.tell(speech_events.IdleWarning, **told)
            return
        self._is_over = True
        self._core.tell(speech_events.SessionTimeout, reason=step.reason)
        self._hang_up(step.reason)

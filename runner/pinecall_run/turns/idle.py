"""The caller's silence: warned of, and in the end not waited for any longer (protocol 6.6)."""

from __future__ import annotations

from math import inf

from pinecall_run.turns.actions import IdleWarning, LimitReached
from pinecall_run.turns.rules import TurnRules

Step = tuple[float, IdleWarning | LimitReached]


def steps(rules: TurnRules) -> tuple[Step, ...]:
    """What is due after how many seconds of silence, in order.

    A warning that would come with the call's first silent moment, or together with the next step, is none.
    """
    timeout, warning, grace = rules.idle_timeout_seconds, rules.idle_warning_seconds, rules.idle_grace_seconds
    if not timeout:
        return ()
    found: list[Step] = []
    if 0 < warning < timeout:
        found.append((timeout - warning, IdleWarning(warning, timeout)))
    if grace:
        found.append((timeout, IdleWarning(grace, timeout)))
    return (*found, (timeout + grace, LimitReached("idle_timeout")))


class IdleWatch:
    """A clock of silence that stands while the agent speaks, or while nobody listens."""

    __slots__ = ("_next", "_silent", "_since", "_steps")

    def __init__(self, rules: TurnRules, now: float) -> None:
        self._steps = steps(rules)
        self._next = 0
        self._silent = 0.0
        self._since: float | None = now

    def run(self, is_running: bool, now: float) -> None:
        """Let the clock run, or stand where it is."""
        if self._since is not None:
            self._silent += now - self._since
        self._since = now if is_running else None

    def reset(self, now: float) -> None:
        """The caller spoke; a clock that stands goes on standing."""
        self._next = 0
        self._silent = 0.0
        if self._since is not None:
            self._since = now

    def change(self, rules: TurnRules, now: float) -> None:
        """Other limits hold. Silence counts anew if they differ, so that nobody is hung up on unwarned."""
        if (changed := steps(rules)) != self._steps:
            self._steps = changed
            self.reset(now)

    @property
    def due(self) -> float:
        """When the next step is."""
        if self._since is None or self._next == len(self._steps):
            return inf
        return self._since + self._steps[self._next][0] - self._silent

    def take(self) -> IdleWarning | LimitReached:
        """The step that is due."""
        _, step = self._steps[self._next]
        self._next += 1
        return step

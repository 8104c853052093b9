"""When what happened on the way from the caller's last word to the agent's first; no I/O."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("transcript", "decided", "first_token", "first_audio", "heard")


@dataclass(slots=True)
class TurnTimes:
    """Moments of one turn's answer on the call's clock, in seconds; ``None`` until they come."""

    turn_id: int
    voice_ended: float
    transcript: float | None = None
    decided: float | None = None
    first_token: float | None = None
    first_audio: float | None = None
    heard: float | None = None

    def note(self, stage: str, now: float) -> None:
        """A stage is reached; the first time counts."""
        if getattr(self, stage) is None:
            setattr(self, stage, now)

    def metrics(self) -> dict[str, float]:
        """The fields of ``turn.metrics``: milliseconds since the voice ended, as far as known."""
        reached = ((stage, getattr(self, stage)) for stage in STAGES)
        return {
            f"{stage}_ms": round((moment - self.voice_ended) * 1000, 1)
            for stage, moment in reached
            if moment is not None
        }

"""How many calls a server carries: steps of more and more, until one does not run well."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Any

LATE_MS = 20.0
TRIES = 2
"""For every step of every side: whatever else a machine does now and then is not the engine's."""
WHOLE = 0.9
"""Of what is due, within the grain of a few turns."""

Step = dict[str, Any]
"""What ``peers.load.Measured`` reports."""


def runs_well(step: Step) -> bool:
    """Whether nothing is missing, and nothing late."""
    return bool(step["late_p99_ms"] <= LATE_MS) and is_valid(step)


def is_valid(step: Step) -> bool:
    """Whether nothing is missing."""
    return all(step[f"{what}_of_due"] >= WHOLE for what in ("heard", "turns", "spoken"))


def climb(steps: Sequence[int], run: Callable[[int], Step]) -> dict[str, Any] | str:
    """All steps until one does not run well; why there are none where not even the first can be run."""
    ran: list[Step] = []
    for calls in (calls for calls in steps for _ in range(TRIES)):
        if ran and ran[-1]["calls"] == calls and runs_well(ran[-1]):
            continue
        if ran and ran[-1]["calls"] != calls and not runs_well(ran[-1]):
            break
        try:
            ran.append(run(calls))
        except (RuntimeError, TimeoutError, subprocess.TimeoutExpired) as error:
            if not ran:
                return f"{type(error).__name__}: {error}"
            break
        ran[-1]["is_valid"] = is_valid(ran[-1])
    well = [step["calls"] for step in ran if runs_well(step)]
    return {"calls_per_core": max(well, default=0), "is_top_step": well[-1:] == [steps[-1]], "steps": ran}

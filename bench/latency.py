"""How long a caller waits for the agent's voice, and for its silence, in real time at 20 calls on one core.

Vendors are emulated, a network away: 100 ms to the text of a pause, 250 ms to the first word, 100 ms to the first
sound, each the rest at once. Prints one JSON line. ``as_heard`` is from the end of the last word, told from the energy
of the sound alone, to the first chunk with a voice in it that the door is given. ``our_share`` is from the moment when
the end of speech is decided to that chunk, less what vendors took meanwhile; the wait for the door's next 20 ms is in
it. ``stage_…`` are what ``turn.metrics`` says, since the detector last heard a voice. ``barge_in`` is from where
the voice of a caller who interrupts begins to be sustained, told from the energy again, to the agent's last sound.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from peers.load import pin
from spoken.runner import watched
from spoken.speech import caller
from spoken.talk import GATE

CALLS, SECONDS = 20, 30.0
SERVER, RUNNER = 0, 1
GOALS = {
    "silence": {"as_heard": {"p50": 700, "p90": 850}, "our_share": {"p50": 15, "p95": 40}},
    "native": {"as_heard": {"p50": 500}, "our_share": {"p50": 15, "p95": 40}},
    "barge_in": {"barge_in": {"p50": GATE * 1000 + 40, "p90": GATE * 1000 + 40}},
}


def _missed(mode: str, measured: dict[str, Any]) -> list[str]:
    return [
        f"{name} {part}"
        for name, goals in GOALS[mode].items()
        for part, goal in goals.items()
        if name not in measured or measured[name][part] > goal
    ]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each of three parts")
    parser.add_argument("--mode", choices=GOALS, nargs="+", default=list(GOALS))
    asked = parser.parse_args()
    pin(RUNNER)
    result: dict[str, Any] = {"bench": "latency", "caller": caller(), "calls": asked.calls}
    for mode in asked.mode:
        measured = asyncio.run(watched("spoken.talk", [mode, *map(str, (asked.calls, asked.seconds, SERVER))]))
        result[mode] = {**measured, "events": sum(measured["events"].values()), "missed": _missed(mode, measured)}
    print(json.dumps({**result, "goals": GOALS}))


if __name__ == "__main__":
    main()

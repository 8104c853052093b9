"""How many calls one core carries: our engine, Pipecat and LiveKit Agents under the same load, one after the other.

Prints one JSON line. A step runs well when chunks are handed over at most 20 ms late at p99 and nothing is missing: all
chunks, all turns, all sound. What each side has in it: ``peers/load.py`` in all three, voice detection, turn taking and
history, replies resampled or played as the engine does it, output when it is due. Ours alone tells a runner in another
process every event, over a WebSocket; the peers tell nobody, and Pipecat's chunks count as heard when they are in its
queue. ``cpu_to_parts`` holds a call of ours against what its parts cost alone (resampling, detector), and with what
makes the callers' chunks taken off first (``cpu_to_parts_without_generator``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _climb import climb
from peers.load import SAID, WARM_SECONDS, Order, pin
from spoken.runner import ONE_THREAD, watched
from spoken.speech import caller, said

from pinecall_run.audio.wav import write_wav

HERE = Path(__file__).parent
PEERS = Path(os.environ.get("PEERS") or HERE.parent / ".peers")
"""Where ``make bench-peers`` installs them."""
NOT_INSTALLED = "not installed: make bench-peers"

STEPS = {"ours": (40, 60, 80, 100, 120, 140), "pipecat": (10, 12, 14, 16, 18, 20), "livekit": (15, 20, 25, 30, 40)}
GOALS = {"to_pipecat": 5.0, "to_livekit": 1.5, "cpu_to_parts": 1.5, "memory_mb_per_call": 3.0}
SERVER, RUNNER = 0, 1
"""Their cores."""


def _ours(order: Order) -> dict[str, Any]:
    result = asyncio.run(watched("spoken.calls", order.arguments()))
    events = result.pop("events")
    result["events_per_second"] = round(sum(events.values()) / order.seconds, 1)
    result["turns_over_the_wire"] = events.get("turn.end", 0)
    return result


def peer(name: str, module: str, order: Order) -> dict[str, Any]:
    """What a module of ``peers`` measured in that peer's environment."""
    return _line([str(PEERS / name / "bin" / "python"), "-m", f"peers.{module}", *order.arguments()], order)


def _line(command: list[str], order: Order) -> dict[str, Any]:
    limit = order.seconds + WARM_SECONDS + 60
    ran = subprocess.run(command, cwd=HERE, env={**os.environ, **ONE_THREAD}, capture_output=True, timeout=limit)
    if ran.returncode:
        raise RuntimeError(ran.stderr.decode().strip().splitlines()[-1])
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def _climb(name: str, clip: Path, steps: tuple[int, ...], seconds: float) -> dict[str, Any] | str:
    """Why there are no steps where a peer is not there."""
    if name != "ours" and not (PEERS / name).is_dir():
        return NOT_INSTALLED

    def run(calls: int) -> dict[str, Any]:
        order = Order(clip, calls, seconds, SERVER)
        return _ours(order) if name == "ours" else peer(name, f"{name}_calls", order)

    return climb(steps, run)


def _ratios(sides: dict[str, Any], parts: dict[str, float]) -> dict[str, float]:
    ours = sides["ours"]
    best = next((step for step in ours["steps"] if step["calls"] == ours["calls_per_core"]), ours["steps"][0])
    cpu, sound = best["cpu_percent_per_call"], parts["resample"] + parts["detector"]
    found = {
        f"to_{name}": round(ours["calls_per_core"] / sides[name]["calls_per_core"], 2)
        for name in ("pipecat", "livekit")
        if sides.get(name) and sides[name]["calls_per_core"]
    }
    return {
        **found,
        "cpu_to_parts": round(cpu / sound, 2),
        "cpu_to_parts_without_generator": round((cpu - parts["generator"]) / sound, 2),
        "memory_mb_per_call": best["memory_mb_per_call"],
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="how long a step is measured")
    parser.add_argument("--steps", type=int, nargs="+", help="numbers of calls, instead of each side's own")
    parser.add_argument("--side", choices=STEPS, nargs="+", default=list(STEPS))
    asked = parser.parse_args()
    result: dict[str, Any] = {"bench": "calls", "caller": caller(), "seconds": asked.seconds}
    sides: dict[str, Any] = {}
    result["is_pinned"] = pin(RUNNER)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "said.wav")
        clip.write_bytes(write_wav(said(SAID)))
        for name in asked.side:
            side = _climb(name, clip, asked.steps or STEPS[name], asked.seconds)
            sides[name] = None if isinstance(side, str) else side
            result |= {name: sides[name], **({f"{name}_why": side} if isinstance(side, str) else {})}
        if sides.get("ours"):
            order = Order(clip, sides["ours"]["calls_per_core"] or STEPS["ours"][0], asked.seconds, SERVER)
            parts = _line([sys.executable, "-m", "spoken.parts", *order.arguments()], order)
            result |= {"parts_percent": parts, **_ratios(sides, parts), "goals": GOALS}
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""``python -m tests.chaos``: faults of networks and machines at full size; one JSON line for each part, with its seed.

A seed fixes what is done and at which bytes; how tasks interleave is the machine's. Exit code 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos._calls import calls, wrong
from tests.chaos._cells import STAGES, row
from tests.chaos._cuts import cuts
from tests.chaos._kills import kills
from tests.chaos._noise import storm
from tests.chaos._reloads import reloads
from tests.chaos._rolling import rolling


def _tools(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    outcome = asyncio.run(cuts(folder, calls=asked.calls, seconds=asked.seconds, seed=asked.seed))
    assert outcome.lost == outcome.doubled == 0, outcome
    return asdict(outcome)


def _faults(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    end = time.monotonic() + asked.seconds
    for number in range(asked.rounds):
        if time.monotonic() > end:
            return {"rounds": number}
        for stage in STAGES:
            asyncio.run(row(stage, folder / f"{number}-{stage.__name__}", asked.seed + number))
    return {"rounds": asked.rounds}


def _noise(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return {"frames": asked.frames, "outputs": storm(asked.frames, asked.seed)}


def _rolling(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    outcome = asyncio.run(rolling(folder, restarts=asked.restarts, seconds=asked.seconds, seed=asked.seed))
    assert outcome.is_clean, outcome
    return asdict(outcome)


def _kills(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    outcome = asyncio.run(kills(folder, count=asked.kills, seconds=asked.seconds, seed=asked.seed))
    assert outcome.lost == outcome.doubled == outcome.false == len(outcome.other) == 0, outcome
    return asdict(outcome)


def _reloads(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    outcome = asyncio.run(reloads(folder, count=asked.reloads, seconds=asked.seconds, seed=asked.seed))
    assert outcome.dropped == outcome.mixed == 0, outcome
    return {**asdict(outcome), "words": len(outcome.words)}


def _calls(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    outcome = asyncio.run(calls(count=asked.spoken, seconds=asked.seconds, seed=asked.seed))
    assert not wrong(outcome), (wrong(outcome), outcome)
    return {**vars(outcome), "grown": outcome.grown}


PARTS: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    "tools": _tools,
    "kills": _kills,
    "faults": _faults,
    "noise": _noise,
    "rolling": _rolling,
    "reloads": _reloads,
    "calls": _calls,
}


def main() -> int:
    """Run the parts that were asked for; without a name, all."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--calls", type=int, default=10_000, help="tool calls under cuts")
    parser.add_argument("--kills", type=int, default=500, help="times that the runner is killed while tools write")
    parser.add_argument("--rounds", type=int, default=20, help="times that every fault meets every stage")
    parser.add_argument("--reloads", type=int, default=1000, help="reloads under 50 live calls")
    parser.add_argument("--spoken", type=int, default=1000, help="spoken calls, each cut at random")
    parser.add_argument("--frames", type=int, default=1_000_000, help="random frames")
    parser.add_argument("--restarts", type=int, default=200, help="rolling restarts under live calls")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long a part may take")
    asked = parser.parse_args()
    failed = False
    for part in asked.part or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = PARTS[part](asked, Path(folder))
            except Exception as error:  # noqa: BLE001 - the other parts are worth their time all the same
                failed = True
                notes = [
                    note for each in getattr(error, "exceptions", [error]) for note in getattr(each, "__notes__", [])
                ]
                result = {"failed": repr(error), "notes": notes}
        print(json.dumps({"chaos": part, "seed": asked.seed, **result}), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

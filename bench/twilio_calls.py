"""What a telephone call by Twilio costs, engine and door together: ours beside Pipecat's Twilio serializer, in one run.

Both detect voice, take turns, and answer every eight seconds with two seconds of sound; ours tells a runner every event
besides, and follows the marks. Callers are media streams of a child process on the other core. Prints one JSON line;
``calls_per_core`` is what a call takes of a core, turned over, and ``to_pipecat`` how many calls of ours it carries for
each of Pipecat's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from calls import PEERS, RUNNER, SERVER, peer
from peers.load import SAID, Order, pin
from spoken.runner import watched
from spoken.speech import caller, said

from pinecall_run.audio.wav import write_wav

GOAL = 3.0


def _ours(order: Order) -> dict[str, Any]:
    result = asyncio.run(watched("spoken.twilio", order.arguments()))
    result["turns_over_the_wire"] = result.pop("events").get("turn.end", 0)
    return _per_core(result)


def _pipecat(order: Order) -> dict[str, Any]:
    if not (PEERS / "pipecat").is_dir():
        return {"pipecat": None, "why": "not installed: make bench-peers"}
    return {"pipecat": _per_core(peer("pipecat", "pipecat_twilio", order))}


def _per_core(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "calls_per_core": round(100 / result["cpu_percent_per_call"], 1)}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=30, help="of ours; of Pipecat's a third")
    parser.add_argument("--seconds", type=float, default=16.0)
    asked = parser.parse_args()
    pin(RUNNER)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "said.wav")
        clip.write_bytes(write_wav(said(SAID)))
        ours = _ours(Order(clip, asked.calls, asked.seconds, SERVER))
        theirs = _pipecat(Order(clip, max(asked.calls // 3, 1), asked.seconds, SERVER))
        result: dict[str, Any] = {"bench": "twilio_calls", "caller": caller(), "ours": ours, **theirs}
    if result["pipecat"]:
        ratio = result["pipecat"]["cpu_percent_per_call"] / ours["cpu_percent_per_call"]
        result |= {"to_pipecat": round(ratio, 2), "goal": GOAL}
    print(json.dumps(result))


if __name__ == "__main__":
    main()

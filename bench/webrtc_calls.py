"""What a browser's call costs, engine and door together: ours beside Pipecat's SmallWebRTC, in one run.

Both detect voice, take turns, and answer every eight seconds with two seconds of sound; ours tells a runner every event
besides. Callers are the same aiortc peers in a child process on the other core. Prints one JSON line; ``to_pipecat`` is
how many calls of ours a core carries for each of Pipecat's, by what a call takes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from calls import NOT_INSTALLED, PEERS, RUNNER, SERVER, peer
from peers.load import SAID, Order, pin
from spoken.runner import watched
from spoken.speech import caller, said

from pinecall_run.audio.wav import write_wav

GOAL = 1.8


def _pipecat(order: Order) -> dict[str, Any]:
    if not (PEERS / "pipecat").is_dir():
        return {"pipecat": None, "why": NOT_INSTALLED}
    return {"pipecat": peer("pipecat", "pipecat_webrtc", order)}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=16.0)
    asked = parser.parse_args()
    pin(RUNNER)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "said.wav")
        clip.write_bytes(write_wav(said(SAID)))
        order = Order(clip, asked.calls, asked.seconds, SERVER)
        ours = asyncio.run(watched("spoken.webrtc", order.arguments()))
        events = ours.pop("events")
        ours["turns_over_the_wire"] = events.get("turn.end", 0)
        result: dict[str, Any] = {"bench": "webrtc_calls", "caller": caller(), "ours": ours, **_pipecat(order)}
    if result["pipecat"]:
        ratio = result["pipecat"]["cpu_percent_per_call"] / ours["cpu_percent_per_call"]
        result |= {"to_pipecat": round(ratio, 2), "goal": GOAL}
    print(json.dumps(result))


if __name__ == "__main__":
    main()

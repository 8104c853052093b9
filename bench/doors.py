"""How much of each door one core carries, all in one run: telephone calls, typed conversations, and a flood.

Prints one JSON line. Calls are climbed in steps, as in ``calls.py``: the server has one core, and those who call, with
the runner that is told of every event, have the other. Both Twilio doors, ours and Pipecat's serializer of these
streams, get the same messages and are late where a message is heard later than 20 ms after it was due; SIP is late
where the packets that a telephone is sent are. ``generator_late_p99_ms`` is how late those who call are themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _chats import chats
from _climb import climb
from _flood import flood
from calls import NOT_INSTALLED, PEERS, RUNNER, SERVER, peer
from peers.load import SAID, Order, pin
from spoken.runner import watched
from spoken.speech import caller, said

from pinecall_run.audio.wav import write_wav

STEPS = {
    "twilio": (40, 60, 80, 100, 120, 140, 160, 180),
    "pipecat": (10, 12, 14, 16, 18, 20, 22, 24),
    "sip": (40, 60, 80, 100, 120, 140, 160, 180, 200),
}
GOALS = {"twilio_to_pipecat": 3.0, "sip_to_twilio": 1.0, "chats_late_p99_ms": 50.0, "flood_late_p99_ms": 20.0}

Found = dict[str, Any]


def _ours(module: str, order: Order) -> Found:
    result = asyncio.run(watched(module, order.arguments()))
    result["turns_over_the_wire"] = result.pop("events").get("turn.end", 0)
    return result


def _twilio(order: Order, steps: Sequence[int]) -> Found | str:
    return climb(steps, lambda calls: _ours("spoken.twilio", replace(order, calls=calls)))


def _pipecat(order: Order, steps: Sequence[int]) -> Found | str:
    if not (PEERS / "pipecat").is_dir():
        return NOT_INSTALLED
    return climb(steps, lambda calls: peer("pipecat", "pipecat_twilio", replace(order, calls=calls)))


def _sip(order: Order, steps: Sequence[int]) -> Found | str:
    return climb(steps, lambda calls: _ours("spoken.sip", replace(order, calls=calls)))


def _chats(order: Order, steps: Sequence[int]) -> Found | str:
    return chats(seconds=2 * order.seconds)


def _flood(order: Order, steps: Sequence[int]) -> Found | str:
    return asyncio.run(flood(seconds=order.seconds))


DOORS: dict[str, Callable[[Order, Sequence[int]], Found | str]] = {
    "twilio": _twilio,
    "pipecat": _pipecat,
    "sip": _sip,
    "chats": _chats,
    "flood": _flood,
}
"""How each is measured; what comes is why it was not, where it is no dictionary."""


def _measured(name: str, order: Order, steps: Sequence[int]) -> Found:
    try:
        found = DOORS[name](order, steps)
    except Exception as error:  # noqa: BLE001 - one door's failure is not the others'
        found = f"{type(error).__name__}: {error}"
    return {name: None, f"{name}_why": found} if isinstance(found, str) else {name: found}


def _best(side: Found) -> Found:
    """The highest step that ran well, or the first."""
    return next((step for step in reversed(side["steps"]) if step["calls"] == side["calls_per_core"]), side["steps"][0])


def _ratios(found: Found) -> dict[str, float]:
    """By calls that ran well, and by what a call takes of the core, which says something on a busy machine, too."""
    ratios = {}
    for name, other in (("twilio", "pipecat"), ("sip", "twilio")):
        if not found.get(name) or not found.get(other):
            continue
        ours, theirs = found[name], found[other]
        if theirs["calls_per_core"]:
            ratios[f"{name}_to_{other}"] = round(ours["calls_per_core"] / theirs["calls_per_core"], 2)
        cpu = _best(theirs)["cpu_percent_per_call"] / _best(ours)["cpu_percent_per_call"]
        ratios[f"{name}_to_{other}_by_cpu"] = round(cpu, 2)
    if found.get("chats"):
        ratios["chats_late_p99_ms"] = found["chats"]["first_token_ms"]["p99"]
    if found.get("flood"):
        ratios["flood_late_p99_ms"] = found["flood"]["flooded"]["late_p99_ms"]
    return ratios


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a step is measured")
    parser.add_argument("--steps", type=int, nargs="+", help="numbers of calls, instead of each door's own")
    parser.add_argument("--only", choices=DOORS, nargs="+", default=list(DOORS))
    asked = parser.parse_args()
    result: Found = {"bench": "doors", "caller": caller(), "seconds": asked.seconds}
    result["is_pinned"] = pin(RUNNER)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "said.wav")
        clip.write_bytes(write_wav(said(SAID)))
        order = Order(clip, 0, asked.seconds, SERVER)
        for name in asked.only:
            result |= _measured(name, order, asked.steps or STEPS.get(name, ()))
    print(json.dumps({**result, **_ratios(result), "goals": GOALS}))


if __name__ == "__main__":
    main()

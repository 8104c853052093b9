"""What our adapters of vendors cost beside bare loops that move the same messages, how late their events are, and how
many sockets calls share.

The vendors are a process of its own that plays tapes: messages of the size and pace of life, recorded by hand. 50 calls
at once in real time, everything on loopback. ``cpu_to_bare`` is the processor time of an adapter to that of a loop of
websockets (of httpx2 where the vendor takes requests) that sends what the adapter sent, is sent the same, and decodes
nothing; in turns, in one process, the least of three rounds each, for what else a machine does only adds.
``late_p99_ms`` is from the bytes read from a socket to the event handed out: what was heard, a piece of sound, a word
of a model. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any

from peers.load import pin, quantile
from vendor_load.bare import BareEar, BarePost, BareVoice, url_of
from vendor_load.cases import CASES, Case
from vendor_load.load import Nobody, Side, Used, used
from vendor_load.ours import Asker, Note, OurEar, OurModel, OurVoice
from vendor_load.peer import Peer, Told, peer
from vendor_load.stamps import stamped

CALLS, SECONDS, ROUNDS = 50, 1.25, 3
GOALS = {"cpu_to_bare": 1.5, "late_p99_ms": 5.0}
OURS, PEER = 0, 1
"""Their cores."""

SIDES: dict[str, Any] = {"stt": OurEar, "voice": OurVoice, "model": OurModel}


@dataclass(frozen=True)
class Run:
    """What all measurements share."""

    peer: Peer
    calls: int
    seconds: float
    idle: float = 0.0
    """What dealing out turns takes."""

    async def used(self, side: Side) -> Used:
        """What a side takes."""
        return await used(side, self.peer, self.calls, self.seconds)

    def ours(self, case: Case, note: Note = lambda event: None) -> Any:
        """An adapter under load."""
        return SIDES[case.stage](case.adapter(self.peer.ports), note)

    async def asked(self, case: Case) -> Told:
        """What an adapter sends for one caller: the messages of some sound, or of one sentence."""
        self.peer.told()
        side = self.ours(case)
        await side.open(1)
        for count in range(20):
            await side.turn(0, count)
        if isinstance(side, Asker):
            await side.finish()
        else:
            await asyncio.sleep(0.2)
        told = self.peer.told()
        await side.close()
        return told

    def bare(self, case: Case, told: Told, sockets: int) -> Any:
        """A loop that sends the same."""
        ((path, frames),) = told.asked.items()
        web, http = self.peer.ports
        if isinstance(frames[0], bytes) and frames[0].startswith(b"POST"):
            return BarePost(http, frames[0])
        if case.stage == "stt":
            return BareEar(url_of(web, path), frames[0], case.adapter(self.peer.ports).piece_seconds)
        return BareVoice(url_of(web, path), frames, sockets)


async def _measured(run: Run, case: Case) -> dict[str, Any]:
    told = await run.asked(case)
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(await run.used(run.ours(case)))
        bare.append(await run.used(run.bare(case, told, ours[-1].told.sockets)))
    with stamped() as stamps:
        await run.used(run.ours(case, stamps.note))
    late = sorted(stamps.late)
    took, base = (min(one.share for one in side) - run.idle for side in (ours, bare))
    found = {
        "us_per_second": round(took * 1e6),
        "bare_us_per_second": round(base * 1e6),
        "cpu_to_bare": round(took / base, 2),
        "messages_to_bare": round(_sum(ours, "messages") / _sum(bare, "messages"), 2),
        "octets_to_bare": round(_sum(ours, "octets") / _sum(bare, "octets"), 2),
        "late_p50_ms": round(quantile(late, 0.5) * 1000, 2),
        "late_p99_ms": round(quantile(late, 0.99) * 1000, 2),
        "events": len(late),
        "sockets": max(one.told.sockets for one in ours),
    }
    return {**found, "missed": [name for name, goal in GOALS.items() if not found[name] <= goal]}


def _sum(side: list[Used], what: str) -> float:
    return float(sum(getattr(one.told, what) for one in side))


async def _sockets(run: Run, case: Case) -> int:
    """How many it takes when all calls begin to speak at once."""
    side = run.ours(case)
    await side.open(run.calls)
    run.peer.told()
    for call in range(run.calls):
        side.begin(call, 0)
    await side.finish()
    told = run.peer.told()
    await side.close()
    return told.sockets


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each round")
    parser.add_argument("--only", choices=CASES, nargs="+", default=list(CASES), help="adapters")
    asked = parser.parse_args()
    pin(OURS)
    cases = {name: CASES[name] for name in asked.only if CASES[name].is_served}
    with peer(PEER) as vendors:
        rounds = [asyncio.run(used(Nobody(), vendors, asked.calls, asked.seconds)) for _ in range(ROUNDS)]
        idle = min(one.share for one in rounds)
        run = Run(vendors, asked.calls, asked.seconds, idle)
        adapters = {name: asyncio.run(_measured(run, case)) for name, case in cases.items()}
        shared = [name for name, case in cases.items() if case.stage == "voice" and case.scheme == "ws"]
        sockets = {name: asyncio.run(_sockets(run, cases[name])) for name in shared}
    result = {"bench": "vendors", "calls": asked.calls, "idle_us_per_second": round(idle * 1e6), "adapters": adapters}
    print(json.dumps({**result, "sockets_all_at_once": sockets, "goals": GOALS}))


if __name__ == "__main__":
    sys.exit(main())

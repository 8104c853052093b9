"""The load that our engine and its peers get alike, and how what they make of it is measured; it knows none of them.

Every caller says one sentence each eight seconds, in chunks of 20 ms that are due in real time; the agent answers with
ten words, two seconds of a tone. Callers are spread over the eight seconds, and within the 20 ms. What makes the chunks
runs in the measured process, on the same event loop, in one task for each call.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

RATE, CHUNK_BYTES, CHUNK_SECONDS = 16_000, 640, 0.02
CYCLE_SECONDS, LEAD_SECONDS = 8.0, 0.5
"""Of a caller, and the silence before what they say."""
WARM_SECONDS = 4.0

SAID = "please send me the invoice by email"
ANSWER = ["Sure,", "I", "will", "send", "it", "to", "you", "right", "now", "today."]
REPLY_RATE, REPLY_SECONDS = 24_000, 2.0
PIECE_SAMPLES = REPLY_RATE // 50


def tone_pieces() -> list[bytes]:
    """The agent's sound: 16 bits, 24 kHz, in pieces of 20 ms."""
    samples = (round(8000 * math.sin(at * 0.05)) for at in range(round(REPLY_RATE * REPLY_SECONDS)))
    sound = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    return [sound[at : at + 2 * PIECE_SAMPLES] for at in range(0, len(sound), 2 * PIECE_SAMPLES)]


@dataclass(frozen=True)
class Order:
    """What to run: the sound of :data:`SAID` in a WAV file of 16 kHz, how many calls, for how long, on which core."""

    clip: Path
    calls: int
    seconds: float
    core: int

    @classmethod
    def given(cls, arguments: list[str]) -> Order:
        """From the command line."""
        clip, calls, seconds, core = arguments
        return cls(Path(clip), int(calls), float(seconds), int(core))

    def arguments(self) -> list[str]:
        """For the command line."""
        return [str(self.clip), str(self.calls), str(self.seconds), str(self.core)]


def pin(core: int) -> bool:
    """Keep this process on one core, with the threads that it has and will have; ``False`` where that cannot be."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
    return True


def memory_mb() -> float:
    """Of this process, resident."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Callers:
    """All callers of a run."""

    def __init__(self, order: Order) -> None:
        with wave.open(str(order.clip)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2), order.clip
            said = file.readframes(file.getnframes())
        cycle = bytes(2 * round(LEAD_SECONDS * RATE)) + said
        self.cycle = cycle.ljust(2 * round(CYCLE_SECONDS * RATE), b"\0")
        """What each says again and again: 16 bits, 16 kHz."""
        self._calls = order.calls

    async def chunks(self, number: int) -> AsyncIterator[tuple[bytes, float]]:
        """One caller's sound without end, each chunk with the moment on the monotonic clock at which it was due."""
        share = number / self._calls
        at = round(share * len(self.cycle) / CHUNK_BYTES) * CHUNK_BYTES % len(self.cycle)
        due = math.ceil(time.monotonic()) + share * CHUNK_SECONDS
        while True:
            due += CHUNK_SECONDS
            await asyncio.sleep(max(due - time.monotonic(), 0))
            yield self.cycle[at : at + CHUNK_BYTES], due
            at = (at + CHUNK_BYTES) % len(self.cycle)


@dataclass
class Measured:
    """What came of it, since :meth:`begin`. ``turns`` are answers that were asked for, ``spoken`` seconds of sound that
    were given out when they were due, ``chunks`` those that were heard."""

    order: Order
    turns: int = 0
    spoken: float = 0.0
    chunks: int = 0
    _late: list[float] = field(default_factory=list)
    _base_mb: float = field(default_factory=memory_mb)

    def heard(self, due: float) -> None:
        """A chunk was handed over."""
        self.chunks += 1
        self._late.append(time.monotonic() - due)

    def begin(self) -> None:
        """Forget what was; measure from now on."""
        self._late.clear()
        self.turns, self.spoken, self.chunks = 0, 0.0, 0
        self._cpu, self._clock = time.process_time(), time.monotonic()

    def report(self) -> dict[str, float]:
        """Numbers for one line of JSON."""
        took = time.monotonic() - self._clock
        cpu, late = time.process_time() - self._cpu, sorted(self._late)
        calls = self.order.calls
        turns_due = calls * took / CYCLE_SECONDS
        return {
            "calls": calls,
            "cpu_percent": round(100 * cpu / took, 1),
            "cpu_percent_per_call": round(100 * cpu / took / calls, 3),
            "late_p50_ms": round(quantile(late, 0.5) * 1000, 2),
            "late_p99_ms": round(quantile(late, 0.99) * 1000, 2),
            "heard_of_due": round(self.chunks / (calls * took / CHUNK_SECONDS), 3),
            "turns_of_due": round(self.turns / turns_due, 3),
            "spoken_of_due": round(self.spoken / (turns_due * REPLY_SECONDS), 3),
            "memory_mb_per_call": round((memory_mb() - self._base_mb) / calls, 2),
        }


def quantile(ordered: list[float], part: float) -> float:
    """Of numbers in order; infinite where there are none."""
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else math.inf


async def measure(measured: Measured, on_begin: Callable[[], object] = lambda: None) -> None:
    """Let it run, print what came of it, and end the process: not every engine ends its calls in good order."""
    await asyncio.sleep(WARM_SECONDS)
    on_begin()
    measured.begin()
    await asyncio.sleep(measured.order.seconds)
    print(json.dumps(measured.report()), flush=True)
    os._exit(0)

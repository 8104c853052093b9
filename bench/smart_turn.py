"""What it costs to have a model judge a turn: a decision whole, its parts, and loading the file.

Prints one JSON line; medians of 20 decisions about 8 s of noise. The model is the one that SMART_TURN_MODEL names, or
what ``make bench-peers`` brought.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES
from pinecall_run.voice.log_mel import SAMPLES, log_mel
from pinecall_run.voice.smart_turn import SmartTurn

DECISIONS = 20
PEERS = Path(__file__).parents[1] / ".peers" / "pipecat"


def main() -> None:
    brought = sorted(PEERS.glob("lib/python*/site-packages/pipecat/audio/turn/smart_turn/data/smart-turn-v3*.onnx"))
    file = os.environ.get("SMART_TURN_MODEL") or (str(brought[0]) if brought else "")
    measured = asyncio.run(_measured(file)) if file else {"skipped": "SMART_TURN_MODEL names no model"}
    print(json.dumps({"bench": "smart_turn", **measured}))


async def _measured(file: str) -> dict[str, float]:
    began = time.perf_counter()
    model = SmartTurn(file)
    loaded = time.perf_counter() - began
    began = time.perf_counter()
    await SmartTurn(file).close()
    again = time.perf_counter() - began
    noise = np.random.default_rng(1).integers(-3000, 3000, SAMPLES).astype(np.int16)
    decisions, busy = await _decisions(model, noise)
    await model.close()
    features = [_milliseconds(lambda: log_mel(noise)) for _ in range(DECISIONS)]
    return {
        "decision_ms": round(statistics.median(decisions), 1),
        "decision_processor_ms": round(statistics.median(busy), 1),
        "features_ms": round(statistics.median(features), 1),
        "first_load_ms": round(loaded * 1000),
        "load_again_ms": round(again * 1000),
    }


async def _decisions(model: SmartTurn, noise: np.ndarray) -> tuple[list[float], list[float]]:
    """Milliseconds from a question to its verdict on the loop, and of the process's processors meanwhile."""
    told: asyncio.Queue[float] = asyncio.Queue()
    judge = model.open(told.put_nowait)
    judge.begin()
    for chunk in noise.reshape(-1, CHUNK_SAMPLES):
        judge.hear(chunk)
    waits, busy = [], []
    for _ in range(DECISIONS + 1):
        began, used = time.perf_counter(), time.process_time()
        judge.ask()
        await told.get()
        waits.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - used) * 1000)
    judge.close()
    return waits[1:], busy[1:]  # the first one warms up


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()

"""What each part of a call's sound costs: the sum that a whole call is held against.

Prints one JSON line: microseconds of processor time for 20 ms of one call. Each part runs several times and the
fastest counts, since whatever else the machine does can only add. The detector runs whole, with its thread and its
event loop: so many calls hear a window each, and then it is waited for.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.audio.g711 import a_law_decode, a_law_encode, mu_law_decode, mu_law_encode
from pinecall_run.audio.level import level_of
from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.playhead import Playhead
from pinecall_run.audio.resample import Resampler
from pinecall_run.voice.detector import WINDOW, Detector
from pinecall_run.voice.silero import CONTEXT, Silero

ROUNDS, CHUNKS = 5, 500
RATES = [(48_000, RATE), (RATE, 48_000), (24_000, RATE), (8_000, RATE), (RATE, 8_000)]
CALLS = (1, 8, 32, 64)
WINDOWS = 128
"""At each number of calls, altogether, in each round."""


def _noise(samples: int) -> Samples:
    return np.random.default_rng(1).normal(0, 3_000, samples).astype(np.int16)


def _fastest(part: Callable[[], object]) -> float:
    """Microseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CHUNKS):
            part()
        times.append((time.process_time() - began) / CHUNKS)
    return round(min(times) * 1e6, 2)


def resampling(source: int, target: int) -> float:
    """One stream, from one rate to another."""
    resampler, chunk = Resampler(source, target), _noise(source // 50)
    return _fastest(lambda: resampler.feed(chunk))


def _codec(encode: Callable[[Samples], bytes], decode: Callable[[bytes], Samples]) -> float:
    chunk = _noise(160)
    return _fastest(lambda: decode(encode(chunk)))


def _mixing(*, has_background: bool) -> float:
    mixer, voice = Mixer(), _noise(RATE)
    if has_background:
        mixer.background(_noise(RATE * 5), gain=0.3)

    def part() -> None:
        if mixer.queued_samples < CHUNK_SAMPLES:
            mixer.queue(voice)
        mixer.take()

    return _fastest(part)


def _following() -> float:
    """A playhead in a sentence of four seconds."""
    sentence, heard = "Your order was shipped yesterday and will be there on Tuesday.", Playhead()

    def part() -> None:
        nonlocal heard
        if heard.is_over:
            heard = Playhead()
            heard.begin(sentence)
            heard.queued(RATE * 4)
            heard.complete()
        heard.played(CHUNK_SAMPLES)

    return _fastest(part)


def _model(calls: int) -> float:
    """The model alone, for each call."""
    model = Silero()
    sound = np.random.default_rng(1).normal(0, 0.1, (calls, CONTEXT + WINDOW)).astype(np.float32)
    state = np.zeros((2, calls, 128), np.float32)
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(WINDOWS // calls):
            model.run(sound, state)
        times.append((time.process_time() - began) / (WINDOWS // calls) / calls)
    return _of_a_chunk(min(times))


async def detecting(calls: int) -> float:
    """The whole detector, for each of so many calls that share every batch."""
    detector = Detector()
    found = 0
    done = asyncio.Event()

    def on_probability(probability: float) -> None:
        nonlocal found
        found += 1
        if found % calls == 0:
            done.set()

    ears = [detector.open(on_probability) for _ in range(calls)]
    chunk, times, heard = _noise(CHUNK_SAMPLES), [], 0
    for _ in range(ROUNDS):
        began, before = time.process_time(), found
        while found - before < WINDOWS:
            for ear in ears:
                ear.hear(chunk)
            heard += 1
            if heard * CHUNK_SAMPLES // WINDOW > found // calls:
                await done.wait()
                done.clear()
        times.append((time.process_time() - began) / (found - before))
    await detector.close()
    return _of_a_chunk(min(times))


def _of_a_chunk(seconds_for_a_window: float) -> float:
    """Microseconds for 20 ms."""
    return round(seconds_for_a_window * CHUNK_SAMPLES / WINDOW * 1e6, 2)


def main() -> None:
    """Measure, and print."""
    result: dict[str, float] = {
        f"resample_{source}_{target}_us": resampling(source, target) for source, target in RATES
    }
    result["mu_law_both_ways_us"] = _codec(mu_law_encode, mu_law_decode)
    result["a_law_both_ways_us"] = _codec(a_law_encode, a_law_decode)
    chunk = _noise(CHUNK_SAMPLES)
    result["level_us"] = _fastest(lambda: level_of(chunk))
    result["mixer_take_us"] = _mixing(has_background=False)
    result["mixer_take_over_background_us"] = _mixing(has_background=True)
    result["playhead_us"] = _following()
    for calls in CALLS:
        result[f"model_at_{calls}_us"] = _model(calls)
        result[f"detector_at_{calls}_us"] = asyncio.run(detecting(calls))
    print(json.dumps({"bench": "audio", **result}))


if __name__ == "__main__":
    main()

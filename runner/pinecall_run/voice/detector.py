"""Finds voice in any number of calls with one model: batch by batch, in a thread of its own, never on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.voice.failure import described
from pinecall_run.voice.silero import CONTEXT, STATE, WINDOW, DetectorError, Floats, Silero

__all__ = ["WINDOW", "Detection", "Detector", "DetectorError"]

_LOG = logging.getLogger("pinecall_run.voice")

_CHUNKS, _WINDOWS = 104, 65
"""What a place may be behind, 2.08 s: so many chunks are so many windows, and none of either wraps."""
_BEHIND = _CHUNKS * CHUNK_SAMPLES
_SPACING = 0.008
"""Seconds from the start of a batch to that of the next. A call alone never waits: its windows are further apart.
Many share a batch, which halves the processor time of each; none is reported later by more than this."""
_FIRST_SLOTS = 16


class Detection:
    """The place of one call in the detector. Made by :meth:`Detector.open`; used on its event loop."""

    __slots__ = ("_detector", "_heard", "_is_awaited", "_is_ready", "_on_probability", "_slot", "_taken")

    def __init__(self, detector: Detector, slot: int, on_probability: Callable[[float], None]) -> None:
        self._detector = detector
        self._slot = slot
        self._on_probability = on_probability
        self._heard = 0
        """Chunks, since there was nothing left."""
        self._taken = 0
        """Windows, since then."""
        self._is_ready = False
        """Whether it stands in the detector's list."""
        self._is_awaited = False
        """Whether the running batch has a window of it that is still wanted."""

    def hear(self, chunk: Samples) -> None:
        """20 ms of the call. What is more than 2 s behind is dropped, the oldest first."""
        if self._slot < 0:
            return
        detector = self._detector
        waiting = self.behind
        if waiting > _BEHIND - CHUNK_SAMPLES:
            self._taken += 1
            detector.dropped_windows += 1
        detector._chunks[self._slot, self._heard % _CHUNKS] = chunk
        self._heard += 1
        if waiting >= WINDOW - CHUNK_SAMPLES and not self._is_ready:
            self._is_ready = True
            detector._ready.append(self)
            detector._wake()

    def reset(self) -> None:
        """Forget all that was heard: what comes next is a new beginning. No probability of before is delivered."""
        if self._slot < 0:
            return
        self._heard = self._taken = 0
        self._is_awaited = False
        self._detector._forget(self._slot)

    @property
    def behind(self) -> int:
        """How many samples have come since the window that a probability was delivered of last."""
        return self._heard * CHUNK_SAMPLES - self._taken * WINDOW

    def close(self) -> None:
        """Nothing is heard or delivered any more. Safe to call twice."""
        if self._slot < 0:
            return
        self.reset()
        self._detector._free.append(self._slot)
        self._slot = -1

    @property
    def _has_window(self) -> bool:
        return self.behind >= WINDOW

    def _take(self) -> int:
        """Which window is next."""
        window = self._taken % _WINDOWS
        self._taken += 1
        self._is_awaited = True
        if self._heard * CHUNK_SAMPLES == self._taken * WINDOW:
            self._heard = self._taken = 0  # the same few pages of memory again
        return window


class _Batch(NamedTuple):
    """A window of each of some places, the slots that they had, and the model's two inputs."""

    places: list[Detection]
    slots: list[int]
    sound: Floats
    state: Floats


class Detector:
    """One for each process. Probabilities are delivered on the event loop, in order, one for each 512 samples.

    Each place has a slot, a row in arrays for all: a batch is gathered from the rows of those that have a window, and
    its state goes back to them. All arrays belong to the loop but the batch, which is the worker's while it runs.
    """

    def __init__(self) -> None:
        self.dropped_windows = 0
        """Windows that were never looked at, because the machine was too slow."""
        self._model = Silero()
        self._loop = asyncio.get_running_loop()
        self._ready: list[Detection] = []
        self._free: list[int] = []
        self._is_running = False
        self._timer: asyncio.TimerHandle | None = None
        self._started = -_SPACING
        self._is_closed = self._is_failing = False
        self._sound = np.zeros((0, _BEHIND), np.int16)
        self._context = np.zeros((0, CONTEXT), np.float32)
        self._state = np.zeros((STATE[0], 0, STATE[1]), np.float32)
        self._grow(_FIRST_SLOTS)
        # A queue and a thread: an executor and its futures take twice the time to get a batch there and back.
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._worker = Thread(target=self._work, name="voice-detector", daemon=True)
        self._worker.start()

    def open(self, on_probability: Callable[[float], None]) -> Detection:
        """A place for one call; ``on_probability`` must be quick."""
        if not self._free:
            self._grow(len(self._sound))
        return Detection(self, self._free.pop(), on_probability)

    async def close(self) -> None:
        """Deliver nothing more, and end the thread."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._batches.put(None)
        await asyncio.to_thread(self._worker.join)

    def _grow(self, more: int) -> None:
        slots = len(self._sound)
        self._free.extend(reversed(range(slots, slots + more)))
        self._sound = np.concatenate((self._sound, np.zeros((more, _BEHIND), np.int16)))
        self._context = np.concatenate((self._context, np.zeros((more, CONTEXT), np.float32)))
        self._state = np.concatenate((self._state, np.zeros((STATE[0], more, STATE[1]), np.float32)), axis=1)
        self._batch = np.zeros((slots + more, CONTEXT + WINDOW), np.float32)
        self._chunks = self._sound.reshape(-1, _CHUNKS, CHUNK_SAMPLES)
        self._windows = self._sound.reshape(-1, _WINDOWS, WINDOW)

    def _forget(self, slot: int) -> None:
        self._context[slot] = 0
        self._state[:, slot] = 0

    def _wake(self) -> None:
        """Start a batch as soon as may be: with all places that get a window in this turn of the loop."""
        if not (self._timer or self._is_running or self._is_closed):
            self._timer = self._loop.call_at(self._started + _SPACING, self._start)

    def _start(self) -> None:
        self._timer, self._started = None, self._loop.time()
        places = [place for place in self._ready if place._has_window]  # the others were reset or closed
        for place in self._ready:
            place._is_ready = False
        self._ready.clear()
        if not places:
            return
        slots = [place._slot for place in places]
        sound = self._batch[: len(places)]
        sound[:, :CONTEXT] = self._context[slots]
        np.divide(
            self._windows[slots, [place._take() for place in places]],
            np.float32(32_767),
            out=sound[:, CONTEXT:],
        )
        self._context[slots] = sound[:, WINDOW:]
        self._is_running = True
        self._batches.put(_Batch(places, slots, sound, self._state.take(slots, axis=1)))

    def _work(self) -> None:
        """The thread."""
        while (batch := self._batches.get()) is not None:
            result: tuple[Floats, Floats] | Exception
            try:
                result = self._model.run(batch.sound, batch.state)
            except Exception as error:  # noqa: BLE001 - told by the loop
                result = error
            try:
                self._loop.call_soon_threadsafe(self._finish, batch, result)
            except RuntimeError:  # the loop ended before the detector did
                return

    def _finish(self, batch: _Batch, result: tuple[Floats, Floats] | Exception) -> None:
        self._is_running = False
        if self._is_closed:
            return
        if isinstance(result, Exception):
            self._fail(batch, result)
        else:
            self._is_failing = False
            probabilities, state = result
            wanted = [at for at, place in enumerate(batch.places) if place._is_awaited]
            self._state[:, [batch.slots[at] for at in wanted]] = state[:, wanted]
            self._deliver(batch.places, probabilities.tolist())
        self._list_again(batch.places)

    def _fail(self, batch: _Batch, error: Exception) -> None:
        if not self._is_failing:  # the first of a row
            _LOG.error("voice is not detected: %s", described(error))
        self._is_failing = True
        for place in batch.places:
            place._is_awaited = False

    def _deliver(self, places: list[Detection], probabilities: list[float]) -> None:
        for place, probability in zip(places, probabilities, strict=True):
            if place._is_awaited:  # one before it may have closed it
                place._is_awaited = False
                try:
                    place._on_probability(probability)
                except Exception as error:  # noqa: BLE001 - one call's failure is not the others'
                    _LOG.error("what the detector found could not be taken: %s", described(error))

    def _list_again(self, places: list[Detection]) -> None:
        """Those that are behind have a window for the next batch, too."""
        for place in places:
            if place._has_window and not place._is_ready:
                place._is_ready = True
                self._ready.append(place)
        if self._ready:
            self._wake()

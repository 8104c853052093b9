"""Hears whether callers have finished: the model Smart Turn v3, one session for any number of calls, in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Samples
from pinecall_run.voice._onnx import open_session
from pinecall_run.voice.failure import described
from pinecall_run.voice.log_mel import BANDS, FRAMES, SAMPLES, log_mel

if TYPE_CHECKING:
    from pinecall_run.voice.caller_side import Judge

_LOG = logging.getLogger("pinecall_run.voice")

_CHUNKS = SAMPLES // CHUNK_SAMPLES
_BEFORE = 40
"""Chunks that belong to a turn before it is noticed, 0.8 s: a voice is known for one when it has lasted, and the model
wants the half second before it."""
_INPUT = "input_features"


class SmartTurnError(Exception):
    """Turns cannot be judged by this model here; the message says why."""


class SmartTurn:
    """One for each process and file. May be made in any thread, which loading it blocks for some tenths of a second.

    Raises:
        SmartTurnError: the runtime or the file is not there, or the file is of another kind.
    """

    def __init__(self, model_file: str) -> None:
        self.calls = 0
        """How many judges are open."""
        self._session = _session(model_file)
        self._is_closed = self._is_failing = False
        self.questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._worker = Thread(target=self._work, name="smart-turn", daemon=True)
        self._worker.start()

    def open(self, on_verdict: Callable[[float], None]) -> Judge:
        """Who judges one call; ``on_verdict`` is given the probability that the caller has finished, on the event loop
        that runs now, once for each question or, where that is withdrawn or fails, not at all."""
        self.calls += 1
        return _CallJudge(self, on_verdict)

    async def close(self) -> None:
        """Deliver nothing more, and end the thread."""
        self._is_closed = True
        self.questions.put(None)
        await asyncio.to_thread(self._worker.join)

    def _work(self) -> None:
        """The thread. Calls are served in the order in which they asked, each for its last question."""
        while (question := self.questions.get()) is not None:
            if question.is_wanted and not self._is_closed:
                self._judge(question)
            del question  # which holds a call, and the next may come in an hour

    def _judge(self, question: _Question) -> None:
        result: float | Exception
        try:
            result = float(self._session.run(None, {_INPUT: log_mel(question.sound)[None]})[0][0, 0])
        except Exception as error:  # noqa: BLE001 - told by the loop
            result = error
        with suppress(RuntimeError):  # the loop ended before the model did
            question.judge.loop.call_soon_threadsafe(self._answer, question, result)

    def _answer(self, question: _Question, result: float | Exception) -> None:
        if isinstance(result, Exception):
            if not self._is_failing:  # the first of a row
                _LOG.error("ends of turns are not judged: %s", described(result))
            self._is_failing = True
            return
        self._is_failing = False
        if question.is_wanted and not self._is_closed:
            question.judge.question = None
            try:
                question.judge.on_verdict(result)
            except Exception as error:  # noqa: BLE001 - one call's failure is not the others'
                _LOG.error("what the turn model said could not be taken: %s", described(error))


class _Question(NamedTuple):
    judge: _CallJudge
    sound: Samples

    @property
    def is_wanted(self) -> bool:
        """Whether it is neither answered nor withdrawn. The loop decides it, the thread looks."""
        return self.judge.question is self


class _CallJudge:
    """Keeps the last 8 s of a call, in rows of a chunk each, of which the oldest is written over."""

    __slots__ = ("_began", "_chunks", "_heard", "_is_open", "_model", "loop", "on_verdict", "question")

    def __init__(self, model: SmartTurn, on_verdict: Callable[[float], None]) -> None:
        self.on_verdict = on_verdict
        self.loop = asyncio.get_running_loop()
        self.question: _Question | None = None
        self._model = model
        self._is_open = True
        self._chunks = np.zeros((_CHUNKS, CHUNK_SAMPLES), np.int16)
        self._heard = self._began = 0
        """Chunks of the call, and those of them that the turn does not have."""

    def hear(self, chunk: Samples) -> None:
        """See :class:`Judge`."""
        self._chunks[self._heard % _CHUNKS] = chunk
        self._heard += 1

    def begin(self) -> None:
        """See :class:`Judge`."""
        self._began = max(0, self._heard - _BEFORE)

    def ask(self) -> None:
        """See :class:`Judge`. A question that is not answered yet is withdrawn."""
        if self._is_open:
            self.question = _Question(self, self._sound())
            self._model.questions.put(self.question)

    def close(self) -> None:
        """See :class:`Judge`. Safe to call twice."""
        if self._is_open:
            self._is_open, self.question = False, None
            self._model.calls -= 1

    def _sound(self) -> Samples:
        """The turn's last 8 s; a shorter one has silence before it, as the model was taught."""
        oldest = self._heard % _CHUNKS
        rows = np.concatenate((self._chunks[oldest:], self._chunks[:oldest]))
        rows[: max(0, _CHUNKS - self._heard + self._began)] = 0
        return rows.reshape(-1)


def _session(model_file: str) -> Any:
    name = Path(model_file).name
    if not Path(model_file).is_file():
        raise SmartTurnError(f"the turn model {name} is not there: see turn_detection.smart_turn_model")
    try:
        session = open_session(model_file, has_fixed_shape=True)
    except ImportError as error:
        raise SmartTurnError(
            f"onnxruntime, which runs the turn model, is not installed ({error}): pip install 'pinecall-run[voice]'"
        ) from error
    except Exception as error:
        raise SmartTurnError(f"the turn model {name} cannot be loaded ({error})") from error
    inputs = [(each.name, each.shape[-2:]) for each in session.get_inputs()]
    if inputs != [(_INPUT, [BANDS, FRAMES])] or [each.shape[1:] for each in session.get_outputs()] != [[1]]:
        raise SmartTurnError(f"{name} is another model than Smart Turn v3: see turn_detection.smart_turn_model")
    return session

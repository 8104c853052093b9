"""What Pipecat's benches share: a pipeline with its voice detection and turns, and stages that cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from loguru import logger
from peers.load import ANSWER, REPLY_RATE, SAID, Measured, tone_pieces
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

logger.remove()  # it logs each frame of speech; what it costs is not what is measured
PIECES = tone_pieces()


class Ear(STTService):
    """Understands the sentence when the caller pauses."""

    async def run_stt(self, audio: bytes) -> AsyncIterator[Frame | None]:
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            await self.push_frame(TranscriptionFrame(text=SAID, user_id="", timestamp=""))


class Mind(FrameProcessor):
    """Answers in ten words."""

    def __init__(self, measured: Measured) -> None:
        super().__init__()
        self._measured = measured

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self._measured.turns += 1
        await self.push_frame(LLMFullResponseStartFrame())
        for word in ANSWER:
            await self.push_frame(LLMTextFrame(word + " "))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(TTSService):
    """Says anything as two seconds of a tone."""

    def __init__(self) -> None:
        super().__init__(push_start_frame=True, push_stop_frames=True, sample_rate=REPLY_RATE)

    async def run_tts(self, text: str, context_id: str) -> AsyncIterator[Frame]:
        for piece in PIECES:
            yield TTSAudioRawFrame(audio=piece, sample_rate=REPLY_RATE, num_channels=1, context_id=context_id)


async def begin(
    door: FrameProcessor, mouth: FrameProcessor, measured: Measured, *probes: FrameProcessor
) -> tuple[Any, ...]:
    """One call between a transport's two ends; the silence decides about turns, as with us. To be kept."""
    # Its other strategy, a model, takes more memory and no less time.
    turns = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()])
    parameters = LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=turns)
    user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=parameters)
    worker = PipelineWorker(
        Pipeline([door, *probes, Ear(), user, Mind(measured), Voice(), mouth, assistant]),
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=REPLY_RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    return worker, runner, asyncio.create_task(runner.run())

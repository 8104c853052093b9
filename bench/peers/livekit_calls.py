"""LiveKit Agents under the load of ``load.py``: its session alone, without a room, nothing told to anybody."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, stt, tts
from livekit.agents.voice import io
from peers.load import (
    ANSWER,
    PIECE_SAMPLES,
    RATE,
    REPLY_RATE,
    SAID,
    Callers,
    Measured,
    Order,
    measure,
    pin,
    tone_pieces,
)

logging.basicConfig(level=logging.ERROR)
AHEAD_SECONDS = 0.2
"""What a room's audio source would take before it is played."""
PIECES = [rtc.AudioFrame(piece, REPLY_RATE, 1, PIECE_SAMPLES) for piece in tone_pieces()]


class Door(io.AudioInput):
    """The caller's chunks when they are due."""

    def __init__(self, callers: Callers, number: int, measured: Measured) -> None:
        super().__init__(label="caller")
        self._chunks = callers.chunks(number)
        self._measured = measured

    async def __anext__(self) -> rtc.AudioFrame:
        chunk, due = await anext(self._chunks)
        self._measured.heard(due)
        return rtc.AudioFrame(chunk, RATE, 1, RATE // 50)


class Mouth(io.AudioOutput):
    """Takes a frame when it is due, a little ahead."""

    def __init__(self, measured: Measured) -> None:
        capabilities = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="loudspeaker", capabilities=capabilities, sample_rate=REPLY_RATE)
        self._measured = measured
        self._began: float | None = None
        self._seconds = 0.0
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._began is None:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._seconds += frame.duration
        await asyncio.sleep(max(self._began + self._seconds - AHEAD_SECONDS - time.monotonic(), 0))
        self._measured.spoken += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began is not None:
            ends, seconds = self._began + self._seconds, self._seconds
            self._began, self._seconds = None, 0.0
            self._ending = asyncio.create_task(self._end(ends, seconds))

    async def _end(self, ends: float, seconds: float) -> None:
        await asyncio.sleep(max(ends - time.monotonic(), 0))
        self.on_playback_finished(playback_position=seconds, interrupted=False)

    def clear_buffer(self) -> None:
        if self._ending is not None and not self._ending.done():
            self._ending.cancel()
            self.on_playback_finished(playback_position=0.1, interrupted=True)


class Ear(stt.STT):
    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError


class Mind(llm.LLM):
    def chat(self, **named: Any) -> Any:
        raise NotImplementedError


class Voice(tts.TTS):
    def __init__(self) -> None:
        capabilities = tts.TTSCapabilities(streaming=True)
        super().__init__(capabilities=capabilities, sample_rate=REPLY_RATE, num_channels=1)

    def synthesize(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError


class Desk(Agent):
    """Its own stages, which cost nothing: the providers above are there to be named only."""

    def __init__(self, measured: Measured) -> None:
        super().__init__(instructions="Help.")
        self._measured = measured
        self.paused = asyncio.Queue[None]()

    async def stt_node(self, audio: AsyncIterator[rtc.AudioFrame], settings: Any) -> AsyncIterator[stt.SpeechEvent]:
        async def drain() -> None:
            async for _ in audio:
                pass

        draining = asyncio.create_task(drain())
        try:
            while True:
                await self.paused.get()
                said = [stt.SpeechData(language="en", text=SAID)]
                yield stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=said)
        finally:
            draining.cancel()

    async def llm_node(self, context: Any, tools: Any, settings: Any) -> AsyncIterator[str]:
        self._measured.turns += 1
        for word in ANSWER:
            yield word + " "

    async def tts_node(self, text: AsyncIterator[str], settings: Any) -> AsyncIterator[rtc.AudioFrame]:
        async for _ in text:
            pass
        for piece in PIECES:
            yield piece


async def _begin(callers: Callers, number: int, measured: Measured) -> tuple[Any, ...]:
    desk = Desk(measured)
    session: Any = AgentSession(stt=Ear(), llm=Mind(), tts=Voice(), turn_handling={"turn_detection": "vad"})
    session.input.audio = Door(callers, number, measured)
    session.output.audio = Mouth(measured)

    def on_state(event: Any) -> None:
        if (event.old_state, event.new_state) == ("speaking", "listening"):
            desk.paused.put_nowait(None)

    session.on("user_state_changed", on_state)
    await session.start(desk, record=False)
    return desk, session


async def main(order: Order) -> None:
    """Run it."""
    measured, callers = Measured(order), Callers(order)
    kept = [await _begin(callers, number, measured) for number in range(order.calls)]
    assert kept
    await measure(measured)


if __name__ == "__main__":
    given = Order.given(sys.argv[1:])
    pin(given.core)
    asyncio.run(main(given))

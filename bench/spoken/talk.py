"""Callers who talk with our engine in real time, and what they notice: the measured process of ``bench/latency.py``."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from peers.load import pin, quantile
from spoken.runner import BEGINS
from spoken.speech import said, sustained, voiced
from spoken.stage import HERE, Stage, stage
from spoken.vendors import SPEAKING, THINKING, Ear, Mind, Sentence, Voice

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, RATE, SILENCE, Samples
from pinecall_run.wire.events import BotFinished, CallEvent, TurnEnd
from pinecall_run.wire.speech_events import BotInterrupted, EagerTurn, TurnMetrics

VOICES = ("slt", "rms")
QUESTIONS = (
    "Where is my order?",
    "Please send me the invoice by email.",
    "What time do you open on Saturday?",
    "I need to cancel my appointment on Monday.",
    "How much does the blue shirt cost?",
    "Can you tell me the price of the large pizza?",
)
OBJECTIONS = (
    "Wait a moment please.",
    "But when will it be here?",
    "I mean the other one.",
    "Tell me about the other order.",
)
REPLY_SECONDS = {"silence": 2.0, "native": 2.0, "barge_in": 8.0}
GATE = 0.3
CONFIGURATION = {"interruption": {"min_duration_ms": GATE * 1000}, "session_limits": {"max_duration_seconds": 0}}
STAGES = ("transcript_ms", "decided_ms", "first_token_ms", "first_audio_ms", "heard_ms")


class Notes:
    """Milliseconds of what all callers noticed, by its name."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, list[float]] = defaultdict(list)
        self.odd: dict[str, int] = defaultdict(int)

    def note(self, name: str, seconds: float) -> None:
        self.milliseconds[name].append(seconds * 1000)

    def report(self) -> dict[str, dict[str, float]]:
        return {name: _percentiles(sorted(found)) for name, found in self.milliseconds.items()}


def _percentiles(ordered: list[float]) -> dict[str, float]:
    parts = {f"p{round(part * 100)}": round(quantile(ordered, part), 1) for part in (0.5, 0.9, 0.95)}
    return {**parts, "max": round(ordered[-1], 1), "count": len(ordered)}


class Talker:
    """One caller, and their page. Says the next sentence when the agent has finished, or into what it says."""

    def __init__(self, number: int, sentences: Sequence[Sentence], notes: Notes, *, interrupts: bool) -> None:
        self._notes = notes
        self._sentences = sentences
        self._chance = random.Random(number)
        self._interrupts = interrupts
        self._pause = 50 + 7 * number % 100
        """Chunks of silence before the next sentence."""
        self._saying: Samples = SILENCE[:0]
        self._begins_at = self._ends_at = math.inf
        """When the voice of the last sentence began to be sustained, and when it ended."""
        self._began = self._decided = math.inf
        self._eager = ("", "")
        self._sounds_until = 0.0
        self._is_answered = True
        self._was_cut = False

    async def talk(self, it: Stage, share: float) -> None:
        """Until cancelled."""
        call, ear = it.open(self, replace(HERE, config=CONFIGURATION))
        due = math.ceil(time.monotonic()) + share * CHUNK_SECONDS
        while True:
            due += CHUNK_SECONDS
            await asyncio.sleep(max(due - time.monotonic(), 0))
            call.hear(self._chunk(ear, due))
            self._played(call.take(), time.monotonic())

    def _chunk(self, ear: Ear, due: float) -> Samples:
        if not len(self._saying):
            self._pause -= 1
            if self._pause:
                return SILENCE
            sentence = self._chance.choice(self._sentences)
            ear.expect(sentence)
            self._saying, self._is_answered, self._was_cut = sentence.sound, False, False
            began = due - CHUNK_SECONDS
            self._begins_at, self._ends_at = began + sentence.is_sustained_at / RATE, began + sentence.ends / RATE
        chunk, self._saying = self._saying[:CHUNK_SAMPLES], self._saying[CHUNK_SAMPLES:]
        return chunk

    def _played(self, chunk: Samples | None, now: float) -> None:
        if chunk is not None and chunk.any():
            self._sounds_until = now + (int(chunk.nonzero()[0][-1]) + 1) / RATE
            if not self._is_answered and not self._was_cut and (not self._interrupts or now > self._ends_at):
                self._answered(now)
        elif self._was_cut and now > self._begins_at:
            self._was_cut = False
            self._notes.note("barge_in", self._sounds_until - self._begins_at)

    def _answered(self, now: float) -> None:
        if now < self._ends_at:
            self._notes.odd["answered_too_early"] += 1
            return
        self._is_answered = True
        self._notes.note("as_heard", now - self._ends_at)
        vendors_done = self._began + THINKING + SPEAKING
        self._notes.note("our_share", now - max(self._decided, vendors_done))
        if self._interrupts:
            self._pause = self._chance.randrange(60, 200)

    # the page

    def event(self, event: CallEvent) -> None:
        """See :class:`AudioOutlet`."""
        match event:
            case EagerTurn():
                self._eager = event.message_id, event.text
                self._began = time.monotonic()
            case TurnEnd():
                self._decided = time.monotonic()
                if self._eager != (event.message_id, event.text):
                    self._began = self._decided
            case TurnMetrics():
                for name in STAGES:
                    if isinstance(value := getattr(event, name), float):
                        self._notes.note(f"stage_{name.removesuffix('_ms')}", value / 1000)
            case BotInterrupted():
                self._was_cut = self._interrupts and not self._is_answered
                self._notes.odd["interrupted"] += not self._interrupts
            case BotFinished():
                self._pause = self._chance.randrange(25, 75)

    def ended(self, reason: str) -> None:
        """See :class:`AudioOutlet`."""


def _sentences(texts: Sequence[str]) -> list[Sentence]:
    found = []
    for voice in VOICES:
        for text in texts:
            sound = said(text, voice)
            sound = sound[: len(sound) // CHUNK_SAMPLES * CHUNK_SAMPLES]
            found.append(Sentence(text, sound, *voiced(sound), sustained(sound, GATE)))
    return found


async def main(mode: str, calls: int, seconds: float) -> None:
    """Run it."""
    notes, is_barge = Notes(), mode == "barge_in"
    sentences = _sentences(OBJECTIONS if is_barge else QUESTIONS)
    async with stage(Mind(), lambda: Ear(has_turns=mode == "native"), Voice(REPLY_SECONDS[mode])) as it:
        print(BEGINS, flush=True)
        talkers = [Talker(number, sentences, notes, interrupts=is_barge) for number in range(calls)]
        talking = [asyncio.create_task(talker.talk(it, number / calls)) for number, talker in enumerate(talkers)]
        await asyncio.wait(talking, timeout=seconds)
        print(json.dumps({**notes.report(), "odd": notes.odd}), flush=True)
        os._exit(0)


if __name__ == "__main__":
    mode, calls, seconds, core = sys.argv[1:]
    pin(int(core))
    asyncio.run(main(mode, int(calls), float(seconds)))

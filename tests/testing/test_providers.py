"""The conformance suite passes what keeps the promises, and each way of breaking one is found out by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from unittest import SkipTest

import pytest

pytest.importorskip("numpy")

import numpy as np

from pinecall_run.audio.chunk import Samples
from pinecall_run.providers.contracts import (
    Audio,
    Heard,
    ModelPiece,
    ModelRequest,
    ProviderError,
    Spoken,
    Text,
    TokensUsed,
    ToolRequest,
    Transcript,
    TurnSignal,
    WordTime,
)
from pinecall_run.testing import _cases, _ear_checks, _model_checks, _voice_checks
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.providers import (
    EAR_CHECKS,
    MODEL_CHECKS,
    VOICE_CHECKS,
    EarCase,
    ModelCase,
    VoiceCase,
    ready,
)

KEY = "key-of-a-test"
LOUD = [np.full(320, 5_000, np.int16)] * 10
LEFT: list[asyncio.Task[Any]] = []


def fail(flaw: str) -> None:
    """What a broken one does at the point where it reaches its vendor."""
    match flaw:
        case "kind":
            raise ProviderError("Acme is asked too much at once")
        case "secret":
            raise ProviderError(f"Acme refused {KEY}", kind="key")
        case "lines":
            raise ProviderError("Acme refused\nthe key", kind="key")
        case "another error":
            raise OSError("no route")
        case "key":
            raise ProviderError("Acme refused the key", kind="key")


async def linger(flaw: str, name: str) -> None:
    """Leave a task behind, or be deaf to being cancelled."""
    if flaw == f"task {name}":
        LEFT.append(asyncio.create_task(asyncio.sleep(30)))
    if flaw == f"deaf {name}":
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            await asyncio.sleep(1)


class Ear:
    """Understands `hello` of whatever is loud."""

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.has_turns = False
        self.shared: asyncio.Queue[Heard | None] | None = None

    async def open(self) -> Stream:
        fail(self.flaw)
        if self.flaw == "task open":
            LEFT.append(asyncio.create_task(asyncio.sleep(30)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self.flaw == "task open":
            LEFT.pop().cancel()
        out: asyncio.Queue[Heard | None] = asyncio.Queue()
        if self.flaw == "shared":
            out = self.shared = self.shared or out
        return Stream(self.flaw, out)


class Stream:
    def __init__(self, flaw: str, out: asyncio.Queue[Heard | None]) -> None:
        self.flaw, self.out = flaw, out
        self.is_loud, self.count, self.is_closed = False, 0, False

    def hear(self, chunk: Samples) -> Any:
        if self.flaw == "slow":
            time.sleep(0.003)
        self.is_loud = self.is_loud or bool(chunk.any())
        return self if self.flaw == "returns" else None

    def finish(self) -> None:
        text, self.is_loud = "hello" if self.is_loud else "", False
        self.count += 1
        if not text and self.flaw == "silent":
            return
        if not text and self.flaw == "um":
            text = "um"
        if self.count > 1 and self.flaw == "once":
            return
        self.out.put_nowait(Transcript(text, is_final=True, confidence=2 if self.flaw == "confidence" else 1))
        if self.flaw == "turns":
            self.out.put_nowait(TurnSignal("ended", text))

    async def heard(self) -> AsyncIterator[Heard]:
        await linger(self.flaw, "heard")
        while (heard := await self.out.get()) is not None:
            yield heard

    async def close(self) -> None:
        if self.is_closed and self.flaw == "close twice":
            raise RuntimeError("it is closed")
        self.is_closed = True
        if self.flaw != "close":
            self.out.put_nowait(None)


EARS = {
    "slow": "hear_never_blocks",
    "returns": "hear_never_blocks",
    "silent": "silence_is_an_empty_final",
    "um": "silence_is_an_empty_final",
    "once": "what_is_said_is_understood",
    "turns": "what_is_said_is_understood",
    "confidence": "what_is_said_is_understood",
    "close": "closing_is_safe_at_any_time",
    "task heard": "who_listens_may_be_cancelled",
    "deaf heard": "who_listens_may_be_cancelled",
    "task open": "opening_may_be_cancelled",
    "shared": "many_conversations_hear_at_once",
}


class Voice:
    """One second of a tone at 8 kHz, for three words."""

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.rate = 16_000 if flaw == "rate" else 8_000
        self.count = self.at_work = 0

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        fail(self.flaw)
        self.count += 1
        self.at_work += 1
        try:
            await linger(self.flaw, "speak")
            late = []
            for number, word in enumerate(sentence.split()):
                offset = 2.0 if self.flaw == "words" else 0.0
                time_of = WordTime(word, offset + number / 4, offset + (number + 1) / 4)
                late.append(time_of)
                if self.flaw != "late":
                    yield time_of
                size = 100 if self.flaw == "cut" and self.count > 1 else 2_000
                yield Audio(np.full(size, 900, np.float32 if self.flaw == "floats" else np.int16))  # type: ignore[arg-type]
                await asyncio.sleep(0)
            if self.flaw == "late":
                for one in late:
                    yield one
            if self.flaw == "changes":
                self.rate = 24_000
        finally:
            if self.flaw != "goes on":
                self.at_work -= 1
            if self.flaw == "slow to close":
                await asyncio.sleep(1)

    async def warm(self) -> None:
        if self.flaw == "warm":
            raise ProviderError("Acme cannot be reached", kind="network")


VOICES = {
    "rate": "sound_has_its_rate",
    "floats": "sound_has_its_rate",
    "changes": "sound_has_its_rate",
    "words": "words_are_within_the_sound",
    "late": "words_are_within_the_sound",
    "cut": "sentences_follow_each_other",
    "goes on": "closing_stops_the_vendor",
    "slow to close": "closing_stops_the_vendor",
    "task speak": "who_speaks_may_be_cancelled",
    "deaf speak": "who_speaks_may_be_cancelled",
    "warm": "warming_never_fails",
}
TOOLS = [{"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {}}}]


class Model:
    """Calls its first tool for `look`, and says ok otherwise."""

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        fail(self.flaw)
        await linger(self.flaw, "stream")
        if self.flaw == "changes":
            request.messages.append({"role": "user", "content": "x"})  # type: ignore[attr-defined]
        if request.tools and request.messages[-1]["content"] == "look":
            for number in range(2):
                arguments = '{"id": ' if self.flaw == "half" else "{}"
                yield ToolRequest("same" if self.flaw == "ids" else f"t{number}", "look", arguments)
        elif self.flaw == "mute" and request.messages[-1]["role"] == "tool":
            return
        else:
            yield Text("o")
            yield Text("k")
        yield TokensUsed(3, 0 if self.flaw == "counts" else 2)
        if self.flaw == "twice":
            yield TokensUsed(3, 2)
        if self.flaw == "slow to close":
            await asyncio.sleep(1)


MODELS = {
    "changes": "answers_come_as_text",
    "counts": "tokens_are_counted_once",
    "twice": "tokens_are_counted_once",
    "half": "tools_are_asked_for_in_whole",
    "ids": "tools_are_asked_for_in_whole",
    "mute": "tools_are_asked_for_in_whole",
    "task stream": "who_asks_may_be_cancelled",
    "deaf stream": "who_asks_may_be_cancelled",
}
FAILURES = ("kind", "secret", "lines", "another error", "")
CHECKS = (*EAR_CHECKS, *VOICE_CHECKS, *MODEL_CHECKS)


def case(check: Callable[..., None], flaw: str = "", failing: str = "key") -> Any:
    """The case of a double for a check."""
    facts: dict[str, Any] = {"secrets": [KEY], "seconds": 1.5}
    if check in EAR_CHECKS:
        facts |= {"failing": {"key": ready(lambda: Ear(failing))}}
        return EarCase(opened=ready(lambda: Ear(flaw)), said=LOUD, words="Hello", **facts)
    if check in VOICE_CHECKS:
        voice = Voice(flaw)
        facts |= {"failing": {"key": ready(lambda: Voice(failing))}}
        return VoiceCase(
            opened=ready(lambda: voice), lasts=(0.9, 1.1), has_words=True, is_idle=lambda: not voice.at_work, **facts
        )
    facts |= {"failing": {"key": ready(lambda: Model(failing))}, "tools": TOOLS, "tool_question": "look"}
    return ModelCase(opened=ready(lambda: Model(flaw)), counts_tokens=True, **facts)


@pytest.fixture(autouse=True)
def _leaves_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_cases, _ear_checks, _voice_checks, _model_checks):
        monkeypatch.setattr(module, "LEAVE_SECONDS", 0.4)


@pytest.mark.parametrize("check", CHECKS)
def test_what_keeps_the_promises_passes(check: Callable[[Any], None]) -> None:
    check(case(check))


@pytest.mark.parametrize(
    ("name", "flaw", "checks"),
    [
        *((name, flaw, EAR_CHECKS) for flaw, name in EARS.items()),
        *((name, flaw, VOICE_CHECKS) for flaw, name in VOICES.items()),
        *((name, flaw, MODEL_CHECKS) for flaw, name in MODELS.items()),
    ],
)
def test_what_breaks_one_is_found_out(name: str, flaw: str, checks: tuple[Callable[[Any], None], ...]) -> None:
    check = next(check for check in checks if check.__name__ == name)
    with pytest.raises(Unexpected):
        check(case(check, flaw))
    LEFT.clear()


@pytest.mark.parametrize("flaw", FAILURES)
@pytest.mark.parametrize("check", [EAR_CHECKS[-1], VOICE_CHECKS[-1], MODEL_CHECKS[-1]])
def test_a_failure_of_another_shape_is_found_out(check: Callable[[Any], None], flaw: str) -> None:
    given = replace(case(check, failing=flaw), seconds=0.2)
    with pytest.raises(Unexpected):
        check(given)


def test_a_failure_that_nobody_took_is_found_out() -> None:
    class Forgetful(Model):
        async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
            async def broken() -> None:
                raise OSError("nobody sees it")

            task = asyncio.create_task(broken())
            await asyncio.sleep(0.01)
            del task
            yield Text("ok")

    with pytest.raises(Unexpected, match=r"a failure that nobody took: .*nobody sees it"):
        MODEL_CHECKS[0](ModelCase(opened=ready(Forgetful)))


def test_what_a_case_has_no_facts_for_is_skipped() -> None:
    skipped = []
    for check in MODEL_CHECKS:
        try:
            check(ModelCase(opened=ready(Model)))
        except SkipTest as error:
            skipped.append((check.__name__, str(error)))
    assert skipped == [
        ("tokens_are_counted_once", "the case has no `counts_tokens`"),
        ("tools_are_asked_for_in_whole", "the case has no `tools`"),
        ("failures_are_of_their_kind", "the case has no `failing`"),
    ]

"""What an ear promises (``SpeechToText``, ``HearingStream``), each promise a function that checks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import SkipTest

from pinecall_run.providers.contracts import Heard, HearingStream, SpeechToText, Transcript, TurnSignal
from pinecall_run.testing._cases import (
    LEAVE_SECONDS,
    Case,
    all_fail_as_they_should,
    at_work,
    gone,
    needs,
    promise,
    within,
)
from pinecall_run.testing.failures import Unexpected

if TYPE_CHECKING:
    from pinecall_run.audio.chunk import Samples

QUICK_SECONDS = 1.0
"""Ten seconds of sound are taken within this, though nobody gets to run meanwhile."""


@dataclass(frozen=True, kw_only=True)
class EarCase(Case[SpeechToText]):
    """The facts of an ear.

    Attributes:
        said: a sentence, as chunks of 20 ms; none where the ear is only held to what it does with silence.
        words: what of it must be understood, whatever the case of letters.
        pace: seconds from one chunk to the next: 0.02 for vendors that take no more than a person says.
    """

    said: Sequence[Samples] = ()
    words: str = ""
    pace: float = 0.0


def _silence(seconds: float) -> list[Samples]:
    from pinecall_run.audio.chunk import CHUNK_SECONDS, SILENCE

    return [SILENCE] * round(seconds / CHUNK_SECONDS)


class _Listener:
    """Somebody who iterates a stream to its end."""

    def __init__(self, case: EarCase, stream: HearingStream, *, has_turns: bool) -> None:
        self._case = case
        self._has_turns = has_turns
        self.stream = stream
        self.heard: list[Heard] = []
        self._news = asyncio.Event()
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for heard in self.stream.heard():
                _judge(heard, has_turns=self._has_turns)
                self.heard.append(heard)
                self._news.set()
        finally:
            self._news.set()

    async def say(self, chunks: Iterable[Samples]) -> None:
        """Let it hear, and then that the person paused."""
        for chunk in chunks:
            self.stream.hear(chunk)
            await asyncio.sleep(self._case.pace)
        self.stream.finish()

    async def until(self, is_it: Callable[[Sequence[Heard]], bool], what: str) -> None:
        """Wait until what was heard is as it should be.

        Raises:
            ProviderError: what :meth:`HearingStream.heard` raised.
        """
        try:
            async with asyncio.timeout(self._case.seconds):
                while not is_it(self.heard):
                    if self.listening.done():
                        self.listening.result()
                        raise Unexpected(f"the stream ended by itself before {what}; heard: {self.heard}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Unexpected(f"{what} did not come within {self._case.seconds:g} s; heard: {self.heard}") from None

    async def ended(self) -> None:
        """Whoever iterates is let go once the stream is closed."""
        await within(LEAVE_SECONDS, asyncio.wait([self.listening]), "letting go of who listens to a closed stream")
        self.listening.result()


def _judge(heard: Heard, *, has_turns: bool) -> None:
    match heard:
        case Transcript(text=str(), is_final=bool(), confidence=confidence) if 0 <= confidence <= 1:
            pass
        case TurnSignal(text=str()) if has_turns:
            pass
        case TurnSignal():
            raise Unexpected(f"a signal about turns from an ear whose `has_turns` is false: {heard}")
        case _:
            raise Unexpected(f"heard() yielded {heard!r}")


@asynccontextmanager
async def _listening(case: EarCase, ear: SpeechToText) -> AsyncIterator[_Listener]:
    stream = await within(case.seconds, ear.open(), "opening a stream")
    listener = _Listener(case, stream, has_turns=ear.has_turns)
    try:
        yield listener
        await within(LEAVE_SECONDS, stream.close(), "closing a stream")
        await listener.ended()
    finally:
        await stream.close()
        listener.listening.cancel()
        await asyncio.gather(listener.listening, return_exceptions=True)


def _is_final(heard: Sequence[Heard]) -> bool:
    return any(isinstance(one, Transcript) and one.is_final for one in heard)


def _understood(case: EarCase, since: int) -> Callable[[Sequence[Heard]], bool]:
    """Whether all words were heard for good, in what came after the first so many."""

    def is_it(heard: Sequence[Heard]) -> bool:
        new = heard[since:]
        finals = [one.text for one in new if isinstance(one, Transcript) and one.is_final]
        turns = [one.text for one in new if isinstance(one, TurnSignal) and one.kind == "ended"]
        got = " ".join([*finals, *turns]).lower()
        return all(word in got for word in case.words.lower().split())

    return is_it


@promise
async def hear_never_blocks(case: EarCase) -> None:
    """Ten seconds of sound at once are taken without waiting, and whatever is too much is dropped."""
    async with at_work(case) as ear, _listening(case, ear) as listener:
        chunks, began = _silence(10), time.perf_counter()
        for chunk in chunks:
            if listener.stream.hear(chunk) is not None:  # type: ignore[func-returns-value]
                raise Unexpected("hear() returned something: it is a plain function without a result")
        took = time.perf_counter() - began
        if took > QUICK_SECONDS:
            raise Unexpected(f"to hear 10 s of sound took {took:.1f} s, while nothing else could run")


@promise
async def silence_is_an_empty_final(case: EarCase) -> None:
    """``finish()`` is answered with something final though nothing was said, so that nobody waits."""
    async with at_work(case) as ear:
        if ear.has_turns:
            raise SkipTest("it decides about turns by itself")
        async with _listening(case, ear) as listener:
            await listener.say(_silence(0.5))
            await listener.until(_is_final, "something final after silence")
            if text := "".join(one.text for one in listener.heard):
                raise Unexpected(f"of silence it heard `{text}`")


@promise
async def what_is_said_is_understood(case: EarCase) -> None:
    """A sentence comes as text, and the next one on the same stream too."""
    needs(case.said, "said")
    async with at_work(case) as ear, _listening(case, ear) as listener:
        for nth in ("a sentence", "the next sentence"):
            since = len(listener.heard)
            await listener.say([*case.said, *_silence(1)])
            await listener.until(_understood(case, since), f"{nth} (`{case.words}`)")


@promise
async def closing_is_safe_at_any_time(case: EarCase) -> None:
    """Twice, both at once, while somebody listens, in the middle of a sentence; afterwards nothing fails."""
    async with at_work(case) as ear, _listening(case, ear) as listener:
        for chunk in case.said or _silence(0.5):
            listener.stream.hear(chunk)
        await asyncio.sleep(0)
        both = asyncio.gather(listener.stream.close(), listener.stream.close())
        await within(LEAVE_SECONDS, both, "closing a stream twice")
        await listener.ended()
        listener.stream.hear(_silence(0.02)[0])
        listener.stream.finish()


@promise
async def who_listens_may_be_cancelled(case: EarCase) -> None:
    """A call that ends cancels who listens: the stream can still be closed."""
    async with at_work(case) as ear:
        stream = await within(case.seconds, ear.open(), "opening a stream")
        listener = _Listener(case, stream, has_turns=ear.has_turns)
        await listener.say(_silence(0.1))
        listener.listening.cancel()
        try:
            await gone(listener.listening, "iterating heard()")
        finally:
            await within(LEAVE_SECONDS, stream.close(), "closing a stream")


@promise
async def opening_may_be_cancelled(case: EarCase) -> None:
    """A call that ends while a stream is opened leaves nothing behind, and the next call can open one."""
    async with at_work(case) as ear:
        for steps in (0, 1, 5):
            opening = asyncio.create_task(ear.open())
            for _ in range(steps):
                await asyncio.sleep(0)
            opening.cancel()
            await gone(opening, "opening a stream")
            if not opening.cancelled():  # it was faster
                await opening.result().close()
        async with _listening(case, ear):
            pass


@promise
async def many_conversations_hear_at_once(case: EarCase) -> None:
    """Each stream is somebody's own."""
    async with at_work(case) as ear:

        async def converse() -> None:
            async with _listening(case, ear) as listener:
                await listener.say([*case.said, *_silence(1)])
                if case.said:
                    await listener.until(_understood(case, 0), f"a sentence (`{case.words}`)")
                elif not ear.has_turns:
                    await listener.until(_is_final, "something final")

        await asyncio.gather(*(converse() for _ in range(case.at_once)))


@promise
async def failures_are_of_their_kind(case: EarCase) -> None:
    """Whatever goes wrong is a ProviderError of its kind, in one line, without a secret; then closing is still safe."""

    async def use(ear: SpeechToText) -> None:
        stream = await ear.open()
        listener = _Listener(case, stream, has_turns=ear.has_turns)
        try:
            await listener.say([*case.said, *_silence(1)])
            await listener.listening
        finally:
            listener.listening.cancel()
            await asyncio.gather(listener.listening, return_exceptions=True)
            await stream.close()

    await all_fail_as_they_should(case, use)


EAR_CHECKS = (
    hear_never_blocks,
    silence_is_an_empty_final,
    what_is_said_is_understood,
    closing_is_safe_at_any_time,
    who_listens_may_be_cancelled,
    opening_may_be_cancelled,
    many_conversations_hear_at_once,
    failures_are_of_their_kind,
)
"""All of them."""

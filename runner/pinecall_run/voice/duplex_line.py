"""The way to a model that hears and speaks itself: one stream at a time, opened anew when it fails.

For the rest of a call it is both a language model and a voice, either of which waits for a stream that is open.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE, Samples
from pinecall_run.providers.catalogue import is_duplex, open_duplex, parse_models
from pinecall_run.providers.contracts import (
    Aloud,
    Audio,
    DuplexEvent,
    DuplexModel,
    DuplexStream,
    ModelPiece,
    ModelRequest,
    ProviderError,
    Spoken,
    ToolRequest,
)
from pinecall_run.voice.configured import raw
from pinecall_run.voice.failure import described
from pinecall_run.voice.health import Health
from pinecall_run.voice.listening import KEPT_SECONDS, OPEN_SECONDS, PAUSES
from pinecall_run.voice.models import going_on

_LOG = logging.getLogger("pinecall_run.voice")

STALL_SECONDS = 6.0
"""A model that is asked and gives nothing for this long has failed: another stream is opened."""

READY_SECONDS = 10.0
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Duplex:
    """A vendor's model that hears and speaks itself, ready to be opened."""

    provider: str
    model: DuplexModel
    name: str

    @property
    def key(self) -> tuple[str, ...]:
        """Whose health it is."""
        return "llm", self.provider, self.name


def open_duplexes(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> list[Duplex]:
    """The models of a configuration that hear and speak themselves; none where another kind comes before them.

    ``config.realtime`` has options for them (protocol: LLM). One that cannot be opened is passed over.

    Raises:
        ProviderError: there is nothing else, and it cannot be opened.
    """
    own = raw(configuration, "realtime")
    found: list[Duplex] = []
    failed: list[ProviderError] = []
    for spec in parse_models(configuration.get("llm")):
        if not is_duplex(spec):
            if not found:
                return []
            continue
        options = {**(own if isinstance(own, dict) else {}), **spec.options}
        try:
            asked = type(spec)(spec.provider, spec.model, options)
            found.append(Duplex(spec.provider, open_duplex(asked, environ), spec.model))
        except ProviderError as error:
            failed.append(error)
    if failed and not found:
        raise failed[0]
    return found


OnFailure = Callable[[str, ProviderError, str], None]
"""Told of a vendor that failed, how, and who goes on: empty where it is itself asked again, or nobody is left."""


class DuplexLine:
    """Holds the stream of one call. ``on_lost`` is told when it has ended and another one will hear what has no words
    yet; ``language`` says what is spoken now."""

    rate = RATE

    def __init__(
        self,
        duplexes: Sequence[Duplex],
        on_event: Callable[[DuplexEvent], None],
        on_failure: OnFailure,
        on_lost: Callable[[], None],
        *,
        language: Callable[[], str],
        health: Health,
    ) -> None:
        self._duplexes = health.in_order(duplexes, lambda one: one.key)
        self._on_event = on_event
        self._on_failure = on_failure
        self._on_lost = on_lost
        self._language = language
        self._health = health
        self._stream: DuplexStream | None = None
        self._is_there = asyncio.Event()
        self._kept: deque[Samples] = deque(maxlen=round(KEPT_SECONDS / CHUNK_SECONDS))
        """What was not put into words yet."""

    # what the caller does

    def hear(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        self._kept.append(chunk)
        if self._stream is not None:
            self._stream.hear(chunk)

    def forget(self) -> None:
        """What the caller was saying does not count."""
        self._kept.clear()
        if self._stream is not None:
            self._stream.forget()

    def understood(self, but: float = 0.0) -> None:
        """What was said, but for the last seconds, is in the history: no other stream has to hear it."""
        for _ in range(len(self._kept) - round(but / CHUNK_SECONDS)):
            self._kept.popleft()

    def change_language(self) -> None:
        """The caller speaks another language from now on."""
        if self._stream is not None:
            self._stream.change_language(self._language())

    # the stream

    async def run(self) -> bool:
        """Keep a stream open, until cancelled; ``False`` when nobody is left who can."""
        try:
            return await self._run()
        finally:
            self._kept.clear()  # the most of what a call that is over would hold until the collector comes to it

    async def _run(self) -> bool:
        failures = 0
        while self._duplexes:
            current = self._duplexes[0]
            has_worked, error = await self._hold(current)
            self._health.failed(current.key, error)
            failures = 1 if has_worked else failures + 1
            if error.is_lasting or failures > len(PAUSES):
                self._duplexes.pop(0)
                following = self._duplexes[0].provider if self._duplexes else ""
                self._on_failure(current.provider, error, following)
                failures = 0
                continue
            if failures == 1:
                self._on_failure(current.provider, error, "")
            await asyncio.sleep(max(PAUSES[failures - 1], error.retry_after))
        self._is_there.set()
        return False

    async def _hold(self, duplex: Duplex) -> tuple[bool, ProviderError]:
        """Open a stream, and read it until it fails: whether anything came of it, and how it failed."""
        stream: DuplexStream | None = None
        has_worked = False
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                stream = await duplex.model.open(self._language())
            self._join(stream)
            self._health.worked(duplex.key)
            async for event in stream.events():
                has_worked = True
                self._on_event(event)
            return has_worked, ProviderError("it ended the stream", kind="network")
        except ProviderError as error:
            return has_worked, error
        except TimeoutError:
            return False, ProviderError(f"it did not answer within {OPEN_SECONDS:g} s", kind="timeout")
        finally:
            self._stream = None
            self._is_there.clear()
            if stream is not None:
                self._on_lost()
                await _close(stream)

    def _join(self, stream: DuplexStream) -> None:
        for chunk in self._kept:
            stream.hear(chunk)
        self._stream = stream
        self._is_there.set()

    async def _ready(self) -> DuplexStream:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while self._stream is None or not self._stream.is_open:
                    if not self._duplexes:
                        break
                    self._is_there.clear()
                    await self._is_there.wait()
        except TimeoutError:
            pass
        if self._stream is None or not self._stream.is_open:
            raise ProviderError("the model cannot be reached", "see what failed before", kind="network")
        return self._stream

    # a model and a voice

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`. What fails on the way is tried again: the answer goes on where it broke off."""
        said, has_asked = "", False
        for attempt in range(1, ATTEMPTS + 1):
            stream = await self._ready()
            try:
                async with aclosing(stream.stream(going_on(request, said))) as pieces:  # type: ignore[type-var]
                    while (piece := await _next(pieces)) is not None:
                        said += piece.text if isinstance(piece, Aloud) else ""
                        has_asked = has_asked or isinstance(piece, ToolRequest)
                        yield piece
                return
            except ProviderError as error:
                if error.kind == "timeout":
                    await _close(stream)
                if has_asked or attempt == ATTEMPTS or (error.is_lasting and stream.is_open):
                    raise

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        """See :class:`TextToSpeech`. A sentence that breaks off is said anew."""
        for attempt in range(1, ATTEMPTS + 1):
            stream = await self._ready()
            try:
                async with aclosing(stream.say(sentence)) as sound:  # type: ignore[type-var]
                    async for samples in sound:
                        yield Audio(samples)
                return
            except ProviderError as error:
                if attempt == ATTEMPTS or (error.is_lasting and stream.is_open):
                    raise


async def _next(pieces: AsyncIterator[ModelPiece]) -> ModelPiece | None:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            return await anext(pieces, None)
    except TimeoutError:
        raise ProviderError(f"the model gave nothing for {STALL_SECONDS:g} s", kind="timeout") from None


async def _close(stream: DuplexStream) -> None:
    try:
        await stream.close()
    except Exception as error:  # noqa: BLE001 - it is over with it either way
        _LOG.error("a realtime model did not close: %s", described(error))

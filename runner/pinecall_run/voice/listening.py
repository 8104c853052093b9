"""How a call is heard: its sound on the way to a vendor, over failures of it, and from one vendor to the next."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pinecall_run.audio.chunk import CHUNK_SECONDS, Samples
from pinecall_run.providers.contracts import (
    ConfigurableStream,
    Heard,
    HearingStream,
    ProviderError,
    SpeechSpec,
    SpeechToText,
    Transcript,
)
from pinecall_run.voice.failure import described
from pinecall_run.voice.health import Health

_LOG = logging.getLogger("pinecall_run.voice")

KEPT_SECONDS = 15.0
"""Sound that was not understood for good yet; a vendor that is connected anew hears it again."""

OPEN_SECONDS = 10.0
PAUSES = (0.0, 0.5, 2.0)
"""How long to wait before a vendor that failed is asked again. After the last it is the next one's turn, if there is
one; the last of all is asked for as long as the call lasts."""


@dataclass(frozen=True, slots=True)
class Ear:
    """A vendor's speech to text, ready to be opened.

    Attributes:
        model: what its price depends on.
        spec: what it was made of.
    """

    provider: str
    stt: SpeechToText
    model: str = ""
    spec: SpeechSpec | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """Whose health it is."""
        return "stt", self.provider, self.model


OnUsed = Callable[[tuple[str, str], float], None]
"""Told of seconds that a vendor's model was given to hear."""

OnFailure = Callable[[str, str, str], None]
"""Told of a vendor that failed: its name, its words, and who hears next (empty where it is asked again)."""


class Listener:
    """The ears of one call, one open at a time. ``on_heard`` is told what was understood."""

    def __init__(
        self,
        ears: Sequence[Ear],
        on_heard: Callable[[Heard], None],
        on_failure: OnFailure,
        *,
        health: Health,
        on_used: OnUsed,
    ) -> None:
        self._ears = health.in_order(ears, lambda ear: ear.key)
        self._health = health
        self._on_used = on_used
        self._on_heard = on_heard
        self._on_failure = on_failure
        self._stream: HearingStream | None = None
        self._kept: deque[Samples] = deque(maxlen=round(KEPT_SECONDS / CHUNK_SECONDS))
        self._is_finishing = False
        self._has_heard = False
        self._given = 0
        """Chunks that the stream was given."""

    def hear(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        self._kept.append(chunk)
        if self._stream is not None:
            self._given += 1
            self._stream.hear(chunk)

    def finish(self) -> None:
        """The caller paused: what was said is wanted."""
        self._is_finishing = True
        if self._stream is not None:
            self._stream.finish()

    def change(self, ears: Sequence[Ear]) -> bool:
        """Hear by these from now on, on the stream that is open, which may be in the middle of a sentence.

        ``False`` where that cannot be, and nothing has changed: another vendor, model or language, options that take
        another stream, or there is none now.
        """
        ears = self._health.in_order(ears, lambda ear: ear.key)
        now, then = self._ears[0].spec, ears[0].spec
        if self._stream is None or now is None or then is None or replace(now, options=then.options) != then:
            return False
        if now != then and not (isinstance(self._stream, ConfigurableStream) and self._stream.configure(then.options)):
            return False
        self._ears = ears
        return True

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            await self._run()
        finally:
            self._kept.clear()  # the most of what a call that is over would hold until the collector comes to it

    async def _run(self) -> None:
        failures = 0
        while self._ears:
            ear = self._ears[0]
            self._has_heard = False
            error = await self._listen(ear)
            self._health.failed(ear.key, error)
            failures = 1 if self._has_heard else failures + 1
            if (failures > len(PAUSES) - 1 or error.is_lasting) and len(self._ears) > 1:
                self._ears.pop(0)
                self._on_failure(ear.provider, str(error), self._ears[0].provider)
                failures = 0
                continue
            if failures == 1:
                self._on_failure(ear.provider, str(error), "")
            await asyncio.sleep(max(PAUSES[min(failures, len(PAUSES)) - 1], error.retry_after))

    async def _listen(self, ear: Ear) -> ProviderError:
        """Hear by one vendor until it fails; how it did."""
        stream: HearingStream | None = None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                stream = await ear.stt.open()
            self._join(stream)
            async for heard in stream.heard():
                if not self._has_heard:
                    self._health.worked(ear.key)
                self._heard(heard)
            return ProviderError("it ended the stream")
        except ProviderError as error:
            return error
        except TimeoutError:
            return ProviderError(f"it did not answer within {OPEN_SECONDS:g} s", kind="timeout")
        except Exception as error:  # noqa: BLE001 - an ear may fail in any way; the call goes on
            _LOG.error("hearing failed: %s", described(error))
            return ProviderError(f"it failed with {type(error).__name__}")
        finally:
            self._stream = None
            if self._given:
                self._on_used((ear.provider, ear.model), self._given * CHUNK_SECONDS)
                self._given = 0
            if stream is not None:
                await _close(stream)

    def _join(self, stream: HearingStream) -> None:
        for chunk in self._kept:
            stream.hear(chunk)
        self._given = len(self._kept)
        if self._is_finishing:
            stream.finish()
        self._stream = stream

    def _heard(self, heard: Heard) -> None:
        self._has_heard = True
        if heard.is_final if isinstance(heard, Transcript) else heard.kind == "ended":
            self._kept.clear()
            self._is_finishing = False
        self._on_heard(heard)


async def _close(stream: HearingStream) -> None:
    try:
        await stream.close()
    except Exception as error:  # noqa: BLE001 - it is over with it either way
        _LOG.error("an ear did not close: %s", described(error))

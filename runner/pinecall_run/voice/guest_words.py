"""What a supervisor says to the caller, written into the history by the ear that hears the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pinecall_run.audio.chunk import CHUNK_SECONDS, Chunker, Samples
from pinecall_run.audio.level import level_of
from pinecall_run.providers.contracts import Heard, Transcript
from pinecall_run.voice.call_core import CallCore
from pinecall_run.voice.hearing import Guarded
from pinecall_run.voice.listening import Ear, Listener
from pinecall_run.wire import live_events, speech_events

VOLUME = 0.35
"""From which on a sound is a voice (see :class:`pinecall_run.audio.level.Level`)."""

PAUSE = round(0.6 / CHUNK_SECONDS)
"""Chunks of the call without a voice after which its words are wanted."""

LATE = round(3.0 / CHUNK_SECONDS)
"""Chunks of the call that words may take once nobody speaks any more."""

UNHEARD = "[a human colleague spoke with the person here; what they said was not written down]"
"""What the history says for sound without words."""


class GuestWords:
    """Hears one supervisor at a time. ``ears`` are those of the call as it is configured now; where it has none, the
    history says only that somebody spoke."""

    def __init__(self, core: CallCore, ears: Callable[[], Sequence[Ear]], guarded: Guarded) -> None:
        self._core = core
        self._ears = ears
        self._guarded = guarded
        self._chunker = Chunker()
        self._listener: Listener | None = None
        self._running: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[None]] = set()
        self._record: dict[str, Any] | None = None
        """The message of the history that they are saying, or said last."""
        self._is_speaking = False
        self._silent = 0

    def hear(self, samples: Samples) -> None:
        """More of their voice, of any length."""
        for chunk in self._chunker.feed(samples):
            if level_of(chunk).volume >= VOLUME:
                self._speaks()
            if self._listener is not None:
                self._listener.hear(chunk)

    def _speaks(self) -> None:
        self._silent = 0
        if not self._is_speaking:
            self._is_speaking = True
            self._record = self._core.conversation.begin("assistant", UNHEARD)
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        core, ears = self._core, self._ears()
        if ears:
            self._listener = Listener(
                ears, self._on_heard, self._on_failure, health=core.around.health, on_used=core.usage.heard
            )
            self._running = asyncio.create_task(self._guarded(self._listener.run))

    def pulse(self) -> None:
        """20 ms of the call have passed."""
        self._silent += 1
        if self._is_speaking and self._silent >= PAUSE:
            self._is_speaking = False
            if self._listener is not None:
                self._listener.finish()
        elif self._silent >= LATE and self._running is not None:
            self._stop()

    def _stop(self) -> None:
        """Let the ear go: an open one may cost by the minute."""
        running, self._running, self._listener = self._running, None, None
        if running is not None:
            running.cancel()
            self._given_up.add(running)
            running.add_done_callback(self._given_up.discard)

    async def close(self) -> None:
        """The call is over."""
        self._stop()
        await asyncio.gather(*self._given_up, return_exceptions=True)

    def _on_heard(self, heard: Heard) -> None:
        is_whole = heard.is_final if isinstance(heard, Transcript) else heard.kind == "ended"
        record = self._record
        if not is_whole or record is None:
            return
        before = record["content"]
        if heard.text:
            record["content"] = heard.text if before == UNHEARD else f"{before} {heard.text}"
            self._core.tell(live_events.SupervisorSaid, text=heard.text)
        elif before == UNHEARD and not self._is_speaking:  # it was no speech
            self._core.conversation.forget(record)

    def _on_failure(self, provider: str, error: str, next: str) -> None:
        self._core.tell(speech_events.ProviderFailed, stage="stt", provider=provider, error=error, next=next)

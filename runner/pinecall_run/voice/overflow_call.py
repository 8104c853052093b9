"""One sentence for a caller for whom there is no room, with the agent's voice, and the end of the call.

It is no conversation: nobody listens, no model is asked, and the runner hears of it only that somebody was turned away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.playhead import HeardWord
from pinecall_run.transports.contract import AudioOutlet, Caller
from pinecall_run.voice.call_core import Surroundings
from pinecall_run.voice.phrases import Phrases
from pinecall_run.voice.speaking import Speaker, Voice
from pinecall_run.voice.utterance import Utterance
from pinecall_run.wire import commands

REASON = "busy"

LONGEST_SECONDS = 20.0
"""Then it ends, whatever of its sentence was heard."""


class OverflowCall:
    """See :class:`pinecall_run.transports.contract.PhoneSession`, and the session of
    :class:`pinecall_run.voice.conversations.Conversations`."""

    def __init__(
        self,
        call_id: str,
        agent_id: str,
        utterance: Utterance,
        outlet: AudioOutlet,
        around: Surroundings,
        *,
        caller: Caller,
        voices: Sequence[Voice],
        phrases: Phrases,
    ) -> None:
        self.id = call_id
        self.agent_id = agent_id
        self._outlet = outlet
        self._clock: Callable[[], float] = around.clock
        self._utterance = utterance
        self._speaker = Speaker(voices, Mixer(), self, health=around.health, phrases=phrases)
        self._speaker.follows_playing = caller.reports_playing
        self._speaker.say(utterance)
        self._reason = REASON
        self._ended = asyncio.Event()

    # the door (PhoneSession, PhoneSide)

    @property
    def phone(self) -> OverflowCall:
        """See :class:`PhoneSession`."""
        return self

    def hear(self, chunk: Samples) -> None:
        """Nobody listens."""

    def take(self) -> Samples | None:
        """See :class:`AudioSession`."""
        return None if self._ended.is_set() else self._speaker.take(may_begin=True)

    def act(self, action: Mapping[str, Any]) -> None:
        """There is nothing that a page could ask for."""

    def played(self, chunks: int) -> None:
        """See :class:`PhoneSide`."""
        self._speaker.played(chunks)

    def key(self, digit: str) -> None:
        """Nobody listens."""

    def forwarded(self, to: str) -> None:
        """It is not."""

    def end(self, reason: str) -> None:
        """End it; the first reason counts."""
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    # the server (Session)

    @property
    def heard_at(self) -> float:
        """It ends by itself."""
        return self._clock()

    def announce(self) -> None:
        """The runner was told that somebody was turned away."""

    def owner_left(self) -> None:
        """That changes nothing."""

    def owner_returned(self) -> None:
        """That changes nothing."""

    def handle(self, command: commands.Command) -> bool:
        """There is nothing that a runner could want of it."""
        return False

    async def run(self) -> None:
        """Say the sentence, and end."""
        speaking = asyncio.create_task(self._speaker.run())
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            self._ended.set()
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            self._outlet.ended(self._reason)

    # what becomes of the sentence (Audience)

    def began(self, utterance: Utterance) -> None:
        """See :class:`Audience`."""

    def word(self, utterance: Utterance, word: HeardWord) -> None:
        """See :class:`Audience`."""

    def finished(self, utterance: Utterance) -> None:
        """See :class:`Audience`."""
        self.end(REASON)

    def sounded(self, utterance: Utterance) -> None:
        """See :class:`Audience`."""

    def voice_used(self, vendor: tuple[str, str], characters: int) -> None:
        """See :class:`Audience`: it is on no call's account."""

    def voice_failed(self, provider: str, error: str, next: str) -> None:
        """See :class:`Audience`."""
        if not next:
            self.end(REASON)


def sentence(words: str, call_id: str, language: str) -> Utterance:
    """What is said, which is the same in many calls, so that it is made once."""
    utterance = Utterance(call_id, language=language, is_fixed=True)
    utterance.write(words)
    utterance.close()
    return utterance

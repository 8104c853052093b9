"""How the agent speaks: one utterance after the other is turned into sound, played on time, and cut when it must be."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.playhead import HeardWord
from pinecall_run.audio.resample import Resampler
from pinecall_run.providers.contracts import Audio, ProviderError, Spoken, TextToSpeech
from pinecall_run.voice.failure import described
from pinecall_run.voice.health import Health
from pinecall_run.voice.phrases import Phrases
from pinecall_run.voice.spoken_text import spoken
from pinecall_run.voice.utterance import Utterance

_LOG = logging.getLogger("pinecall_run.voice")

STALL_SECONDS = 5.0
"""A voice that gives nothing for this long has failed."""

AT_ONCE = RATE // 2
"""Samples of a voice that never waits, after which all others have a turn."""

LOOK_AHEAD = 1_600
"""Samples that wait in the mixer: enough for the next chunk whatever the pieces' length, little to drop at a cut."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of a vendor, opened; ``model`` is what its price depends on, ``identity`` tells it from any that sounds
    otherwise."""

    provider: str
    tts: TextToSpeech
    model: str = ""
    identity: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Whose health it is."""
        return "tts", self.provider, self.model


class Audience(Protocol):
    """Whom a speaker tells what becomes of utterances. All calls come from :meth:`Speaker.take` and
    :meth:`Speaker.played` but the last three."""

    def began(self, utterance: Utterance) -> None:
        """Its first sound is being played."""

    def word(self, utterance: Utterance, word: HeardWord) -> None:
        """A word of it begins to be heard."""

    def finished(self, utterance: Utterance) -> None:
        """It was played to its end, or there was nothing in it to be played."""

    def sounded(self, utterance: Utterance) -> None:
        """Its first sound was made."""

    def voice_used(self, vendor: tuple[str, str], characters: int) -> None:
        """A vendor's model is asked to speak so many characters."""

    def voice_failed(self, provider: str, error: str, next: str) -> None:
        """A voice failed; ``next`` speaks from now on. Where that is empty, nobody says the rest of the utterance."""


class Speaker:
    """The agent's voice in one call. ``voices`` are tried in their order; one that failed is not tried again, unless it
    is the last: an agent who is mute for good is worse than one who pauses."""

    def __init__(
        self, voices: Sequence[Voice], mixer: Mixer, audience: Audience, *, health: Health, phrases: Phrases
    ) -> None:
        self._health = health
        self._phrases = phrases
        self._voices = health.in_order(voices, lambda voice: voice.key)
        self._mixer = mixer
        self._audience = audience
        self._to_make: asyncio.Queue[Utterance] = asyncio.Queue()
        self._line: deque[Utterance] = deque()
        """What is to be heard, in order; the first is being played once it ``has_begun``."""
        self._making: asyncio.Task[None] | None = None
        self._made: Utterance | None = None
        self._is_fading = False
        self.follows_playing = False
        """Whether what is taken counts as heard only when :meth:`played` says so; otherwise at once."""
        self._chunks = 0
        self._in_flight: deque[tuple[int, Utterance, int]] = deque()
        """What was taken and is not known to be played: the number of its chunk, and how many samples are voice."""

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to be heard yet."""
        return bool(self._line)

    @property
    def current(self) -> Utterance | None:
        """What is being played."""
        return self._line[0] if self._line and self._line[0].has_begun else None

    def change_voices(self, voices: Sequence[Voice]) -> None:
        """Speak with these from the next sentence on."""
        self._voices = self._health.in_order(voices, lambda voice: voice.key)

    def say(self, utterance: Utterance) -> None:
        """Say something after what is being said."""
        self._line.append(utterance)
        self._to_make.put_nowait(utterance)

    def take(self, *, may_begin: bool) -> Samples | None:
        """The next 20 ms for the caller. ``may_begin`` where nothing keeps the agent from beginning an utterance."""
        if self._is_fading:  # what was cut ends before anything else begins
            self._is_fading = False
            return self._taken(self._mixer.take()[0])
        first = self._line[0] if self._line else None
        if first is not None and not (first.has_begun or may_begin):
            first = None
        if first is not None:
            while first.pieces and self._mixer.queued_samples < LOOK_AHEAD:
                self._mixer.queue(first.take_piece())
        chunk, voiced = self._mixer.take()
        if first is not None and voiced:
            if not first.has_begun:
                first.has_begun = True
                self._audience.began(first)
            self._in_flight.append((self._chunks + 1, first, voiced))
        elif first is not None and first.is_over:
            self._hear(first, 0)
        return self._taken(chunk)

    def _taken(self, chunk: Samples | None) -> Samples | None:
        if chunk is not None:
            self._chunks += 1
            if not self.follows_playing:
                self.played(self._chunks)
        return chunk

    def played(self, chunks: int) -> None:
        """So many chunks of all that were taken have been played."""
        while self._in_flight and self._in_flight[0][0] <= chunks:
            _, utterance, samples = self._in_flight.popleft()
            if not utterance.is_cut:
                self._hear(utterance, samples)

    def _hear(self, utterance: Utterance, samples: int) -> None:
        for word in utterance.playhead.played(samples):
            self._audience.word(utterance, word)
        if utterance.is_over and self._line and self._line[0] is utterance:
            self._line.popleft()
            self._audience.finished(utterance)

    def cut(self) -> list[Utterance]:
        """Fall silent within one chunk; what had begun or waited, in order."""
        self._fade()
        dropped = list(self._line)
        for utterance in dropped:
            self._drop(utterance)
        return dropped

    def drop(self, utterance: Utterance) -> None:
        """Take one utterance out, silently if it had not begun."""
        if utterance in self._line:
            if utterance.has_begun:
                self._fade()
            self._drop(utterance)

    def _fade(self) -> None:
        self._mixer.cut()
        self._is_fading = True

    def find(self, message_id: str) -> Utterance | None:
        """The utterance of an id, if it is still to be heard."""
        return next((each for each in self._line if each.message_id == message_id), None)

    def answers(self, turn: int) -> list[Utterance]:
        """The answers to a message of the caller's that nobody has heard of yet."""
        return [each for each in self._line if each.turn == turn and not each.has_begun]

    def _drop(self, utterance: Utterance) -> None:
        self._line.remove(utterance)
        utterance.cut()
        if utterance is self._made and self._making is not None:
            self._making.cancel()

    # making sound

    async def run(self) -> None:
        """Turn utterances into sound, until cancelled."""
        while True:
            utterance = await self._to_make.get()
            if utterance.is_cut:
                continue
            self._made, self._making = utterance, asyncio.create_task(self._make(utterance))
            try:
                await asyncio.wait([self._making])
            finally:
                self._making.cancel()
                await asyncio.gather(self._making, return_exceptions=True)
                self._made = self._making = None

    async def _make(self, utterance: Utterance) -> None:
        try:
            while (sentence := await utterance.next_sentence()) is not None:
                text = spoken(sentence)
                if not text:  # nothing to hear, but it belongs to what is shown
                    utterance.playhead.begin(sentence)
                    utterance.playhead.complete()
                elif not await self._speak(utterance, sentence, text):
                    break
        except Exception as error:  # noqa: BLE001 - a voice may fail in any way; the call goes on
            _LOG.error("speaking failed: %s", described(error))
        utterance.is_made = True

    async def _speak(self, utterance: Utterance, sentence: str, text: str) -> bool:
        """One sentence, by the first voice that can; ``False`` when all have failed."""
        voices = list(self._voices)
        for voice, following in zip(voices, [*voices[1:], None], strict=True):
            try:
                await self._speak_with(voice, utterance, sentence, text)
                self._health.worked(voice.key)
                return True
            except ProviderError as raised:
                error = raised
            except TimeoutError:
                error = ProviderError(f"it gave nothing for {STALL_SECONDS:g} s", kind="timeout")
            except Exception as raised:  # noqa: BLE001 - a voice may fail in any way; the next one may not
                _LOG.error("speaking failed: %s", described(raised))
                error = ProviderError(f"it failed with {type(raised).__name__}")
            self._health.failed(voice.key, error)
            if following is not None and voice in self._voices:
                self._voices.remove(voice)
            self._audience.voice_failed(voice.provider, str(error), following.provider if following else "")
        return False

    async def _speak_with(self, voice: Voice, utterance: Utterance, sentence: str, text: str) -> None:
        """One sentence by one voice. What had sounded when it failed was heard, and is kept; the next says it anew."""
        resampler = Resampler(voice.tts.rate, RATE)
        pieces = self._pieces(voice, utterance, text)
        has_begun, at_once = False, 0
        try:
            async with asyncio.timeout(STALL_SECONDS) as patience:
                async for piece in pieces:
                    if not has_begun:
                        has_begun = True
                        utterance.playhead.begin(sentence)
                    if isinstance(piece, Audio):
                        self._sounds(utterance)
                        samples = resampler.feed(piece.samples)
                        utterance.add(samples)
                        at_once += len(samples)
                        if at_once > AT_ONCE:
                            at_once = 0
                            patience.reschedule(None)
                            await asyncio.sleep(0)
                            await utterance.has_room()
                    else:
                        utterance.playhead.word_time(piece.word, piece.start, piece.end)
                    _renew(patience)
            utterance.add(resampler.flush())
        finally:
            if has_begun:
                utterance.playhead.complete()
            await _close(pieces)

    async def _pieces(self, voice: Voice, utterance: Utterance, text: str) -> AsyncIterator[Spoken]:
        """The vendor's, or those that it made when it said the same before."""
        key = voice.identity, text
        known = self._phrases.find(key) if utterance.is_fixed else None
        for piece in known or ():
            yield piece
        if known is not None:
            return
        self._audience.voice_used((voice.provider, voice.model), len(text))
        pieces, made = voice.tts.speak(text, utterance.message_id), list[Spoken]()
        try:
            async for piece in pieces:
                if utterance.is_fixed:
                    made.append(piece)
                yield piece
        finally:
            await _close(pieces)
        self._phrases.keep(key, made)

    def _sounds(self, utterance: Utterance) -> None:
        if not utterance.has_sound:
            utterance.has_sound = True
            self._audience.sounded(utterance)


def _renew(patience: asyncio.Timeout) -> None:
    """Wait for so long anew, within a tenth: a timer for each piece takes more than all else that is done with it."""
    now, due = asyncio.get_running_loop().time(), patience.when()
    if due is None or due < now + 0.9 * STALL_SECONDS:
        patience.reschedule(now + STALL_SECONDS)


async def _close(pieces: AsyncIterator[Spoken]) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()

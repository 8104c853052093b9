"""What the person hears next: the voice, over a background and beside a guest where there are such."""

from __future__ import annotations

from collections import deque

import numpy as np

from pinecall_run.audio.background import Background
from pinecall_run.audio.blend import laid_over
from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.audio.guest import Guest

_FADE = 80
"""A voice that stops fades over 5 ms."""
_PAUSE_CHUNKS = 25
"""The background stays low over half a second without voice: sentences have gaps."""


class Mixer:
    """Collects the voice faster than it is heard, and gives it out in chunks.

    Pieces are kept as they are, not copied, and chunks may be parts of them: neither is to be changed.
    """

    def __init__(self, *, limit_seconds: float = 30.0) -> None:
        self._limit = round(limit_seconds * RATE)
        self._voice: deque[Samples] = deque()
        self._backgrounds: list[Background] = []
        self._pause = _PAUSE_CHUNKS
        self.guest: Guest | None = None
        """Who speaks beside the voice."""
        self.without_guest: Samples | None = None
        """The chunk that was taken last, as a guest would hear it: without themselves."""
        self.queued_samples = 0
        """Of the voice, not yet taken."""

    @property
    def has_room(self) -> bool:
        """Whether :meth:`queue` takes another piece. It takes a whole one, however long, while less is queued than the
        limit, so that the bound is the limit and one piece."""
        return self.queued_samples < self._limit

    def queue(self, samples: Samples) -> bool:
        """Append to the voice, 16 kHz mono; ``False``, and nothing taken, when there is no room."""
        if not self.has_room:
            return False
        if len(samples):
            self._voice.append(samples)
            self.queued_samples += len(samples)
        return True

    def cut(self) -> int:
        """Stop the voice: 5 ms of what was to come fade out in the next chunk, the rest is dropped. How many samples
        were dropped; what is queued from now on follows the fading."""
        queued = self.queued_samples
        if queued:
            last = _faded(self._pull(_FADE))
            self._voice = deque([last])
            self.queued_samples = len(last)
        return queued - self.queued_samples

    def background(self, loop: Samples | None, *, gain: float = 1.0) -> None:
        """Play a loop under the voice from now on, or none. What sounded goes while the new one comes; the same loop
        plays on at another gain. Ends of a loop that do not meet click: ``background.seamless`` mends them."""
        if loop is not None and not len(loop):
            loop = None
        for old in self._backgrounds:
            old.turn_to(gain if old.loop is loop else 0.0)
        if loop is not None and all(old.loop is not loop for old in self._backgrounds):
            self._backgrounds.append(Background(loop, gain))
        self._drop_what_has_gone()

    def take(self) -> tuple[Samples | None, int]:
        """The next chunk, and how many samples of it are voice; ``None`` when there is nothing to play."""
        chunk, voiced = self._take()
        self.without_guest = chunk
        beside = None if self.guest is None else self.guest.take()
        if beside is not None:
            chunk = beside if chunk is None else laid_over(chunk, beside)
        return chunk, voiced

    def _take(self) -> tuple[Samples | None, int]:
        if not self.queued_samples and not self._backgrounds:
            return None, 0
        voice = self._pull(CHUNK_SAMPLES) if self.queued_samples else None
        spoken = 0 if voice is None else len(voice)
        if voice is not None and spoken < CHUNK_SAMPLES:
            voice = np.concatenate((_faded(voice), np.zeros(CHUNK_SAMPLES - spoken, np.int16)))
        return self._over_background(voice) if self._backgrounds else voice, spoken

    def _over_background(self, voice: Samples | None) -> Samples:
        self._pause = self._pause + 1 if voice is None else 0
        is_ducked = self._pause < _PAUSE_CHUNKS
        mix = np.zeros(CHUNK_SAMPLES, np.float32) if voice is None else voice.astype(np.float32)
        for each in self._backgrounds:
            mix += each.take(is_ducked=is_ducked)
        self._drop_what_has_gone()
        return mix.clip(-32_768, 32_767, out=mix).astype(np.int16)

    def _drop_what_has_gone(self) -> None:
        self._backgrounds = [each for each in self._backgrounds if not each.is_over]

    def _pull(self, most: int) -> Samples:
        """The next samples of the voice, fewer when it has no more."""
        first = self._voice[0]
        if len(first) > most:
            self._voice[0] = first[most:]
            taken = first[:most]
        elif len(first) == most or len(self._voice) == 1:
            taken = self._voice.popleft()
        else:
            taken = self._joined(most)
        self.queued_samples -= len(taken)
        return taken

    def _joined(self, most: int) -> Samples:
        pieces, missing = [], most
        while missing and self._voice:
            piece = self._voice.popleft()
            pieces.append(piece[:missing])
            if len(piece) > missing:
                self._voice.appendleft(piece[missing:])
            missing -= len(pieces[-1])
        return np.concatenate(pieces)


def _faded(samples: Samples) -> Samples:
    """The same with its end faded out to nothing: a wave that breaks off is a click."""
    fade = min(_FADE, len(samples))
    faded = samples.copy()
    faded[-fade:] = samples[-fade:] * np.linspace(1, 0, fade + 1)[1:]
    return faded

"""One thing the agent says, from its text to what of it was heard; no I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.playhead import Playhead
from pinecall_run.providers.contracts import SpokenItem
from pinecall_run.voice.sentences import Sentences

AHEAD = 20 * RATE
"""Samples that may be made before they are played: more would be paid for in vain when the caller interrupts."""


class Utterance:
    """Text goes in by :meth:`write`, sentences come out of :meth:`next_sentence`, sound is kept until it is played.

    Attributes:
        record: the message of the model's history that this is; its text is what was planned until it is known what
            was heard. ``None`` keeps nothing.
        turn: the caller's message that it answers; 0 where it answers none.
        is_clients: whether the runner named it, and waits for its end.
        is_fixed: whether it is said word for word in many calls, so that its sound is worth keeping.
        item: where a model speaks it itself; there are no sentences then, for nobody has to make sound of them.
    """

    def __init__(
        self,
        message_id: str,
        *,
        language: str = "",
        turn: int = 0,
        is_clients: bool = False,
        is_fixed: bool = False,
        record: dict[str, object] | None = None,
        item: SpokenItem | None = None,
    ) -> None:
        self.message_id = message_id
        self.turn = turn
        self.is_clients = is_clients
        self.is_fixed = is_fixed
        self.record = record
        self.item = item
        self.playhead = Playhead()
        self.text = ""
        self.shown_at_once = ""
        """What is known of its text when it begins: all, unless a model is still writing it."""
        self.has_sound = self.has_begun = self.is_cut = self.is_made = False
        self.pieces: deque[Samples] = deque()
        self._kept = 0
        self._splitter = Sentences(language or "en")
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()
        self._is_closed = False

    # text

    def write(self, token: str) -> None:
        """A piece of the text; of what was cut, or could not be spoken, there is no more."""
        if self.is_cut or self.is_made:
            return
        self.text += token
        if self.record is not None:
            self.record["content"] = self.text
        if self.item is not None:
            self.shown_at_once = self.text
            self.playhead.extend(token)
        else:
            self._offer(self._splitter.feed(token))

    def close(self) -> None:
        """The text is complete."""
        if not self._is_closed:
            self._is_closed = True
            if self.item is not None:
                self.playhead.complete()
                self.is_made = True
                return
            self._offer(self._splitter.flush())
            self._sentences.put_nowait(None)

    async def next_sentence(self) -> str | None:
        """The next sentence to be spoken; ``None`` after the last."""
        return await self._sentences.get()

    def _offer(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self._sentences.put_nowait(sentence)

    # sound

    def add(self, samples: Samples) -> None:
        """Sound of the current sentence, at 16 kHz."""
        if len(samples):
            self.pieces.append(samples)
            self._kept += len(samples)
            self.playhead.queued(len(samples))
            if self._kept > AHEAD:
                self._room.clear()

    async def has_room(self) -> None:
        """Until more sound may be made."""
        await self._room.wait()

    def take_piece(self) -> Samples:
        """The next piece, on its way to be played."""
        piece = self.pieces.popleft()
        self._kept -= len(piece)
        if self._kept <= AHEAD:
            self._room.set()
        return piece

    def cut(self) -> None:
        """Nothing more of it is made or played."""
        self.is_cut = True
        self.pieces.clear()
        self._kept = 0
        self._room.set()

    @property
    def is_over(self) -> bool:
        """Whether everything was made and played."""
        return self.is_made and self.playhead.is_over

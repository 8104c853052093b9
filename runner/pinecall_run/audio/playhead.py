"""Which words of what the agent says have been heard, told from the samples that were really played."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pinecall_run.audio.chunk import RATE
from pinecall_run.audio.word_times import SIGN, WordTimes

_NEEDS_NO_SPACE = re.compile(rf"\s|[{SIGN}、。！，？…」』]")


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as it stands in the text, with its punctuation. ``index`` counts from 0 over the utterance; ``start`` and
    ``end`` are seconds of the utterance."""

    word: str
    index: int
    start: float
    end: float


@dataclass(slots=True)
class _Sentence:
    """``offset`` is where it stands in the text, ``first`` which sample of the utterance is its first."""

    times: WordTimes
    offset: int
    first: int
    samples: int = 0
    begun: int = 0
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class _Begun:
    """A word that began to be heard: where the text may be cut after it, and the sample in its middle."""

    reach: int
    middle: float


class Playhead:
    """Follows one utterance of several sentences through the loudspeaker.

    A word begins to be heard with its first sample, and has been heard when half of it was played. Both stay as they
    are: what is learned later of the sentence moves only the words that are still to come. The words of a sentence
    that got no sound are never heard.
    """

    def __init__(self) -> None:
        self.text = ""
        """All sentences, as they were written."""
        self._sentences: list[_Sentence] = []
        self._at = 0
        """The sentence that is being heard."""
        self._queued = 0
        self._played = 0
        self._begun: list[_Begun] = []
        self._untold: list[HeardWord] = []
        self._heard = 0
        self._last_start = 0.0

    def begin(self, text: str) -> None:
        """A new sentence starts where the queued sound ends; the one before it is complete."""
        self.complete()
        if self.text and text and not _NEEDS_NO_SPACE.search(self.text[-1] + text[0]):
            self.text += " "
        self._sentences.append(_Sentence(WordTimes(text), len(self.text), self._queued))
        self.text += text

    def extend(self, text: str) -> None:
        """The newest sentence goes on, with its sound still to come; the first call begins one."""
        if not self._sentences or self._sentences[-1].is_complete:
            self.begin(text)
            return
        sentence = self._sentences[-1]
        self.text += text
        sentence.times = WordTimes(self.text[sentence.offset :])
        if sentence.begun:  # its last word may have been half a word
            reach = sentence.offset + sentence.times.words[sentence.begun - 1].reach
            self._begun[-1] = _Begun(reach, self._begun[-1].middle)

    def word_time(self, word: str, start: float, end: float) -> None:
        """When the next word of the newest sentence sounds, in seconds of its sound, in the vendor's own spelling."""
        if self._sentences:
            self._sentences[-1].times.hear_of(word, start, end)

    def queued(self, samples: int) -> None:
        """So many samples of the newest sentence will be played."""
        if self._sentences:
            self._sentences[-1].samples += samples
            self._queued += samples

    def complete(self) -> None:
        """All sound of the newest sentence is queued."""
        if self._sentences:
            self._sentences[-1].is_complete = True
            self._advance()

    def played(self, samples: int) -> Sequence[HeardWord]:
        """So many samples more were played: the words that began to be heard since the last call. Where the end of
        what was played turned out to be the end, 0 samples still bring words."""
        self._played = min(self._played + samples, self._queued)
        self._advance()
        told, self._untold = self._untold, []
        return told

    @property
    def is_over(self) -> bool:
        """Whether all sentences are complete and played."""
        return self._at == len(self._sentences)

    @property
    def heard(self) -> str:
        """The text, from its beginning, up to and with the last word that was heard."""
        return self.text[: self._begun[self._heard - 1].reach] if self._heard else ""

    @property
    def words_heard(self) -> int:
        """How many words ``heard`` has."""
        return self._heard

    @property
    def played_ms(self) -> float:
        """How much was played."""
        return self._played * 1000 / RATE

    def _advance(self) -> None:
        while self._at < len(self._sentences):
            sentence = self._sentences[self._at]
            played = self._played - sentence.first
            is_over = sentence.is_complete and played >= sentence.samples
            if sentence.samples:
                self._begin_words(sentence, played, is_over=is_over)
            if not is_over:
                break
            self._heard = len(self._begun)  # some were taken to last longer
            self._at += 1
        for index in range(self._heard, len(self._begun)):
            if self._begun[index].middle <= self._played:
                self._heard = index + 1

    def _begin_words(self, sentence: _Sentence, played: int, *, is_over: bool) -> None:
        words = sentence.times.words
        while sentence.begun < len(words):
            start, end = sentence.times.span(sentence.begun, sentence.samples, is_complete=sentence.is_complete)
            if not (start < played or is_over):
                return
            word = words[sentence.begun]
            start = self._last_start = max(sentence.first + start, self._last_start)
            end = max(sentence.first + end, start)
            self._untold.append(HeardWord(word.text, len(self._begun), start / RATE, end / RATE))
            self._begun.append(_Begun(sentence.offset + word.reach, (start + end) / 2))
            sentence.begun += 1

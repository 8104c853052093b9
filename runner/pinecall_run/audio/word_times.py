"""When each word of a sentence sounds: by the vendor's word times, and by the text's length where there are none."""

from __future__ import annotations

import re
from bisect import bisect_right
from math import isfinite
from typing import NamedTuple

from pinecall_run.audio.chunk import RATE

LETTERS_PER_SECOND = 15
"""How fast a voice is taken to speak while the length of a sentence is not known."""
_AHEAD = 3
"""So many words of the text may be missing among a vendor's words before the next one that fits."""

# Chinese and Japanese have no spaces: there each sign is a word, and takes as long as a short one of letters.
SIGN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SIGN_LETTERS = 3
_SIGN = re.compile(f"[{SIGN}]")
_PIECE = re.compile(rf"[{SIGN}][^\w\s]*|[^\s{SIGN}]+")
_SAYS_SOMETHING = re.compile(r"\w").search


class Word(NamedTuple):
    """A word of a sentence, with its punctuation. ``reach`` is where the sentence may be cut after it, and
    ``first`` and ``last`` say where it stands in letters, which is how long things take to say."""

    text: str
    reach: int
    first: int
    last: int


def words_of(text: str) -> list[Word]:
    """The words in their order. Punctuation that stands alone belongs to none, and is cut with the word before it."""
    matches = [match for match in _PIECE.finditer(text) if _SAYS_SOMETHING(match[0])]
    words, at, letters = [], matches[0].start() if matches else 0, 0
    for match, following in zip(matches, [*(m.start() for m in matches[1:]), len(text)], strict=False):
        first = letters + _letters(text[at : match.start()])
        last = first + _letters(match[0])
        words.append(Word(match[0], len(text[:following].rstrip()), first, last))
        at, letters = match.end(), last
    return words


class WordTimes:
    """The times of one sentence, in samples of its sound. They get better as more is known."""

    def __init__(self, text: str) -> None:
        self.words = words_of(text)
        self._keys = [_key(word.text) for word in self.words]
        self._next = 0
        """The first word of the text that no word of the vendor's was found for."""
        self._spelled = -1
        """The word that the vendor began to spell out."""
        self._letters = [0]
        self._times = [0.0]
        """The line through these points, letters across and samples up, says when what sounds. It never falls."""

    def hear_of(self, word: str, start: float, end: float) -> None:
        """The next word in the vendor's own spelling, in seconds.

        A word that is not the text's next is looked for among the few after that. One that is not there either is
        taken for a part of the next: vendors spell out what is a number, a sign or an abbreviation in the text.
        """
        key, at = _key(word), self._next
        if not key or at == len(self.words) or not (isfinite(start) and isfinite(end)):
            return
        ahead = _AHEAD if self._keys[at].isalpha() else 1  # what a number is spelled with may well come again
        if key in self._keys[at : at + 1 + ahead]:
            found = self._keys.index(key, at)
            self._point(self.words[found].first, start)
            self._point(self.words[found].last, end)
            self._next = found + 1
        elif self._spelled != at:
            self._spelled = at
            self._point(self.words[at].first, start)

    def span(self, index: int, samples: int, *, is_complete: bool) -> tuple[float, float]:
        """Where a word begins and ends, in samples, when there are ``samples`` of sound, for now or in all."""
        word = self.words[index]
        return self._time(word.first, samples, is_complete), self._time(word.last, samples, is_complete)

    def _point(self, letters: int, seconds: float) -> None:
        self._letters.append(letters)
        self._times.append(max(seconds * RATE, self._times[-1]))

    def _time(self, letters: int, samples: int, is_complete: bool) -> float:
        at = bisect_right(self._letters, letters) - 1
        begin, begun = self._letters[at], self._times[at]
        if at + 1 < len(self._letters):
            end, ended = self._letters[at + 1], self._times[at + 1]
        else:
            end = self.words[-1].last
            ended = samples if is_complete else max(samples, begun + (end - begin) * RATE / LETTERS_PER_SECOND)
        time = begun + (ended - begun) * (letters - begin) / (end - begin) if end > begin else begun
        return min(time, samples) if is_complete else time


def _letters(text: str) -> int:
    return len(text) + (_SIGN_LETTERS - 1) * len(_SIGN.findall(text))


def _key(word: str) -> str:
    """What is left of a word when spelling is a matter of taste."""
    return "".join(filter(str.isalnum, word.casefold()))

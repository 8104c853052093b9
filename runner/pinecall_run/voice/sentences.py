"""Cuts what a model writes into sentences that can be spoken, each as early as that is safe."""

from __future__ import annotations

import re
from enum import Enum, auto

FIRST_CLAUSE_CHARACTERS = 24
"""The first sentence may end at a comma from here on: speech begins while the rest is being written."""

FIRST_BREAK_CHARACTERS = 60
"""The first sentence may end before a conjunction from here on."""

LONGEST_CHARACTERS = 250
"""A longer sentence is cut at a clause, else at a word."""

_STOPS = ".!?…؟۔।॥"
_WIDE_STOPS = "。！？｡"
_CLOSERS = "\"'”’»›)]}*_`~」』）】》〉"
_CLAUSE_MARKS = ",;:—–،؛"
_WIDE_CLAUSE_MARKS = "、，；："
_FENCE = "```"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_LAST = _words(
    "aprox approx av avda bspw bzw ca capt cf col d.h dr dra drs e.g eg ej evtl fr frl gen ggf gov hno hr i.e ie lic "
    "lt maj mlle mme mr mrs ms mx p.ej pres prof rep rev sen sgt sig sog sr sra sres srs srta st sta sto u.a ud uds vd "
    "vgl viz vs z.b z.t"
)
"""What stands before a name, or before what it introduces."""

_SELDOM_LAST = _words("bros co corp dept etc gmbh inc jr ltd mio mrd usw")
_BEFORE_NUMBERS = _words(
    "abb abs apr art aug cap dec ext feb fig jan jul jun kap max min no nos nov nr núm núms oct pág págs par pp sec "
    "sep sept str tab tel tlf vol"
)
_SHORTENED = re.compile(r"(?:\w{1,2}\.-?)+\w")  # U.S, p.m, Ph.D, J.-P
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘«¿¡*_]*$")

_ORDINAL_LANGUAGES = _words("bs cs da de et fi hr hu is lt lv nb nn no pl sk sl sr tr")
_ORDINAL = re.compile(r"[1-9]|[12]\d|3[01]|[IVX]+")
_LIST_MARKER = re.compile(r"[\s>#*_(-]*(?:\d{1,2}|[a-zA-Z])")

_CONJUNCTIONS: dict[str, frozenset[str]] = {
    "de": _words("aber denn oder und weil"),
    "en": _words("and because but or so which while"),
    "es": _words("aunque pero porque pues y"),
    "fr": _words("car donc et mais ou parce"),
    "it": _words("e ma mentre oppure perché"),
    "pt": _words("e mas ou porque"),
}


class _Stop(Enum):
    """What a stop with space after it says."""

    END = auto()
    END_BUT_BEFORE_NUMBERS = auto()
    END_BUT_BEFORE_SMALL = auto()
    NO_END = auto()


class Sentences:
    """The sentences of one answer. ``language`` is a BCP-47 tag: in some languages a number with a stop is an ordinal.

    Every character is looked at by itself, with at most the next one that is no space: however a text is cut into
    tokens, its sentences are the same.
    """

    def __init__(self, language: str = "en") -> None:
        primary = language.partition("-")[0].lower()
        self._has_ordinals = primary in _ORDINAL_LANGUAGES
        self._has_i = primary == "en"
        self._conjunctions = _CONJUNCTIONS.get(primary, frozenset())
        self._text = ""
        self._is_first = True

    def feed(self, token: str) -> list[str]:
        """The sentences that are complete now, without the space around them. No other character is ever lost."""
        return [sentence for character in token for sentence in self._add(character)]

    def flush(self) -> list[str]:
        """What is left, because the answer is over. The next token begins another one."""
        rest = self._take(len(self._text))
        self._is_first = True
        return rest

    def _add(self, character: str) -> list[str]:
        done = self._take(self._cut_before(character))
        if self._text or not character.isspace():
            self._text += character
        return done

    def _take(self, at: int) -> list[str]:
        sentence, self._text = self._text[:at].rstrip(), self._text[at:].lstrip()
        self._is_first = self._is_first and not sentence
        return [sentence] if sentence else []

    def _cut_before(self, character: str) -> int:
        """How much of the text so far is a sentence, given the character after it; 0 where nothing is yet."""
        text = self._text
        if text.startswith(_FENCE):  # code is one piece, however long: its lines are not spoken
            return len(text) if len(text) > 5 and text.endswith(_FENCE) and character != "`" else 0
        if self._is_end(character):
            return len(text)
        early = self._early_cut(character) if self._is_first else 0
        return early or (_cut_of_long(text) if len(text) >= LONGEST_CHARACTERS else 0)

    def _is_end(self, character: str) -> bool:
        if character == "\n":
            return True
        body = self._text.rstrip()
        core = body.rstrip(_CLOSERS)
        if not core or character in _STOPS or character in _WIDE_STOPS:
            return False
        if core[-1] in _WIDE_STOPS:
            return character not in _CLOSERS
        if core[-1] not in _STOPS:
            return False
        if character.isspace():
            return self._stop(core, is_closed=core != body) is _Stop.END
        if body == self._text:  # no space after the stop: 3.14, example.com
            return character in "¿¡"
        match self._stop(core, is_closed=core != body):
            case _Stop.END_BUT_BEFORE_NUMBERS:
                return not character.isdigit()
            case _Stop.END_BUT_BEFORE_SMALL:
                return not (character.isdigit() or character.islower())
        return False

    def _stop(self, core: str, *, is_closed: bool) -> _Stop:
        """``core`` ends with a stop; ``is_closed`` tells that a quote or bracket closed after it."""
        before, stop = core[:-1], core[-1]
        found = self._full_stop(before) if stop == "." else _Stop.END
        is_open = is_closed or stop == "…" or core.endswith("..")
        return _Stop.END_BUT_BEFORE_SMALL if is_open and found is not _Stop.NO_END else found

    def _full_stop(self, before: str) -> _Stop:
        found = _LAST_WORD.search(before)
        word = found[0] if found else ""
        name = word.casefold()
        is_initial = len(word) == 1 and word.isalpha() and not (word == "I" and self._has_i)
        is_ordinal = self._has_ordinals and _ORDINAL.fullmatch(word)
        if is_initial or is_ordinal or name in _NEVER_LAST or _LIST_MARKER.fullmatch(before):
            return _Stop.NO_END
        if name in _BEFORE_NUMBERS:
            return _Stop.END_BUT_BEFORE_NUMBERS
        return _Stop.END_BUT_BEFORE_SMALL if name in _SELDOM_LAST or _SHORTENED.fullmatch(word) else _Stop.END

    def _early_cut(self, character: str) -> int:
        """Where the first sentence may be cut, before it is complete."""
        text = self._text
        if text[-1:] and text[-1] in _WIDE_CLAUSE_MARKS:
            return len(text) if len(text) >= FIRST_CLAUSE_CHARACTERS // 2 else 0
        if not character.isspace() or len(text) < FIRST_CLAUSE_CHARACTERS:
            return 0
        if text[-1] in _CLAUSE_MARKS:
            return 0 if text[-2].isdigit() else len(text)  # 1, 2 and 3
        start = max(text.rfind(" "), 0) + 1
        return start if start > FIRST_BREAK_CHARACTERS and text[start:].casefold() in self._conjunctions else 0


def _cut_of_long(text: str) -> int:
    """The last clause that is no mere crumb, else the last word, else all."""
    spaces = [at for at in range(1, len(text)) if text[at].isspace()]
    clauses = [at for at in spaces if text[at - 1] in _CLAUSE_MARKS]
    clauses += [at + 1 for at, character in enumerate(text) if character in _WIDE_CLAUSE_MARKS]
    last = max(clauses, default=0)
    return last if last >= FIRST_BREAK_CHARACTERS else (spaces[-1] if spaces else len(text))

"""What a text says about its own end: words, backchannels, and sentences that want to go on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum

from pinecall_run.turns import _vocabulary as vocabulary

# Chinese and Japanese leave no spaces: each sign counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['’][^\W_]+)*")
_GOES_ON = (",", "…", "...", "-", "–", "—", ":", ";", "、", "，")
_ASKS = ("?", "!", "？", "！", "؟")
_STOPS = (".", "。", "।")
_CLOSING = "\"'”’»)] "


class Look(Enum):
    """How finished a text looks: the probability that it is, and how many times the least silence it has to last."""

    FINISHED = (0.9, 1.0)
    UNKNOWN = (0.6, 1.5)
    UNFINISHED = (0.2, 4.0)

    @property
    def probability(self) -> float:
        return self.value[0]

    @property
    def patience(self) -> float:
        return self.value[1]


def words(text: str) -> list[str]:
    """The words of a text, folded, without punctuation."""
    return _WORD.findall(text.casefold().replace("’", "'"))


def look(text: str, language: str) -> Look:
    """How finished a text looks in a language (BCP-47). Of a language that we have no words of, punctuation decides."""
    text = text.rstrip(_CLOSING)
    said = words(text)
    if not said or text.endswith(_GOES_ON):
        return Look.UNFINISHED
    if text.endswith(_ASKS):
        return Look.FINISHED
    base = base_of(language)
    if _are_all(said, _ANSWERS, base):
        return Look.FINISHED
    if said[-1] in _DANGLING.get(base, ()) or " ".join(said).endswith(vocabulary.LEADS.get(base, ())):
        return Look.UNFINISHED
    if text.endswith(_STOPS):
        return Look.FINISHED
    return Look.UNFINISHED if said[-1] in _OPEN.get(base, ()) else Look.UNKNOWN


def is_backchannel(text: str, language: str) -> bool:
    """Whether a text is no more than a sign of listening; in a language that we have no words of, in any of ours."""
    return _are_all(words(text), _BACKCHANNELS, base_of(language))


def base_of(language: str) -> str:
    """``es`` of ``es-MX``."""
    return language.replace("_", "-").split("-")[0].lower()


def _are_all(said: Iterable[str], vocabularies: Mapping[str, frozenset[str]], base: str) -> bool:
    known = vocabularies.get(base) or frozenset().union(*vocabularies.values())
    return all(part in known for word in said for part in word.split("'"))


def _folded(table: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {language: frozenset(text.casefold().split()) for language, text in table.items()}


_BACKCHANNELS = _folded(vocabulary.BACKCHANNELS)
_ANSWERS = _folded(vocabulary.ANSWERS)
_DANGLING = _folded(vocabulary.DANGLING)
_OPEN = _folded(vocabulary.OPEN)

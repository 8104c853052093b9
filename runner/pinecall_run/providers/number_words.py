"""English numbers in words become digits, as callers say them: "one thousand and one", "ten oh one"."""

from __future__ import annotations

_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TO_NINETY = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_TO_NINETEEN.split())}
_TENS = {word: 10 * tens for tens, word in enumerate(_TO_NINETY.split(), start=2)}
_SCALES = {"thousand": 1_000, "million": 1_000_000}


def with_digits(text: str) -> str:
    """``text`` (small letters, no punctuation) with its numbers as digits; a lone "one" to "nine" stays a word.

    Numbers below a hundred that follow each other are one, as people read numbers out: "nineteen eighty four" is 1984.
    """
    words, said, at = text.split(), [], 0
    while at < len(words):
        digits, end = _number(words, at)
        end = max(end, at + 1)
        said.append(digits if len(digits) > 1 else " ".join(words[at:end]))
        at = end
    return " ".join(said)


def _number(words: list[str], start: int) -> tuple[str, int]:
    """The digits of the number that begins at ``start``, and where it ends; ``start`` itself where none begins."""
    value, at = _cardinal(words, start)
    digits = str(value) if at > start else ""
    while at > start and value < 100:
        value, end = (0, at + 1) if words[at : at + 1] == ["oh"] else _cardinal(words, at)
        if end == at or value >= 100:
            break
        digits, at = digits + str(value), end
    return digits, at


def _cardinal(words: list[str], start: int) -> tuple[int, int]:
    total, at, limit = 0, start, max(_SCALES.values()) + 1
    while True:
        value, end = _below_thousand(words, _after_and(words, at) if at > start else at)
        scale = _SCALES.get(words[end], limit) if end < len(words) else limit
        if not end:
            return total, at
        if scale >= limit:
            return total + value, end
        total, at, limit = total + value * scale, end + 1, scale


def _below_thousand(words: list[str], start: int) -> tuple[int, int]:
    """A value and where it ends; 0 as the end where there is none."""
    if words[start : start + 1] == ["a"] and words[start + 1 : start + 2] in (["hundred"], ["thousand"], ["million"]):
        value, end = 1, start + 1
    else:
        value, end = _below_hundred(words, start)
    if end and words[end : end + 1] == ["hundred"]:
        more, after = _below_hundred(words, _after_and(words, end + 1))
        return value * 100 + more, after or end + 1
    return value, end


def _below_hundred(words: list[str], start: int) -> tuple[int, int]:
    word = words[start] if start < len(words) else ""
    if word in _SMALL:
        return _SMALL[word], start + 1
    if word not in _TENS:
        return 0, 0
    unit = _SMALL.get(words[start + 1], 0) if start + 1 < len(words) else 0
    return (_TENS[word] + unit, start + 2) if 0 < unit < 10 else (_TENS[word], start + 1)


def _after_and(words: list[str], at: int) -> int:
    return at + 1 if words[at : at + 1] == ["and"] else at

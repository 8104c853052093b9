"""Did-you-mean."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 200
"""Characters of a word that may have been meant to be another."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be, if any is near enough."""
    if len(word) > LONGEST:
        return None  # it is no slip of anything, and comparing takes time and memory
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def surely(word: str, known: Iterable[str], *, is_ours: bool = True) -> str | None:
    """The one known word that is a single slip away from ``word``: a letter too many or too few, two letters swapped,
    or another use of case, ``-`` and ``_``.

    In our own vocabulary one wrong letter counts, too. Among names that authors made it does not, and neither does a
    digit anywhere: ``get_order`` and ``set_order`` are two things.
    """
    meant = [candidate for candidate in known if _is_slip(_folded(word), _folded(candidate), is_ours)]
    return meant[0] if len(meant) == 1 and meant[0] != word else None


def _folded(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")


def _is_slip(word: str, meant: str, may_be_wrong_letter: bool) -> bool:
    if word == meant:
        return True
    if min(len(word), len(meant)) < 3:
        return False
    same = next((i for i, (one, other) in enumerate(zip(word, meant, strict=False)) if one != other), None)
    start = min(len(word), len(meant)) if same is None else same
    left, right = word[start:], meant[start:]
    if any(char.isdigit() for char in left[:1] + right[:1]):
        return False
    is_swap = left[:2] == right[1::-1] and left[2:] == right[2:]
    is_extra_or_missing = left[1:] == right or left == right[1:]
    return is_swap or is_extra_or_missing or (may_be_wrong_letter and left[1:] == right[1:])


def listed(words: Iterable[str], *, limit: int = 16) -> str:
    """The words for a sentence: sorted, comma separated, cut after ``limit``."""
    ordered = sorted(words)
    shown = ", ".join(ordered[:limit])
    return shown + (f" and {len(ordered) - limit} more" if len(ordered) > limit else "")

"""Text as it is read aloud: without markdown, emoji, or the tails of addresses."""

from __future__ import annotations

import re
from collections.abc import Callable

_HOST = re.compile(r"(?:https?://)?(?:[^/@]*@)?(?:www\.)?([^/?#:]*)")
_AFTER_ADDRESS = ".,;:!?…\"'”’»)]}*_~`|"


def _host(address: re.Match[str]) -> str:
    """The host of an address, and what stands after the address without space."""
    whole = address[0]
    rest = whole[len(whole.rstrip(_AFTER_ADDRESS)) :]
    found = _HOST.match(whole.removesuffix(rest))
    return (found[1] if found else "") + rest


# Without the numbers in circles and with full stops that stand among them.
_EMOJI = (
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001faff\u2600-\u2775\u2794-\u27bf\u2b00-\u2bff\u2190-\u21ff\u20e3\ufe0f\ufe0e"
)

_MARKS = re.compile(r"`+|~~+|\*\*+|__+")
_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"```.*?(?:```|\Z)", re.DOTALL), " "),  # code
    (re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE), " "),  # rules
    (re.compile(r"^[ \t]*(?:\*[ \t]*){3,}$|^[ \t]*(?:_[ \t]*){3,}$", re.MULTILINE), " "),
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE), ""),  # quotations
    (re.compile(r"^[ \t]*#{1,6}[ \t]+", re.MULTILINE), ""),  # headings
    (re.compile(r"^[ \t]*[-*+•‣◦][ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE), ""),  # items, and whether they are done
    (re.compile(r"!?\[([^\][]*)\](?:\([^()\s]*(?:\s+\"[^\"]*\")?\)|\[[^\][]*\])"), r"\1"),  # links and pictures
    (re.compile(r"\]\([^()\s]*\)"), ""),  # the end of a link whose beginning was a sentence of its own
    (re.compile(r"<((?:https?://|www\.)[^\s>]+|[^\s<>@]+@[^\s<>@]+)>"), r"\1"),  # addresses in angle brackets
    (re.compile(r"</?[a-zA-Z][^<>]*>"), " "),  # HTML
    (re.compile(r"(?:https?://|\bwww\.)[^\s<>]+"), _host),
    (re.compile(r"://"), " "),  # of other addresses, and of what is none
    (re.compile(r"\\([\\`*_{}\[\]()#+.!|~>-])"), r"\1"),  # what was escaped
    (re.compile(r"[ \t]*\|[ \t]*"), ", "),  # cells of a table
    (_MARKS, ""),  # code, struck out, bold: also halves of them
    (re.compile(r"(?<![\s\d])\*|\*(?![\s\d])"), ""),  # italic, but 3 * 4
    (re.compile(r"(?<!\w)_|_(?!\w)"), ""),  # italic, but snake_case
    (_MARKS, ""),  # what met where italic was between
    (re.compile(f"[{_EMOJI}][{_EMOJI}\u200d]*"), " "),
    (re.compile(r"\s+"), " "),
    (re.compile(r" ([,.;:!?])"), r"\1"),
    (re.compile(r"^[,;:\s]+|[,;\s]+$"), ""),
    (re.compile(r"(?:, *)+,"), ","),
)


def spoken(sentence: str) -> str:
    """What a voice says of ``sentence``: links by their text, addresses by their host, the cells of a table one after
    the other, no code, no emoji. Empty where nothing is left that has a sound."""
    for pattern, replacement in _STEPS:
        sentence = pattern.sub(replacement, sentence)
    return sentence if any(character.isalnum() for character in sentence) else ""

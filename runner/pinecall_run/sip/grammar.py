"""What the header fields of SIP are made of (RFC 3261, 25.1): tokens, quoted strings, lists and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Parameters = Mapping[str, str | None]
"""Names in lower case; ``None`` where a parameter has no value."""

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
MOST_PARAMETERS = 64

_VALUE = re.compile(r"[^\s;,\"<>=]+|\[[0-9A-Fa-f:.]+\]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SHIELDING = re.compile(r'["<>]')
_NUMBER = re.compile(r"[0-9]{1,10}")


class GrammarError(Exception):
    """A text is not what its field holds; the message says why."""


def number(text: str, most: int) -> int:
    """The number that a text is, leading zeros or not.

    Raises:
        GrammarError: it is none, or more than ``most``.
    """
    digits = text.strip().lstrip("0") or text.strip()[-1:]
    if _NUMBER.fullmatch(digits) is None or not digits.isascii() or int(digits) > most:
        raise GrammarError(f"no number up to {most}")
    return int(digits)


def split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators that stand neither in quotes nor in angle brackets, trimmed.

    Raises:
        GrammarError: a quote or a bracket is not closed.
    """
    if not _SHIELDING.search(text):
        return [part.strip() for part in text.split(separator)]
    parts, start = [], 0
    for at, mark in _bare(text):
        if mark == separator:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def listed(text: str) -> list[str]:
    """The elements of a list with commas; empty ones are left out, as RFC 3261 has it for those it reads so."""
    return [part for part in split(text, ",") if part]


def _bare(text: str) -> Iterator[tuple[int, str]]:
    """The characters outside of quotes and brackets."""
    at, is_bracketed = 0, False
    while at < len(text):
        if text[at] == '"' and not is_bracketed:
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise GrammarError("a quoted string is not closed")
            at = quoted.end()
            continue
        if text[at] in "<>":
            if is_bracketed is (text[at] == "<"):
                raise GrammarError("angle brackets do not match")
            is_bracketed = not is_bracketed
        elif not is_bracketed:
            yield at, text[at]
        at += 1
    if is_bracketed:
        raise GrammarError("an angle bracket is not closed")


def quote(text: str) -> str:
    """A quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """What a quoted string says; any other text as it is."""
    if _QUOTED.fullmatch(text) is None:
        return text
    return _ESCAPED.sub(r"\1", text[1:-1])


def read_parameters(parts: list[str]) -> dict[str, str | None]:
    """Parameters, each ``name`` or ``name=value``; the first of a name counts.

    Raises:
        GrammarError: one is neither, or there are too many.
    """
    if len(parts) > MOST_PARAMETERS:
        raise GrammarError("too many parameters")
    found: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if TOKEN.fullmatch(name) is None:
            raise GrammarError("a parameter has no name")
        if equals and not (_VALUE.fullmatch(value) or _QUOTED.fullmatch(value)):
            raise GrammarError(f"the parameter {name} has no value")
        found.setdefault(name.lower(), unquote(value) if equals else None)
    return found


def write_parameters(parameters: Parameters) -> str:
    """``;name=value`` for each."""
    return "".join(f";{name}" if value is None else f";{name}={_value(value)}" for name, value in parameters.items())


def _value(text: str) -> str:
    return text if _VALUE.fullmatch(text) else quote(text)

"""Templates that only print variables, as most prompts do: what Jinja makes of them, without compiling anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

_TAG = r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}"
_PLAIN = re.compile(rf"(?:[^{{]++|\{{(?![{{%#])|{_TAG})*+")
_VARIABLE = re.compile(_TAG)
_BREAK = re.compile(r"\r\n?")
_WORDS = frozenset((
    "and", "caller", "else", "false", "False", "if", "in", "is", "loop",
    "none", "None", "not", "or", "self", "super", "true", "True",
))  # fmt: skip
"""Names that mean something else to Jinja."""


@dataclass(frozen=True, slots=True)
class PlainTemplate:
    """Texts with the names of variables between them: text, name, text, name, text."""

    pieces: tuple[str, ...]

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with the values in place of their names.

        Raises:
            KeyError: a variable has no value.
        """
        written = list(self.pieces)
        written[1::2] = [str(values[name]) for name in self.pieces[1::2]]
        return "".join(written)


def plain_names(text: str) -> frozenset[str] | None:
    """The variables of a template, if it does no more than print some; else ``None``."""
    names = frozenset(_VARIABLE.findall(text)) if _PLAIN.fullmatch(text) else None
    return None if names is None or names & _WORDS else names


def plain_template(text: str, known: Collection[str]) -> PlainTemplate | None:
    """The template, if it does no more than print known variables; else ``None``, and Jinja has to look at it."""
    if _PLAIN.fullmatch(text) is None:
        return None
    pieces = tuple(_VARIABLE.split(_BREAK.sub("\n", text)))
    names = pieces[1::2]
    return PlainTemplate(pieces) if all(name in known and name not in _WORDS for name in names) else None

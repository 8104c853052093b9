"""``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}`` and ``$$`` in scalars, with the rules of Docker Compose.

Source: https://docs.docker.com/reference/compose-file/interpolation/. ``$NAME`` without braces stays as it is,
because prompts speak of prices. ``${file:PATH}`` is what a file holds, as container platforms hand out secrets; the
value of the name ``file:PATH`` is up to whoever gives the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE_CODES = ("PCR201", "PCR202", "PCR204")
"""The codes of what can be wrong with a variable, and leaves the place without a value."""

_PIECE = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_LINE_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])(.*))?", re.DOTALL)
_FILE = re.compile(r"(file:[^:\n]+)(?:(:[-?])(.*))?", re.DOTALL)  # a path may hold - and ? itself


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one variable. ``code`` is a diagnostic code; ``written`` is the piece of text."""

    code: str
    message: str
    written: str
    help: str


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text after substitution. Where a variable is missing, its piece is left as written."""

    text: str
    problems: tuple[Problem, ...] = ()
    has_variables: bool = False
    line_breaks: tuple[Problem, ...] = ()
    """Variables whose values are more than one line: a problem where the text must be one. The value is not told."""


def substitute(text: str, environ: Mapping[str, str]) -> Substituted:
    """Replace every variable of ``text``. A value is never looked into again."""
    if "$" not in text:
        return Substituted(text)
    problems: list[Problem] = []
    line_breaks: list[Problem] = []
    found = False

    def piece(match: re.Match[str]) -> str:
        nonlocal found
        if match[0] == "$$":
            return "$"
        found = True
        value = _value(match, environ, problems)
        name = re.match(r"\$\{(\w+)", match[0])
        if name is not None and value and environ.get(name[1]) == value and _LINE_BREAK.search(value):
            line_breaks.append(_line_break(name[1], match[0]))
        return match[0] if value is None else value

    replaced = _PIECE.sub(piece, text)
    return Substituted(replaced, tuple(problems), found, tuple(line_breaks))


def _line_break(name: str, written: str) -> Problem:
    message = f"the variable {name} holds a line break, and this is a text of one line"
    return Problem("PCR204", message, written, f"set {name} to one line; a break at its end counts, too")


def _value(match: re.Match[str], environ: Mapping[str, str], problems: list[Problem]) -> str | None:
    written = match[0]
    inside = (_FILE if match[1].startswith("file:") else _INSIDE).fullmatch(match[1])
    if inside is None or not match[2]:
        forms = "write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:PATH}; a plain ${ is $${"
        problems.append(Problem("PCR202", f"`{written}` is not a variable", written, forms))
        return None
    name, operator, rest = inside[1], inside[2] or "", inside[3] or ""
    value = environ.get(name)
    if value is not None and (value or not operator.startswith(":")):
        return value
    if operator.endswith("-") and "${" not in rest:
        return rest
    if operator.endswith("-"):
        help = "give a default without variables"
        problems.append(Problem("PCR202", f"the default of {name} holds another variable", written, help))
        return None
    is_file = name.startswith("file:")
    message = f"{name.removeprefix('file:')} cannot be read" if is_file else f"the variable {name} is not set"
    if operator.endswith("?") and rest:
        message += f": {rest}"
    remedy = "write the file" if is_file else f"set {name}"
    problems.append(Problem("PCR201", message, written, f"{remedy}, or give a default: ${{{name}:-…}}"))
    return None

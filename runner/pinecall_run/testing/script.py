"""Scripts of frames that read like a trace: ``<`` is what the voice server sends, ``>`` what must come of it::

    < llm.tool_call {"msg_id": "m1", "tool_calls": [{"id": "t1", "name": "look", "arguments": "{}"}]}
    > llm.tool_result {"msg_id": "m1"}
    . 30                                  # so many seconds pass
    x                                     # the connection breaks; the runner makes a new one

Steps come in order. A frame may go on in lines that are indented; ``#`` begins a line of comment, or a comment after a
step without a frame.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``arrow`` is ``<`` or ``>`` with an event and fields, ``.`` with seconds, or ``x``."""

    line: int
    text: str
    arrow: str
    event: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class ScriptError(ValueError):
    """A script cannot be read; the message says which line, and why."""


def read_script(text: str) -> list[Step]:
    """The steps of a script.

    Raises:
        ScriptError: one of them makes no sense.
    """
    return [_step(number, step) for number, step in _whole_lines(text)]


def differences(expected: Any, came: Any, where: str = "") -> Iterator[str]:
    """How what came differs from what was expected. Of an object only the expected keys matter, of a list everything is
    compared."""
    at = where or "the frame"
    if isinstance(expected, Mapping) and isinstance(came, Mapping):
        for key, value in expected.items():
            inner = f"{where}.{key}" if where else key
            if key in came:
                yield from differences(value, came[key], inner)
            else:
                yield f"{inner} is missing, not {_shown(value)}"
    elif _is_list(expected) and _is_list(came):
        if len(expected) != len(came):
            yield f"{at} has {len(came)} items, not {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, came, strict=False)):
            yield from differences(one, other, f"{where}[{index}]")
    elif expected != came or isinstance(expected, bool) is not isinstance(came, bool):
        yield f"{at} is {_shown(came)}, not {_shown(expected)}"


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """The steps with the numbers of their first lines; what is indented goes on."""
    number, whole = 0, ""
    for at, line in enumerate(textwrap.dedent(text).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and whole:
            whole += " " + line.strip()
            continue
        if whole:
            yield number, whole
        number, whole = at, line.strip()
    if whole:
        yield number, whole


def _step(number: int, text: str) -> Step:
    arrow, rest = text[0], text[1:].strip()
    try:
        match arrow:
            case "<" | ">":
                event, _, frame = rest.partition(" ")
                fields = json.loads(frame) if frame.strip() else {}
                if not event or not isinstance(fields, dict):
                    raise ValueError("an event's name and, if there are any, its fields as a JSON object belong here")
                return Step(number, text, arrow, event, fields)
            case ".":
                seconds = float(_without_comment(rest))
                if not 0 <= seconds < float("inf"):
                    raise ValueError("that is no time that can pass")
                return Step(number, text, arrow, seconds=seconds)
            case "x" if not _without_comment(rest):
                return Step(number, text, arrow)
    except ValueError as error:
        raise ScriptError(f"line {number} of the script, `{text}`: {error}") from None
    raise ScriptError(f"line {number} of the script, `{text}`: a step begins with <, >, . or x")


def _without_comment(text: str) -> str:
    return text.partition("#")[0].strip()


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)

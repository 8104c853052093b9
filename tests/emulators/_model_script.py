"""What the emulated language models say: the script of a test, in the same words for every vendor."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Usage:
    """What an answer is said to have cost, in tokens.

    Attributes:
        input: what was read and came from no cache, nor went into one.
        cached, written: what came from the vendor's prompt cache, and what was put there.
        thought: what was thought and not said; not part of ``output``.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    thought: int = 0


@dataclass(frozen=True)
class Answer:
    """What a request gets.

    Attributes:
        thought: what the model thinks before it speaks, where the vendor shows thoughts.
        finish: the vendor's own reason of ending, in place of the one that follows from the answer.
        usage: what it cost, in place of an estimate of four characters a token and of the emulated prompt cache.
        status: anything but 200 is an error, with ``message``, ``code`` and ``headers``.
        first_after, each_after: seconds before the first byte, and before each further piece.
        cut_after: the connection breaks after so many pieces.
        ends_after: the answer ends after so many pieces as if that were all, which HTTP has nothing to say against.
        stream_error: an error in the middle of the stream, in place of its end; with ``code``, where the vendor has it.
    """

    text: str = ""
    calls: Sequence[tuple[str, Any]] = ()
    thought: str = ""
    finish: str = ""
    usage: Usage | None = None
    status: int = 200
    message: str = ""
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    first_after: float = 0.0
    each_after: float = 0.0
    cut_after: int | None = None
    ends_after: int | None = None
    stream_error: str = ""


Answers = Sequence[Answer] | Callable[[dict[str, Any]], Answer]


def says(text: str) -> Answer:
    """An answer in words."""
    return Answer(text=text)


def calls(*wanted: tuple[str, Any]) -> Answer:
    """Tool calls; arguments that are no text are written as JSON."""
    return Answer(calls=wanted)


def fails(status: int, message: str = "no", code: str | None = None) -> Answer:
    """An HTTP error."""
    return Answer(status=status, message=message, code=code)


def words(text: str) -> Iterator[str]:
    """The pieces in which a text is streamed; together they are the text."""
    yield from re.findall(r"\s*\S+|\s+$", text)


def arguments(given: Any) -> str:
    """The arguments of a call as JSON, or as whatever the script wants in place of it."""
    return given if isinstance(given, str) else json.dumps(given)


def tokens(text: str) -> int:
    """An estimate: four characters a token."""
    return -(-len(text) // 4)


def output_tokens(answer: Answer) -> int:
    """An estimate for the words and calls of an answer; no answer costs nothing."""
    return max(1, tokens(answer.text) + sum(tokens(name + arguments(given)) for name, given in answer.calls))


class PromptCache:
    """A vendor's cache that needs no asking: beginnings of prompts that were read before, if they are long enough.

    ``least`` tokens must be the same, and those that are count in steps of ``step``.
    """

    def __init__(self, *, least: int, step: int) -> None:
        self._least = least
        self._step = step
        self._seen: deque[str] = deque(maxlen=50)

    def read(self, prompt: str) -> Usage:
        """What of ``prompt`` is new and what is known; from now on all of it is."""
        alike = (os.path.commonprefix([prompt, seen]) for seen in self._seen)  # noqa: RUF071 - by character is meant
        same = max((len(beginning) // 4 for beginning in alike), default=0)
        known = same // self._step * self._step if same >= self._least else 0
        self._seen.append(prompt)
        return Usage(input=tokens(prompt) - known, cached=known)

"""How much operators, filters and methods may make out of little; everything else makes about what it is given.

Each estimate is taken before the deed, and is never less than what comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pinecall_run.templates.budget import MAX_STEPS, TooMuchError, check_bits, weigh

Estimate = Callable[..., int]
"""Called with just what the filter, or the method, is called with: the value first."""

_TOO_MUCH = MAX_STEPS + 1


def times(left: Any, right: Any) -> int:
    """``left * right``"""
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() + right.bit_length() - 1)
        return 0
    for series, count in ((left, right), (right, left)):
        if isinstance(series, Sequence) and isinstance(count, int):
            return len(series) * count
    return 0


def power(left: Any, right: Any) -> int:
    """``left ** right``"""
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 0:
        check_bits(left.bit_length() * right)
    return 0


_DIRECTIVE = re.compile(r"%%|%(?P<key>\([^)]*\))?[#0\- +]*(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*))?")


def percent(left: Any, right: Any) -> int:
    """``left % right``, where ``left`` is text with directives."""
    if not isinstance(left, str | bytes):
        return 0
    total = 0
    for found in _DIRECTIVE.finditer(left if isinstance(left, str) else left.decode("latin-1")):
        if found["key"] and "(" in found["key"][1:]:
            raise TooMuchError("a % directive of the template has a key with brackets in it")
        for number in (found["width"], found["precision"]):
            if number == "*":
                total += sum(abs(part) for part in _items(right) if isinstance(part, int))
            elif number:
                total += _number(number)
        if found["key"]:
            total += weigh(right)  # each directive may name the longest part
    return total


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple) else (value,)


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 9 else _TOO_MUCH


def specification(written: str) -> int:
    """A format specification, as in ``"{:>80}".format(…)``."""
    return sum(_number(digits) for digits in re.findall(r"\d+", written))


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else len(str(value))


def _whole(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0


def _count(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 1


def _replaced(value: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> int:
    text = value if isinstance(value, str | bytes) else str(value)
    old = old if isinstance(old, type(text)) else str(old)
    return (text.count(old) if isinstance(text, type(old)) else 0) * _size(new)


def _lines(value: Any) -> int:
    return str(value).count("\n") + 1


def _indented(value: Any, width: Any = 4, *_: Any, **__: Any) -> int:
    return (_lines(value) + 1) * (_whole(width) or _size(width))


def _joined(value: Any, d: Any = "", *_: Any, **__: Any) -> int:
    return _count(value) * _size(d)


def _wrapped(
    value: Any, width: Any = 79, break_long_words: Any = True, wrapstring: Any = None, break_on_hyphens: Any = True
) -> int:
    size = _size(value)
    rest = (size // max(_whole(width), 1)) * (size // 64)  # each line of a long word copies what is left of it
    return size * (_size(wrapstring or "") + 1) + rest


def _batched(value: Any, linecount: Any = 0, fill_with: Any = None) -> int:
    return 0 if fill_with is None else _whole(linecount)


def _summed(value: Any, attribute: Any = None, start: Any = 0) -> int:
    return 0 if isinstance(start, int | float) else _count(value) * weigh([value, start])


def _as_json(value: Any, indent: Any = None) -> int:
    weigh(value, 2 * (_whole(indent) if indent is None or isinstance(indent, int) else _size(indent)))
    return 0


def _rounded(value: Any, precision: Any = 0, *_: Any, **__: Any) -> int:
    check_bits(_whole(precision) * 4)
    return 0


def _squared(value: Any, *given: Any, **named: Any) -> int:
    size = weigh(value)
    return size * size


def _pretty(value: Any) -> int:
    """Each item and each word has a line of its own at worst, indented by the keys above it."""
    weigh(value)
    total = 0
    todo = [(value, 4)]
    while todo:
        item, indent = todo.pop()
        lines = 1
        if isinstance(item, dict):
            todo += ((part, indent + 4 + len(repr(key))) for key, part in item.items())
        elif isinstance(item, list | tuple):
            todo += ((part, indent + 2) for part in item)
        elif isinstance(item, str):
            lines += len(item.split()) + len(item.splitlines())
        elif isinstance(item, bytes):
            lines += len(item) // 4
        total += lines * indent
    return total


_LINEAR = frozenset(("ascii", "latin-1", "latin1", "utf-8", "utf8", "utf-16", "utf-32"))


def _coded(value: Any, encoding: Any = "utf-8", *_: Any, **__: Any) -> int:
    return 0 if encoding in _LINEAR else _size(value) ** 2  # as punycode


def _stripped(value: Any) -> int:
    text = str(value)
    return text.count("<") * len(text)


FILTERS: Mapping[str, Estimate] = {
    "batch": _batched,
    "center": lambda value, width=80: _whole(width),
    "format": lambda value, *given, **named: percent(value, named or given),
    "indent": _indented,
    "join": _joined,
    "pprint": _pretty,
    "replace": _replaced,
    "round": _rounded,
    "slice": lambda value, slices=0, fill_with=None: _whole(slices),
    "striptags": _stripped,
    "sum": _summed,
    "tojson": _as_json,
    "urlize": _squared,
    "wordwrap": _wrapped,
    "xmlattr": _squared,
}

METHODS: Mapping[str, Estimate] = {
    "center": lambda value, width, *_: _whole(width),
    "decode": _coded,
    "encode": _coded,
    "expandtabs": lambda value, tabsize=8: _size(value) * _whole(tabsize),
    "join": lambda value, parts: _count(parts) * _size(value),
    "ljust": lambda value, width, *_: _whole(width),
    "replace": _replaced,
    "rjust": lambda value, width, *_: _whole(width),
    "striptags": _stripped,
    "to_bytes": lambda value, length=1, *_, **__: _whole(length),
    "translate": lambda value, table: _size(value) * weigh(table),
    "zfill": lambda value, width: _whole(width),
}
"""Of text and numbers."""

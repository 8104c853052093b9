"""What rendering one template may cost, counted and never timed: the same template always ends in the same way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2.utils import Namespace

MAX_STEPS = 2_000_000
"""Steps of one rendering: nodes of the template that are gone through, and characters and items that are handled."""

MAX_DIGITS = 4_300
"""Decimal digits of a number; what Python itself turns into text."""

_MAX_BITS = MAX_DIGITS * 3322 // 1000


class TooMuchError(Exception):
    """A template does more than it may. Of several equal ones it is always at the same place."""


class Budget:
    """The steps that are left of one rendering."""

    def __init__(self, steps: int) -> None:
        self._steps = self.left = steps

    def spend(self, steps: int) -> None:
        """Take ``steps`` away, before they are made.

        Raises:
            TooMuchError: so many are not left.
        """
        self.left -= max(steps, 0)
        if self.left < 0:
            limit = f"{self._steps:,} steps, characters and items"
            raise TooMuchError(f"the template does or makes too much: more than {limit}")


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def budget(steps: int = MAX_STEPS) -> Iterator[Budget]:
    """Whatever is rendered inside may take ``steps`` together."""
    current = Budget(steps)
    token = _CURRENT.set(current)
    try:
        yield current
    finally:
        _CURRENT.reset(token)


def _current() -> Budget:
    current = _CURRENT.get()
    if current is None:
        raise RuntimeError("a template is run outside of render()")  # such as by Jinja, to find constants
    return current


def spend(steps: int) -> None:
    """Take steps from the rendering that goes on; see :meth:`Budget.spend`."""
    _current().spend(steps)


def weigh(value: Any, indent: int = 0) -> int:
    """Spend what it takes to go through a value or to write it: its characters and items, however deep, and for each
    item ``indent`` characters for every level it lies in. A value that occurs twice counts twice.

    Returns what was spent.
    """
    current = _current()
    before = current.left
    level: list[Any] = [value]
    depth = 1
    while level:
        inner: list[Any] = []
        current.spend(len(level) * (1 + indent * depth))  # before they are gone through
        for item in level:
            if isinstance(item, str | bytes):
                current.spend(len(item))
            elif isinstance(item, int):
                check_bits(item.bit_length())
                current.spend(item.bit_length() // 3)
            elif isinstance(item, dict):
                current.spend(2 * len(item))
                inner += item
                inner += item.values()
            elif isinstance(item, _SERIES):
                current.spend(len(item))
                inner += item
            elif isinstance(item, range):
                current.spend(len(item))
            elif isinstance(item, Namespace):
                inner.append(item._Namespace__attrs)  # what it prints
        level = inner
        depth += 1
    return before - current.left


_SERIES: tuple[type[Collection[Any]], ...] = (
    list, tuple, set, frozenset, type({}.keys()), type({}.values()), type({}.items())
)  # fmt: skip
_SIZED: tuple[type[Collection[Any]], ...] = (str, bytes, dict, range, *_SERIES)


def glance(value: Any) -> int:
    """Spend what it takes to go once through a value, without what is in its items."""
    size = 1 + (len(value) if isinstance(value, _SIZED) else 0)
    spend(size)
    return size


def check_bits(count: int) -> None:
    """Refuse an integer of ``count`` bits that is too long."""
    if count > _MAX_BITS:
        raise TooMuchError(f"the template may make a number of more than {MAX_DIGITS:,} digits")

"""Two tools of one agent that the model can hardly tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pinecall_run.tools.path import ToolPath


class Alike(NamedTuple):
    """A tool that is like an earlier one: by its function, or by its name."""

    name: str
    first: str
    has_same_function: bool


def alike(tools: Mapping[str, ToolPath]) -> Iterator[Alike]:
    """Tools, by name, with the same function as an earlier one, and names that differ in case, ``-`` and ``_`` only."""
    functions: dict[ToolPath, str] = {}
    names: dict[str, str] = {}
    for name, path in tools.items():
        first = functions.setdefault(path, name)
        if first != name:
            yield Alike(name, first, True)
            continue
        first = names.setdefault(name.casefold().replace("-", "_"), name)
        if first != name:
            yield Alike(name, first, False)

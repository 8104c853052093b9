"""The dotted path that names a tool's function."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolPath:
    """A module and a function in it."""

    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}"


def parse_tool_path(written: str) -> ToolPath | str:
    """The path that ``package.module.function`` or ``package.module:function`` names, or what is wrong."""
    module, colon, function = written.partition(":")
    if not colon:
        module, _, function = written.rpartition(".")
    if not module or not all(part.isidentifier() for part in (*module.split("."), function)):
        return f"`{written}` is not a path such as package.module.function"
    return ToolPath(module, function)
